"""Fan-out: what does it cost to send one message to all connections?

A chat room, a price feed, a game's state: one client sends a message, and all of `connections` get it, the sender too.
In an echo each read pays for one write. Here one read is followed by ten, a hundred or a thousand writes, all within
one turn of the loop, on connections that have nothing to read. The figure is a library's price for a write: asyncio
tries `send` at once and copies only what did not fit; libuv queues a request; a coroutine for each connection would
have to be woken; threads write from the thread that reads. The unit is one delivery.

The server keeps a function that sends on each connection (`Send`), in the order in which connections came, and gives
each line to all of them. Each line names its sender and a sequence, in 24 hexadecimal digits; the load compares every
byte on every connection: a line that is lost, repeated, crossed or out of order ends the cell. The next message goes
out when all have the last one, so one is in flight at a time. A latency is that of a delivery, from the sender's write
to the member's read; members that are served last are the slowest.

What this does not say: how a member that does not read affects the others. Every `PushServer` must keep serving them
(the contract tests that); how much it keeps for the slow member is the library's choice. Nor is it a broadcast of the
network: the kernel copies once for each connection.
"""

from crossloop.api import Content, Exchange, PushApplication, Receive, ScenarioAbout, Send, ServedScenario

ABOUT = ScenarioAbout(
    levels=("PushServer",),
    drive="push",
    title="Fan-out",
    question="What does it cost to send one message to 10, 100 or 1,000 connections?",
    group="messages",
    unit="delivery",
    sets=(
        ("smoke", {"connections": 100}),
        ("standard", {"connections": 10}),
        ("standard", {"connections": 1000}),
        ("full", {"connections": 4000}),
    ),
    limits={"connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_LINE_BYTES = 100
_STAMP_BYTES = 24


class Scenario(ServedScenario):
    """A room; each line goes to all who are in it."""

    def application(self) -> PushApplication:
        """A room of its own, empty."""
        return Room().join

    def exchange(self) -> Exchange:
        """A line goes in on one connection and comes out on all."""
        line = Content(stamp="hex", own_filler=_LINE_BYTES - _STAMP_BYTES - 1, after=b"\n")
        return Exchange(request=line, answer=line, framing="line", letters=True)


class Room:
    """Connections that each get every line, in one order."""

    def __init__(self) -> None:
        self._members: dict[object, Send] = {}

    def join(self, send: Send) -> Receive:
        """Have *send* called with every line from now on; what is returned receives its connection's bytes."""
        member = object()
        self._members[member] = send
        rest = b""

        def receive(data: bytes) -> bytes:
            nonlocal rest
            if not data:
                self._members.pop(member, None)
                return b""
            whole, newline, rest = (rest + data).rpartition(b"\n")
            if newline:
                self._tell(whole + newline)
            return b""

        return receive

    def _tell(self, lines: bytes) -> None:
        for send in tuple(self._members.values()):  # one that is gone leaves while it is sent to
            send(lines)
