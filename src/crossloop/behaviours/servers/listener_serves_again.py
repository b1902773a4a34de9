"""A listener outlives its server: it was passed on by a parent, or the loop is made anew after a fork."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import beside, run, run_on
from crossloop.behaviours.reactor_frames import Echo as TwistedEcho
from crossloop.behaviours.reactor_frames import beside_reactor, factory_of, react
from crossloop.behaviours.servers._echo import (
    Echo,
    TrioServer,
    connected,
    gevent_echo,
    is_served,
    tornado_echo,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a second server serve a listener whose duplicate the first one was given and has closed?",
    rule="A duplicate (dup(2)) is a descriptor of its own: closing it leaves the listener listening and non-blocking.",
    source="https://docs.python.org/3/library/socket.html#socket.socket.dup",
    reports=("https://github.com/benoitc/gunicorn/issues/3013",),
)


def verdict(served: list[bool]) -> Answer:
    how = "the second one serves nobody" if served[:1] == [True] else "the first one serves nobody"
    return answered(served == [True, True], how)


def on_asyncio(new_loop: NewLoop) -> Answer:
    listener = socket.create_server(("127.0.0.1", 0))

    async def serve_one() -> bool:
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener.dup())
        client = connected(listener.getsockname())
        served = await beside(lambda: is_served(client))
        server.close()
        await asyncio.sleep(0)
        return served

    return verdict([run(new_loop, serve_one) for _ in range(2)])


def on_tornado(io_loop: "IOLoop") -> Answer:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)

    async def serve_one() -> bool:
        server = tornado_echo()
        server.add_socket(listener.dup())
        client = connected(listener.getsockname())
        served = await beside(lambda: is_served(client))
        server.stop()
        return served

    return verdict([run_on(io_loop, serve_one) for _ in range(2)])


def on_gevent() -> Answer:
    import gevent
    import gevent.socket
    from gevent.server import StreamServer

    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    served = []
    for _ in range(2):
        server = StreamServer(listener.dup(), gevent_echo)
        server.start()
        client = connected(listener.getsockname())
        served.append(gevent.get_hub().threadpool.apply(is_served, (client,)))
        server.close()
    return verdict(served)


def on_trio() -> Answer:
    import trio

    listener = socket.create_server(("127.0.0.1", 0))

    async def serve_one() -> bool:
        async with trio.open_nursery() as clients:
            await TrioServer.start(clients, listener=listener.dup())
            client = connected(listener.getsockname())
            served = await trio.to_thread.run_sync(is_served, client)
            clients.cancel_scope.cancel()
        return served

    return verdict([trio.run(serve_one) for _ in range(2)])


def on_twisted(reactor: Any) -> Answer:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)

    async def main() -> Answer:
        served = list[bool]()
        for _ in range(2):
            with listener.dup() as duplicate:
                port = reactor.adoptStreamPort(duplicate.fileno(), listener.family, factory_of(TwistedEcho))
            client = connected(listener.getsockname())
            served.append(await beside_reactor(lambda client=client: is_served(client)))  # type: ignore[misc]  # mypy infers no such lambda
            await port.stopListening()
        return verdict(served)

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet import tpool

    listener = eventlet.listen(("127.0.0.1", 0))
    served = list[bool]()
    for _ in range(2):
        duplicate = listener.dup()
        server = eventlet.spawn(eventlet.serve, duplicate, gevent_echo)
        served.append(tpool.execute(is_served, connected(listener.getsockname())))
        server.kill()
        duplicate.close()
    return verdict(served)
