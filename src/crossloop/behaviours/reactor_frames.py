"""Frames of the programs on Twisted: a coroutine on the reactor, a protocol that keeps what it is told, an echo."""

import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

_Result = TypeVar("_Result")


def react(reactor: Any, main: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """The result of *main* on the reactor, which runs for it and is stopped; raises what it raises."""
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    results = list[Any]()

    def end(result: object) -> None:
        results.append(result)
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()).addBoth(end))
    reactor.run()
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return cast(_Result, result)


async def asleep(reactor: Any, seconds: float) -> None:
    """Wait while the reactor runs."""
    from twisted.internet.task import deferLater

    await deferLater(reactor, seconds)


async def beside_reactor(work: Callable[[], _Result]) -> _Result:
    """The result of *work*, which blocks in a thread of the reactor's pool meanwhile."""
    from twisted.internet.threads import deferToThread

    return await deferToThread(work)


class Noted:
    """A protocol that writes down what its transport calls; its names are Twisted's."""

    transport: Any

    def __init__(self, *, half_open: bool = False) -> None:
        """*half_open*: have the peer's end of file told apart from the end of the connection."""
        from twisted.internet.defer import Deferred
        from twisted.internet.interfaces import IHalfCloseableProtocol
        from zope.interface import directlyProvides

        self.calls = list[str]()
        """`made`, `data` (once for all pieces in a row), `eof`, `lost`, in the order in which they came."""
        self.data = bytearray()
        self.arrived, self.ended = Deferred[None](), Deferred[None]()
        """Fired with the first data, and at the peer's end of file."""
        self.lost = Deferred[Any]()
        """What the reason of `connectionLost` holds."""
        if half_open:
            directlyProvides(self, IHalfCloseableProtocol)

    def makeConnection(self, transport: Any) -> None:  # noqa: N802
        self.transport = transport
        self.calls.append("made")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.data += data
        if self.calls[-1:] != ["data"]:
            self.calls.append("data")
        if not self.arrived.called:
            self.arrived.callback(None)

    def readConnectionLost(self) -> None:  # noqa: N802
        self.calls.append("eof")
        self.ended.callback(None)

    def writeConnectionLost(self) -> None:  # noqa: N802
        """The way out has ended."""

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self.calls.append("lost")
        self.lost.callback(reason.value)


_Protocol = TypeVar("_Protocol")


def factory_of(make: Callable[[], object]) -> Any:
    """A factory whose protocols *make* makes."""
    from twisted.internet.protocol import Factory

    class Made(Factory):
        noisy = False

        def buildProtocol(self, _address: object) -> Any:  # noqa: N802
            return make()

    return Made()


def attached_to(reactor: Any, sock: socket.socket, protocol: _Protocol) -> _Protocol:
    """*protocol* on a transport over the connection of *sock*, of which the transport has a duplicate."""
    sock.setblocking(False)
    reactor.adoptStreamConnection(sock.fileno(), sock.family, factory_of(lambda: protocol))
    sock.close()
    return protocol


class Echo:
    """A protocol that sends back what it receives."""

    def makeConnection(self, transport: Any) -> None:  # noqa: N802
        self.transport = transport

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.transport.write(data)

    def connectionLost(self, reason: object) -> None:  # noqa: N802
        """Nothing is kept."""


def listening_on(
    reactor: Any, make: Callable[[], object] = Echo, **options: Any
) -> tuple[Any, tuple[str, int]]:
    """(port on loopback, its address)."""
    port = reactor.listenTCP(0, factory_of(make), interface="127.0.0.1", **options)
    return port, port.socket.getsockname()
