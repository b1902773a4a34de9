"""A child process that inherits a connection keeps it open when the server has closed it: the peer waits for ever."""

import asyncio
import os
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, run_on
from crossloop.behaviours.reactor_frames import Noted, listening_on, react
from crossloop.behaviours.servers._echo import Echo, connected, eventlet_listening

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop
    from tornado.iostream import IOStream

ABOUT = Behaviour(
    question="Are the sockets of a server, listening and accepted, kept from programs that it starts?",
    rule="Descriptors are not inheritable (PEP 446): FD_CLOEXEC is set on each that is made.",
    source="https://peps.python.org/pep-0446/",
    platforms=("linux", "darwin", "bsd"),
)


def verdict(listening: int, accepted: int) -> Answer:
    kinds = {"listening": listening, "accepted": accepted}
    inherited = [kind for kind, number in kinds.items() if os.get_inheritable(number)]
    return answered(not inherited, f"children inherit {' and '.join(inherited)} sockets")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        class Accepted(Echo):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                accepted.set_result(transport.get_extra_info("socket"))

        server = await asyncio.get_running_loop().create_server(Accepted, "127.0.0.1", 0)
        _client = connected(server.sockets[0].getsockname())
        return verdict(server.sockets[0].fileno(), (await accepted).fileno())

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.netutil import bind_sockets
    from tornado.tcpserver import TCPServer

    async def main() -> Answer:
        accepted: asyncio.Future[IOStream] = asyncio.get_running_loop().create_future()

        class Server(TCPServer):
            def handle_stream(self, stream: "IOStream", address: Any) -> None:
                accepted.set_result(stream)

        (listener,) = bind_sockets(0, "127.0.0.1")
        Server().add_socket(listener)
        _client = connected(listener.getsockname())
        return verdict(listener.fileno(), (await accepted).socket.fileno())

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    from gevent.event import AsyncResult
    from gevent.server import StreamServer

    answer = AsyncResult()

    def handle(stream: Any, _address: object) -> None:
        answer.set(verdict(server.socket.fileno(), stream.fileno()))

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    _client = connected(server.address)
    received: Answer = answer.get()
    return received


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        _client = connected(listener.socket.getsockname())
        accepted = await listener.accept()
        return verdict(listener.socket.fileno(), accepted.socket.fileno())

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        listener = curio.tcp_server_socket("127.0.0.1", 0)
        _client = connected(listener.getsockname())
        accepted, _address = await listener.accept()
        return verdict(listener.fileno(), accepted.fileno())

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        accepted = Noted()
        port, address = listening_on(reactor, lambda: accepted)
        client = connected(address)
        client.sendall(b"x")
        await accepted.arrived
        return verdict(port.socket.fileno(), accepted.transport.fileno())

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.event import Event

    answer = Event()

    def handle(stream: Any, _address: object) -> None:
        answer.send(verdict(listener.fileno(), stream.fileno()))

    _server, listener, address = eventlet_listening(handle)
    _client = connected(address)
    received: Answer = answer.wait()
    return received
