"""Pipelined echo: what does a message cost with several in flight on a connection?

A client that sends its next request before it has the answer to the last one keeps `in_flight` messages on each
connection. Redis clients do so, HTTP/1.1 allows it (RFC 9112, section 9.3), databases call it a pipeline. Answers come
in the order of the requests, and the load checks that they do, byte for byte.

At depth 1 every message has a read, a write and often a sleep of its own. With 64 in flight a read finds many messages
at once, and they share the library's price of a read. The cost at depth 64 is mostly that of a byte and of a line of
Python, so the libraries come close to each other. The ratio of an adapter's two rows shows what it spends for each
turn. The message is small (64 bytes), so copying costs little.

The echo answers each piece by one write. A server that answers each message separately would write 64 times, and is a
different program.

What this does not say: latency here is from writing a request to its answer, with up to 63 before it in the queue. It
grows with the depth by nature: compare it within one depth only.
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    serves="echo",
    title="Pipelined echo",
    short_title="Pipeline",
    question="What does a message cost with 1, 8 or 64 in flight on a connection?",
    group="messages",
    unit="message",
    sets=(
        ("smoke", {"in_flight": 64, "connections": 10}),
        ("standard", {"in_flight": 1, "connections": 10}),
        ("standard", {"in_flight": 8, "connections": 10}),
        ("full", {"in_flight": 64, "connections": 1}),
        ("full", {"in_flight": 64, "connections": 100}),
        ("full", {"in_flight": 512, "connections": 10}),
    ),
    limits={"in_flight": (1, 4096), "connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_SIZE = 64


class Scenario(ServedScenario):
    """Echo, served by the adapter; the load pipelines."""

    def application(self) -> StreamApplication:
        """The echo application; several messages in a piece go back as one."""
        return Echo

    def exchange(self) -> Exchange:
        """Small messages, `in_flight` of them at a time on each connection."""
        return echo(_SIZE, self.parameters["in_flight"])
