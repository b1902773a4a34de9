"""A server that is restarted within a program needs its port again at once, its old clients notwithstanding."""

import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import beside, run, run_on
from crossloop.behaviours.reactor_frames import beside_reactor, listening_on, react
from crossloop.behaviours.servers._echo import (
    TrioServer,
    connected,
    eventlet_listening,
    gevent_echo,
    is_served,
    listening,
    tornado_echo,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a server listen at its port again as soon as it was closed, with a client still connected?",
    rule="Closing a server closes its listening sockets: nothing is bound to the port but what was accepted, which "
    "SO_REUSEADDR, the default of servers on Unix, passes over.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_server",
    platforms=("linux", "darwin", "bsd"),
)


def listen_again(address: tuple[str, int]) -> Answer:
    try:
        socket.create_server(address).close()
    except OSError as error:
        return no("the port is still taken", str(error))
    return yes()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        server, address = await listening()
        client = connected(address)
        await beside(lambda: is_served(client))
        server.close()
        return listen_again(address)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.testing import bind_unused_port

    async def main() -> Answer:
        listener, port = bind_unused_port()
        server, address = tornado_echo(), ("127.0.0.1", port)
        server.add_socket(listener)
        client = connected(address)
        await beside(lambda: is_served(client))
        server.stop()
        return listen_again(address)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import StreamServer

    server = StreamServer(("127.0.0.1", 0), gevent_echo)
    server.start()
    address = server.address
    client = connected(address)
    gevent.get_hub().threadpool.apply(is_served, (client,))
    server.close()
    return listen_again(address)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients)
            client = connected(server.address)
            await trio.to_thread.run_sync(is_served, client)
            await server.close()
            answer = listen_again(server.address)
            clients.cancel_scope.cancel()
        return answer

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        port, address = listening_on(reactor)
        client = connected(address)
        await beside_reactor(lambda: is_served(client))
        await port.stopListening()
        return listen_again(address)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    server, listener, address = eventlet_listening()
    client = connected(address)
    tpool.execute(is_served, client)
    server.kill()
    listener.close()
    return listen_again(address)
