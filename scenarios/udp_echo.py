"""Echo over UDP (RFC 862, RFC 768): what does a datagram cost, and how many are lost under load?

One socket serves all peers. There is no accepting, no stream and no order: a datagram comes whole or not at all, with
its sender's address, and its answer goes to that address. In a stream many small messages share one read; here
each costs two system calls, unless a library gathers them (`recvmmsg(2)`). An object of Python stands for each address.
asyncio has `DatagramProtocol` for this, libuv `uv_udp_recv_start`, gevent a `DatagramServer`; libevent's
bufferevents, tornado's `IOStream` and libev have nothing above the descriptor: they watch it, and the loop around
`recvfrom` is the program's.

**Loss.** Every connected socket of the load is a peer. The kernel silently drops a datagram when the server's receive
buffer is full. So loss is no failure: the load gives a datagram up after 50 ms, counts it, and goes on. `lost` and
`duplicates` are counters of each slice. An answer whose bytes are wrong is a failure, as everywhere, and so is a server
that answers none. With few requests in flight nothing should be lost on loopback; where something is, the server did
not run for 50 ms, or so long that its buffer filled (`net.core.rmem_default`).

Sizes: 64 bytes are a name's lookup or a game's state; 1,400 bytes fill a packet of Ethernet. Loopback would
take up to 65,507 in one, as no network does.
"""

from crossloop.api import DatagramApplication, Echo, Exchange, ScenarioAbout, ServedScenario, echo

ABOUT = ScenarioAbout(
    levels=("Datagrams",),
    drive="exchange",
    transport="udp",
    serves="echo",
    title="UDP echo",
    short_title="UDP",
    question="What does a datagram and its answer cost, and how many are lost?",
    group="messages",
    place=30,
    unit="datagram",
    sets=(
        ("smoke", {"size": 64, "connections": 10}),
        ("standard", {"size": 1400, "connections": 10}),
        ("standard", {"size": 64, "connections": 1}),
        ("standard", {"size": 64, "connections": 100}),
        ("full", {"size": 1400, "connections": 100}),
        ("full", {"size": 64, "connections": 1000}),
    ),
    limits={"size": (16, 65507), "connections": (1, 10000)},
    brief=True,
    primary_styles_only_beyond=0,
)


class Scenario(ServedScenario):
    """Echo of datagrams, served by the adapter."""

    def application(self) -> DatagramApplication:
        """What a peer's datagram is answered by: itself."""
        return Echo()

    def exchange(self) -> Exchange:
        """A datagram of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
