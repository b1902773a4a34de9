"""Nagle's algorithm holds a small message back until the one before it is acknowledged, often 40 ms later."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Protocol

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, run_on
from crossloop.behaviours.reactor_frames import Noted, factory_of, listening_on, react
from crossloop.behaviours.recorder import Recorder

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop
    from tornado.iostream import IOStream

ABOUT = Behaviour(
    question="Does a small message over TCP leave at once, while the one before it is not acknowledged?",
    rule="asyncio sets TCP_NODELAY on all TCP connections, made and accepted ones. Without it the system holds small "
    "messages back (RFC 9293, 3.7.4).",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_connection",
)


class Options(Protocol):
    """A socket, by what is asked of it; a library may have a class of its own."""

    def getsockopt(self, level: int, optname: int, /) -> int: ...


def verdict(connected: "Options", accepted: "Options") -> Answer:
    """From the two sockets of a connection, as the library has set them up."""
    lacking = [
        side
        for side, sock in (("connected", connected), ("accepted", accepted))
        if not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    ]
    return answered(not lacking, f"TCP_NODELAY is not set on {' and '.join(lacking)} sockets")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[asyncio.BaseTransport] = loop.create_future()

        class Accepted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        server = await loop.create_server(Accepted, "127.0.0.1", 0)
        transport, _ = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        return verdict(transport.get_extra_info("socket"), (await accepted).get_extra_info("socket"))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.tcpclient import TCPClient
    from tornado.tcpserver import TCPServer
    from tornado.testing import bind_unused_port

    async def main() -> Answer:
        accepted: asyncio.Future[IOStream] = asyncio.get_running_loop().create_future()

        class Server(TCPServer):
            def handle_stream(self, stream: "IOStream", address: object) -> None:
                accepted.set_result(stream)

        listener, port = bind_unused_port()
        Server().add_socket(listener)
        stream = await TCPClient().connect("127.0.0.1", port)
        return verdict(stream.socket, (await accepted).socket)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket
    from gevent.event import AsyncResult, Event
    from gevent.server import StreamServer

    accepted, done = AsyncResult(), Event()

    def handle(stream: socket.socket, _address: object) -> None:
        accepted.set(stream)
        done.wait()  # the server closes it when its handler returns

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    connected = gevent.socket.create_connection(server.address)
    return verdict(connected, accepted.get())


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        connected = await trio.open_tcp_stream(*listener.socket.getsockname())
        accepted = await listener.accept()
        return verdict(connected.socket, accepted.socket)

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        listener = curio.tcp_server_socket("127.0.0.1", 0)
        connected = await curio.open_connection(*listener.getsockname())
        accepted, _address = await listener.accept()
        return verdict(connected, accepted)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.endpoints import TCP4ClientEndpoint

    async def main() -> Answer:
        accepted = Noted()
        _port, address = listening_on(reactor, lambda: accepted)
        connected = await TCP4ClientEndpoint(reactor, *address).connect(factory_of(Noted))
        connected.transport.write(b"x")
        await accepted.arrived
        return verdict(connected.transport.getHandle(), accepted.transport.getHandle())

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet

    listener = eventlet.listen(("127.0.0.1", 0))
    connected = eventlet.connect(listener.getsockname())
    accepted, _address = listener.accept()
    return verdict(connected.fd, accepted.fd)
