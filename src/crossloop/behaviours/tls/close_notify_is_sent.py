"""A connection that is closed ends with a close_notify."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run
from crossloop.behaviours.reactor_frames import Noted, beside_reactor, react
from crossloop.behaviours.tls._contexts import (
    connected,
    eventlet_serving,
    server_context,
    serving,
    twisted_serving,
    while_gevent_runs,
    while_trio_serves,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a TLS server closes a connection, can the client tell that nothing was cut off?",
    rule="Each side sends close_notify before it closes; without it the end may be an attacker's.",
    source="https://www.rfc-editor.org/rfc/rfc8446#section-6.1",
)
CUT = "the stream ends without close_notify"


def client(address: object) -> Answer:
    with connected(address) as sock:
        data = b""
        try:
            while piece := sock.recv(100):
                data += piece
        except (ssl.SSLError, ConnectionError) as error:
            return answered(False, CUT, f"{type(error).__name__} after {data!r}")
        return answered(data == b"bye", "the last bytes are lost", f"{data!r}")


class Leaves(asyncio.Protocol):
    """Says a word and closes."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"bye")
        transport.close()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        _server, address = await serving(Leaves)
        return await asyncio.wrap_future(aside(lambda: client(address)))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream
    from tornado.tcpserver import TCPServer

    class LeavingServer(TCPServer):
        async def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
            await stream.write(b"bye")
            stream.close()

    async def main() -> Answer:
        server = LeavingServer(ssl_options=server_context())
        server.listen(0, "127.0.0.1")
        (listener,) = server._sockets.values()
        return await asyncio.wrap_future(aside(lambda: client(listener.getsockname())))

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent import ssl as green
    from gevent.server import StreamServer

    def leave(connection: Any, _address: Any) -> None:
        connection.sendall(b"bye")

    server = StreamServer(("127.0.0.1", 0), leave, ssl_context=server_context(green.SSLContext))
    server.start()
    answer: Answer = while_gevent_runs(lambda: client(server.address))
    return answer


def on_trio() -> Answer:
    async def leave(stream: Any) -> None:
        await stream.send_all(b"bye")
        await stream.aclose()

    answer: Answer = while_trio_serves(client, leave)
    return answer


def on_twisted(reactor: Any) -> Answer:
    class SaysBye(Noted):
        def makeConnection(self, transport: Any) -> None:  # noqa: N802
            transport.write(b"bye")
            transport.loseConnection()

    async def main() -> Answer:
        address = twisted_serving(reactor, SaysBye)
        return await beside_reactor(lambda: client(address))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    answer: Answer = tpool.execute(
        client, eventlet_serving(lambda connection, _address: connection.sendall(b"bye"))
    )
    return answer
