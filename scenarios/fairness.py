"""Fairness: what becomes of polite connections when greedy ones never leave the server without work?

Some connections are polite: one message under way, the next when the answer has come. `greedy` of them, the last
ones, keep 1,024 messages of 1 KiB under way each: whenever the server looks, there is something to read. A loop that
looks at every ready connection in turn serves a polite one after at most one read of each greedy one. A server that
stays with a connection as long as it has data leaves the others waiting, perhaps for ever: the load refills what is
answered, and answers come from one connection only, so that the server's next read finds data again.

**Where to look.** tornado's `IOStream`, read by a coroutine, does stay. `read_bytes(partial=True)` tries `recv` at
once. If that had data, and the write went through, both futures are done; `await` of a future that is done does not go
back to the loop, and the coroutine reads again. Its `jain` says so: 10 greedy connections of 20 that get alike, with
little left for the others, make 0.5; one that has everything to itself for long makes it a half of that and less. Its
`polite_p99_us` is as long as the slice where polite ones got no answer in it. Compare with asyncio's row, which runs on
the same loop, and with its own at `greedy` 0. asyncio's transports read once a turn; libuv reads a connection at most
32 times in a row (`uv__read`); a thread for each connection leaves the question to the kernel, and to the
interpreter's lock.

Figures, in the counters of each slice: `jain`, Jain's index of the answers of each connection (Jain, Chiu and Hawe,
DEC-TR-301, 1984), 1 if all got the same and 1/n if one got all; greedy ones ask for more, so that it is below 1 for a
fair server too. `jain_polite`, the same of the polite ones alone, who all ask for the same: 1 is right.
`polite_p99_us`: what the slowest hundredth of their requests waits longer than; one that has no answer when the slice
ends counts with the time it has waited.

What this does not say: that staying is wrong. It saves turns, and its throughput is the higher for it. Nobody's
answers are lost: the check is of every byte, as everywhere.
"""

from dataclasses import replace

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    serves="echo",
    title="Fairness",
    short_title="Fair",
    question="How long do polite connections wait beside greedy ones, and does each get its share?",
    group="messages",
    unit="message",
    sets=(
        ("smoke", {"greedy": 10, "connections": 20}),
        ("standard", {"greedy": 0, "connections": 20}),
        ("standard", {"greedy": 1, "connections": 20}),
        ("full", {"greedy": 10, "connections": 100}),
        ("full", {"greedy": 50, "connections": 100}),
    ),
    limits={"greedy": (0, 1000), "connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_SIZE = 1024
_GREEDY_IN_FLIGHT = 1024


class Scenario(ServedScenario):
    """Echo; the load is greedy on some connections."""

    def application(self) -> StreamApplication:
        """The echo application: whom to serve next is not for it to say."""
        return Echo

    def exchange(self) -> Exchange:
        """One message under way on a polite connection, many on a greedy one."""
        return replace(echo(_SIZE), greedy=self.parameters["greedy"], greedy_in_flight=_GREEDY_IN_FLIGHT)
