"""What the programs of this group share: contexts with certificates made for this question, and clients."""

import asyncio
import contextlib
import os
import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.reactor_frames import Echo as TwistedEcho
from crossloop.behaviours.reactor_frames import factory_of


def server_context(kind: Any = ssl.SSLContext) -> Any:
    """With a certificate for localhost; *kind*: gevent has a class of its own, whose sockets let others in."""
    context = kind(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CROSSLOOP_CERTIFICATE"])
    return context


def client_context(*, trusting: bool = True) -> ssl.SSLContext:
    """That trusts who signed it, or nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusting:
        context.load_verify_locations(os.environ["CROSSLOOP_AUTHORITY"])
    return context


def connected(address: Any, *, trusting: bool = True) -> ssl.SSLSocket:
    """A blocking client whose handshake is over, and for which an end without close_notify is an error.

    Raises OSError, ssl.SSLError among it.
    """
    plain = socket.create_connection(address[:2], WAIT_S)
    context = client_context(trusting=trusting)
    return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def exchanged(address: Any, data: bytes) -> bytes:
    """What an echo gives back of *data*, through a client of its own."""
    with connected(address) as client:
        client.sendall(data)
        return received(client, len(data))


def received(client: socket.socket, size: int) -> bytes:
    """Up to *size* bytes, fewer where the stream ends before."""
    data = bytearray()
    while len(data) < size and (piece := client.recv(1 << 16)):
        data += piece
    return bytes(data)


def through(client: ssl.SSLSocket, content: bytes) -> bytes:
    """What comes back of *content*, while it is sent: by one thread, for an SSL object is not made for two at a time.

    Fewer bytes where the stream ends before, or where nothing moves for a while.
    """
    client.setblocking(False)
    unsent, data = memoryview(content), bytearray()
    while len(data) < len(content):
        moved = len(data) - len(unsent)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            unsent = unsent[client.send(unsent) :] if unsent else unsent
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not (piece := client.recv(1 << 16)):
                break
            data += piece
        if len(data) - len(unsent) == moved:
            readable, writable, _ = select.select([client], [client] if unsent else [], [], WAIT_S)
            if not (readable or writable):
                break
    return bytes(data)


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def serving(protocol: Callable[[], asyncio.Protocol] = Echo, **options: Any) -> Any:
    """(server, its address) of a TLS server of the running loop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=server_context(), **options)
    return server, server.sockets[0].getsockname()


def gevent_serving() -> Any:
    """A started gevent echo server over TLS."""
    from gevent import ssl as green
    from gevent.server import StreamServer

    def echo(connection: Any, _address: Any) -> None:
        while data := connection.recv(1 << 16):
            connection.sendall(data)

    server = StreamServer(("127.0.0.1", 0), echo, ssl_context=server_context(green.SSLContext))
    server.start()
    return server


def tornado_serving() -> Any:
    """(a tornado echo server over TLS, its address)."""
    from tornado.iostream import IOStream, StreamClosedError
    from tornado.tcpserver import TCPServer

    class EchoServer(TCPServer):
        async def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
            try:
                while True:
                    await stream.write(await stream.read_bytes(1 << 16, partial=True))
            except StreamClosedError:
                pass

    server = EchoServer(ssl_options=server_context())
    server.listen(0, "127.0.0.1")
    (listener,) = server._sockets.values()
    return server, listener.getsockname()


def while_gevent_runs(work: Callable[[], Any]) -> Any:
    """The result of *work* in a thread, while greenlets run."""
    import gevent

    from crossloop.behaviours.frames import aside

    result = aside(work)
    while not result.done():
        gevent.sleep(0.002)
    return result.result()


def while_trio_serves(work: Callable[[Any], Any], handler: Any = None) -> Any:
    """The result of *work*, in a thread, with the address of a trio server over TLS; an echo but for *handler*."""
    import trio

    async def echo(stream: Any) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            async for data in stream:
                await stream.send_all(data)

    async def main() -> Any:
        (listener,) = await trio.open_ssl_over_tcp_listeners(0, server_context(), host="127.0.0.1")
        address = listener.transport_listener.socket.getsockname()  # type: ignore[attr-defined]  # (of a TCP listener)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, handler or echo, [listener])
            result = await trio.to_thread.run_sync(work, address)
            nursery.cancel_scope.cancel()
        return result

    return trio.run(main)


def twisted_serving(reactor: Any, make: Callable[[], object] = TwistedEcho) -> tuple[str, int]:
    """Address of a TLS server on Twisted whose protocols *make* makes."""
    from twisted.internet.ssl import PrivateCertificate

    pem = Path(os.environ["CROSSLOOP_CERTIFICATE"]).read_bytes()
    options = PrivateCertificate.loadPEM(pem).options()  # type: ignore[no-untyped-call]  # without types in 26.10
    port = reactor.listenSSL(0, factory_of(make), options, interface="127.0.0.1")
    address: tuple[str, int] = port.socket.getsockname()
    return address


def eventlet_serving(handle: Callable[[Any, Any], object] | None = None) -> tuple[str, int]:
    """Address of a TLS server on eventlet, of an echo unless *handle* is another handler."""
    import eventlet

    def echo(connection: Any, _address: Any) -> None:
        while data := connection.recv(1 << 16):
            connection.sendall(data)

    listener = eventlet.listen(("127.0.0.1", 0))
    address: tuple[str, int] = listener.getsockname()  # while the socket is this object's
    file = os.environ["CROSSLOOP_CERTIFICATE"]
    secure = eventlet.wrap_ssl(listener, keyfile=file, certfile=file, server_side=True)
    eventlet.spawn(eventlet.serve, secure, handle or echo)
    return address
