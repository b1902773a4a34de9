"""Accept storm: what does it cost to accept a connection, use it once and close it?

Each operation is a connection of its own: connect, one message of 64 bytes, its echo, close. `connections` of them are
open at a time; the load makes a new one when another has ended. Connections without keep-alive, health checks and
lookups over TCP work so, and every server just after a restart, when all its clients come back at once.

Libraries differ in how many connections they accept in one turn (asyncio: as many as the backlog holds, with one system
call each; libuv: until there are none; `threads`: a thread for each), in the objects that they make (transport,
protocol, stream, task), and in whether closing waits for another turn. A registration in epoll and its removal are
included; an established connection pays for them only once.

The client closes first, so that its side keeps the address for a minute (TIME_WAIT, RFC 9293) and the server's side
is free. The load spreads its connections over addresses of loopback, and resets where it runs out of ports.
The time of an operation is from connect to the last byte of the answer; closing is the server's and is in its CPU time.

What this does not say: how a handshake over a network is; on loopback it takes one hand-over between two processes. Nor
what happens when the backlog overflows: the open connections always fit (`somaxconn`).
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="connect",
    serves="echo",
    title="Accept storm",
    short_title="Accept",
    question="What does it cost to accept a connection, use it once and close it?",
    group="connections",
    place=10,
    unit="connection",
    sets=(
        ("smoke", {"connections": 10}),
        ("standard", {"connections": 1}),
        ("standard", {"connections": 100}),
        ("full", {"connections": 1000}),
    ),
    limits={"connections": (1, 4000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_SIZE = 64


class Scenario(ServedScenario):
    """Echo; the load makes a connection for each message."""

    def application(self) -> StreamApplication:
        """The echo application: what is asked is what comes before and after it."""
        return Echo

    def exchange(self) -> Exchange:
        """One small message on each connection."""
        return echo(_SIZE)
