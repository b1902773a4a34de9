"""The same small server in each family's words, and its client."""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, cast

from crossloop.behaviours.frames import WAIT_S

if TYPE_CHECKING:
    import trio
    from tornado.iostream import IOStream
    from tornado.tcpserver import TCPServer


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def listening() -> tuple[asyncio.Server, tuple[str, int]]:
    """A server of `Echo` on loopback, and its address."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()


def tornado_echo() -> "TCPServer":
    """tornado's server of the same."""
    from tornado.iostream import StreamClosedError
    from tornado.tcpserver import TCPServer

    class EchoServer(TCPServer):
        async def handle_stream(self, stream: "IOStream", address: Any) -> None:
            with contextlib.suppress(StreamClosedError):
                while True:
                    await stream.write(await stream.read_bytes(65536, partial=True))

    return EchoServer()


def gevent_echo(stream: Any, _address: object) -> None:
    """gevent's handler of the same."""
    with contextlib.suppress(OSError):
        while data := stream.recv(65536):
            stream.sendall(data)


async def trio_echo(stream: "trio.SocketStream") -> None:
    """trio's handler of the same."""
    import trio

    with contextlib.suppress(trio.BrokenResourceError):
        async for data in stream:
            await stream.send_all(data)


class TrioServer:
    """A server of trio's at work in a nursery, where its clients are as well."""

    address: Any
    _scope: "trio.CancelScope"
    _closed: "trio.Event"

    @classmethod
    async def start(
        cls, nursery: "trio.Nursery", handler: Any = trio_echo, listener: socket.socket | None = None
    ) -> "TrioServer":
        """On loopback, or on *listener*, which is its own then."""
        import trio

        server = cls()
        if listener is None:
            (ours,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        else:
            ours = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        server.address = ours.socket.getsockname()
        server._scope, server._closed = trio.CancelScope(), trio.Event()
        nursery.start_soon(server._serve, handler, ours, nursery)
        return server

    async def close(self) -> None:
        """Close its listener; the clients stay."""
        self._scope.cancel()
        await self._closed.wait()

    async def _serve(self, handler: Any, listener: "trio.SocketListener", nursery: "trio.Nursery") -> None:
        import trio

        with self._scope:
            await trio.serve_listeners(handler, [listener], handler_nursery=nursery)
        self._closed.set()


def connected(address: Any) -> socket.socket:
    """A client, each call on which waits for at most `WAIT_S`. Raises OSError."""
    return socket.create_connection(address, timeout=WAIT_S)


def is_served(client: socket.socket) -> bool:
    """Whether *client* gets its question back."""
    with contextlib.suppress(OSError):
        client.sendall(b"question")
        return client.recv(100) == b"question"
    return False


def may_connect(address: Any) -> bool:
    """Whether somebody listens there."""
    try:
        connected(address).close()
    except OSError:
        return False
    return True


def eventlet_listening(handle: Any = gevent_echo, **options: Any) -> tuple[Any, Any, Any]:
    """(greenlet that serves, its listener, the address), in eventlet's words; gevent's echo has the same calls."""
    import eventlet

    listener = eventlet.listen(("127.0.0.1", 0), **options)
    return eventlet.spawn(eventlet.serve, listener, handle), listener, listener.getsockname()
