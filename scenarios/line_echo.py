"""Lines: what does it cost to cut a line of text from the stream and answer it?

SMTP, Redis' commands, memcached and chats use lines. A stream has no lines: one may come in two pieces, or twenty in
one. A server has to find their ends before it can answer. The application here does what such a server does. It cuts
the data at each b"\\n", keeps the rest for the next piece, and answers every line separately. That is some Python for
each line, the same for all adapters, and so part of each figure: ratios are smaller than in tcp-echo.

With one line in flight on a connection (`in_flight`: 1) each piece is a line and the loop's turn is the cost. With 16,
as a client that pipelines its commands sends them, pieces begin and end within lines, and cutting is the larger part.

A line is 100 bytes of letters, digits, `-` and `_`, with connection and sequence in its first 24 and b"\\n" at its
end. The load reads up to that, compares the line in full, and expects the answers of a connection in order.

What this does not say: it does not use a library's `readline` (asyncio's and tornado's streams have one, gevent's
sockets make files). An application of this suite is given pieces, so that it can be the same everywhere. A library's
splitting would be a style of its adapter.
"""

from crossloop.api import Content, Exchange, Receive, ScenarioAbout, ServedScenario, StreamApplication

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    title="Line echo",
    short_title="Lines",
    question="What does it cost to cut a line of text from the stream and answer it, with 1 or 16 in flight?",
    group="messages",
    unit="line",
    sets=(
        ("smoke", {"in_flight": 16, "connections": 10}),
        ("standard", {"in_flight": 1, "connections": 10}),
        ("standard", {"in_flight": 1, "connections": 100}),
        ("full", {"in_flight": 16, "connections": 100}),
        ("full", {"in_flight": 1, "connections": 1}),
    ),
    limits={"in_flight": (1, 4096), "connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_LINE_BYTES = 100
_STAMP_BYTES = 24
_LONGEST_BYTES = 1 << 16
"""A line that has no end by then is dropped: nobody may fill the server's memory by never ending one."""


class Scenario(ServedScenario):
    """Lines, each of which is answered by itself."""

    def application(self) -> StreamApplication:
        """The server of lines."""
        return LineEcho

    def exchange(self) -> Exchange:
        """A line that comes back; `in_flight` of them at a time on each connection."""
        line = Content(stamp="hex", own_filler=_LINE_BYTES - _STAMP_BYTES - 1, after=b"\n")
        return Exchange(
            request=line, answer=line, framing="line", letters=True, in_flight=self.parameters["in_flight"]
        )


def LineEcho() -> Receive:  # noqa: N802  (used like a class)
    """Cuts the stream into lines and sends each back; the rest of the last one is kept."""
    rest = b""

    def receive(data: bytes) -> bytes:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > _LONGEST_BYTES:
            rest = b""
        return b"".join([line + b"\n" for line in lines])

    return receive
