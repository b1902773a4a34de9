"""A listener that was made elsewhere is given to a server. In the end both want to close it."""

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, run_on
from crossloop.behaviours.reactor_frames import Echo as TwistedEcho
from crossloop.behaviours.reactor_frames import factory_of, react
from crossloop.behaviours.servers._echo import Echo, TrioServer, gevent_echo, tornado_echo

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When server and program both close the listener that the server was given, does it hurt nobody?",
    rule="The socket belongs to the server. When that is closed the object knows: closing it again does nothing, or "
    "it has a descriptor of its own.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_server",
    reports=(
        "https://github.com/benoitc/gunicorn/issues/3013",
        "https://github.com/python/asyncio/pull/449",
    ),
)


def close_again(listener: socket.socket) -> Answer:
    """The program opens other things, which get the numbers that are free, and closes the listener."""
    others = [end for _ in range(10) for end in os.pipe()]
    try:
        listener.close()
    except OSError as error:
        return no("closing the socket object raises OSError", str(error))
    try:
        for other in others:
            os.fstat(other)
    except OSError as error:
        return no("a descriptor that has nothing to do with it is closed", str(error))
    return yes()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)
        return close_again(listener)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        server = tornado_echo()
        server.add_socket(listener)
        server.stop()
        return close_again(listener)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket
    from gevent.server import StreamServer

    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = StreamServer(listener, gevent_echo)
    server.start()
    server.close()
    return close_again(listener)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients, listener=listener)
            await server.close()
        return close_again(listener)

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        port = reactor.adoptStreamPort(listener.fileno(), listener.family, factory_of(TwistedEcho))
        await port.stopListening()
        return close_again(listener)

    return react(reactor, main)
