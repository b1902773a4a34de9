"""Echo over a unix socket (unix(7)): what does a message cost where there is no TCP below?

The same servers and messages as in tcp-echo, on a stream socket in the file system. No segments, no
acknowledgements, no checksums and no timers of a protocol: the kernel copies from one socket's queue into the other's
and wakes the reader. What is left is the library's part and the price of a system call, so a difference between two
adapters shows more plainly here, and the distance between this row and that of tcp-echo is TCP on loopback.

Two things differ beside the protocol. The queue of a unix socket is bounded by the *sender's* `SO_SNDBUF`
(`net.core.wmem_default`, 208 KiB on Linux), and every message that is not read counts with its bookkeeping: large
messages are written in parts sooner. And a peer's end arrives as it is, without states that linger.

Databases and proxies on one machine speak so (PostgreSQL, nginx to an application server).
What this does not say: anything about datagrams or passed descriptors, which unix sockets can do as well.
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    transport="unix",
    serves="echo",
    title="Unix socket echo",
    short_title="Unix",
    question="What does a request and its answer cost over a unix socket, without TCP?",
    group="messages",
    place=30,
    unit="message",
    sets=(
        ("smoke", {"size": 1024, "connections": 10}),
        ("standard", {"size": 102400, "connections": 10}),
        ("standard", {"size": 1024, "connections": 1}),
        ("standard", {"size": 1024, "connections": 100}),
        ("full", {"size": 10240, "connections": 10}),
        ("full", {"size": 102400, "connections": 100}),
    ),
    limits={"size": (16, 16777216), "connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)


class Scenario(ServedScenario):
    """Echo, served by the adapter."""

    def application(self) -> StreamApplication:
        """The echo application, as in tcp-echo."""
        return Echo

    def exchange(self) -> Exchange:
        """A message of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
