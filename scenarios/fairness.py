"""Fairness: how long do polite connections wait beside greedy ones, and does each get its share?

Some connections are polite: one message in flight, the next when the answer has come. `greedy` of them, the last ones,
keep 1,024 messages of 1 KiB in flight each, so there is always data to read. A loop that looks at every ready
connection in turn serves a polite connection after at most one read of each greedy one. A server that stays with a
connection as long as it has data makes the others wait, perhaps for ever: the load sends a new message for each answer,
so the server's next read finds data again.

**Where to look.** tornado's `IOStream`, read by a coroutine, stays. `read_bytes(partial=True)` tries `recv` at once. If
there was data, and the write went through, both futures are done. `await` of a done future does not go back to the
loop, and the coroutine reads again. Its `jain` shows it: it is 0.5 when 10 greedy connections of 20 get equal shares
and the others little, and half of that or less when one connection gets nearly everything. Its `polite_p99_us` is as
long as the slice where polite connections got no answer. Compare with asyncio's row, which runs on the same loop, and
with tornado's row at `greedy` 0. asyncio's transports read once a turn; libuv reads a connection at most 32 times in a
row (`uv__read`); with a thread for each connection, the kernel and the interpreter's lock decide.

Figures, in the counters of each slice: `jain`, Jain's index of the answers of each connection (Jain, Chiu and Hawe,
DEC-TR-301, 1984), 1 if all got the same and 1/n if one got all; greedy connections ask for more, so it is below 1 for a
fair server too. `jain_polite`, the same of the polite connections alone, which all ask for the same: 1 is right.
`polite_p99_us`: the p99 of their latency; a request without an answer at the end of the slice counts with the time it
has waited.

What this does not say: that staying is wrong. It saves turns, so its throughput is higher. No answers are lost: every
byte is checked, as everywhere.
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
        """One message in flight on a polite connection, many on a greedy one."""
        return replace(echo(_SIZE), greedy=self.parameters["greedy"], greedy_in_flight=_GREEDY_IN_FLIGHT)
