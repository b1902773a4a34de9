"""What the programs of this group share: a protocol that keeps what it is told, and a plain socket as a peer."""

import asyncio
import socket
from typing import Any

from crossloop.behaviours.frames import WAIT_S


class Kept(asyncio.DatagramProtocol):
    """An endpoint that keeps what arrives and what fails."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self.errors = list[Exception]()
        self.lost = False

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.arrived.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    async def next(self) -> bytes:
        """The next datagram. Raises TimeoutError."""
        return await asyncio.wait_for(self.arrived.get(), WAIT_S)


def plain_peer() -> socket.socket:
    """A bound UDP socket on loopback whose reads end after a while."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(WAIT_S)
    return peer


def dead_address() -> tuple[str, int]:
    """Where nobody listens: a port that was free a moment ago."""
    with plain_peer() as peer:
        host, port = peer.getsockname()
    return host, port


async def endpoint(**options: Any) -> tuple[asyncio.DatagramTransport, Kept]:
    """An endpoint of the running loop; bound to loopback unless *options* say otherwise."""
    options.setdefault("local_addr", ("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Kept, **options)
    return transport, protocol


def keeping(reactor: Any) -> tuple[Any, tuple[str, int]]:
    """(Twisted's protocol with the queue `arrived` and the number `refused`, its address on loopback)."""
    from twisted.internet.defer import DeferredQueue
    from twisted.internet.protocol import DatagramProtocol

    class Keeps(DatagramProtocol):
        def __init__(self) -> None:
            self.arrived = DeferredQueue[bytes]()
            self.refused = 0

        def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
            self.arrived.put(datagram)

        def connectionRefused(self) -> None:  # noqa: N802
            self.refused += 1

    keeps = Keeps()
    port = reactor.listenUDP(0, keeps, interface="127.0.0.1")
    return keeps, port.socket.getsockname()
