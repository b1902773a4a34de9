"""One client's handler fails. That client must not be left waiting, and the others must not notice."""

import asyncio
import contextlib
import logging
import socket
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, beside, run, run_on
from crossloop.behaviours.reactor_frames import Echo as TwistedEcho
from crossloop.behaviours.reactor_frames import beside_reactor, listening_on, react
from crossloop.behaviours.servers._echo import (
    Echo,
    TrioServer,
    connected,
    eventlet_listening,
    gevent_echo,
    is_served,
    may_connect,
    trio_echo,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop
    from tornado.iostream import IOStream

ABOUT = Behaviour(
    question="When the handler of one client raises, is that client let go and the next one served?",
    rule="An exception ends the connection that it belongs to and is reported. The server goes on accepting.",
    source="https://www.gevent.org/api/gevent.baseserver.html",
    limit_s=6.0,
)


def two_clients(address: Any) -> Answer:
    """The first one's handler raises."""
    first = connected(address)
    first.settimeout(1)
    try:
        ended = first.recv(1) == b""
    except TimeoutError:
        ended = False
    except OSError:
        ended = True  # a reset lets it go as well
    if not (may_connect(address) and is_served(connected(address))):
        return no("the next client is not served")
    return yes() if ended else no("the client of the handler that failed is left waiting")


def failing_first(handle: Any) -> Any:
    """*handle*, but the first call raises."""
    calls = iter([True])

    def first_raises(*args: Any) -> Any:
        if next(calls, False):
            raise ValueError("the handler of the first client fails")
        return handle(*args)

    return first_raises


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        server = await loop.create_server(failing_first(Echo), "127.0.0.1", 0)
        return await beside(lambda: two_clients(server.sockets[0].getsockname()))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import StreamClosedError
    from tornado.tcpserver import TCPServer

    logging.disable()

    async def echo(stream: "IOStream", _address: Any) -> None:
        with contextlib.suppress(StreamClosedError):
            await stream.write(await stream.read_bytes(65536, partial=True))

    class Server(TCPServer):
        handle_stream = staticmethod(failing_first(echo))

    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        Server().add_socket(listener)
        return await beside(lambda: two_clients(listener.getsockname()))

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import StreamServer

    gevent.get_hub().print_exception = lambda *_: None
    server = StreamServer(("127.0.0.1", 0), failing_first(gevent_echo))
    server.start()
    answer: Answer = gevent.get_hub().threadpool.apply(two_clients, (server.address,))
    return answer


def on_trio() -> Answer:
    import trio

    outcome = list[Future[Answer]]()

    async def main() -> None:
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients, failing_first(trio_echo))
            outcome.append(aside(lambda: two_clients(server.address)))
            while not outcome[0].done():
                await trio.sleep(0.01)
            clients.cancel_scope.cancel()

    with contextlib.suppress(ExceptionGroup):  # the end of the server
        trio.run(main)
    return outcome[0].result()


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        _port, address = listening_on(reactor, failing_first(TwistedEcho))
        return await beside_reactor(lambda: two_clients(address))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    _server, _listener, address = eventlet_listening(failing_first(gevent_echo))
    answer: Answer = tpool.execute(two_clients, address)
    return answer
