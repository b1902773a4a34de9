"""A server is closed for a restart: no new clients, and those that are there finish what they do."""

from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
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
    may_connect,
    tornado_echo,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="After a server was closed, are its clients still served, and new ones refused?",
    rule="Closing a server closes its listening sockets. The connections that it accepted stay as they are.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Server.close",
    reports=("https://github.com/python/cpython/issues/113538",),
)


def verdict(served: bool, taken: bool) -> Answer:
    how = "new clients may still connect" if taken else "its clients are no longer served"
    return answered(served and not taken, how)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        server, address = await listening()
        client = connected(address)
        await beside(lambda: is_served(client))
        server.close()
        served = await beside(lambda: is_served(client))
        return verdict(served, await beside(lambda: may_connect(address)))

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
        served = await beside(lambda: is_served(client))
        return verdict(served, await beside(lambda: may_connect(address)))

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import StreamServer

    beside_gevent = gevent.get_hub().threadpool.apply
    server = StreamServer(("127.0.0.1", 0), gevent_echo)
    server.start()
    address = server.address
    client = connected(address)
    beside_gevent(is_served, (client,))
    server.close()
    served = beside_gevent(is_served, (client,))
    return verdict(served, beside_gevent(may_connect, (address,)))


def on_trio() -> Answer:
    """Cancelling `serve_listeners` closes the listener; the clients have a nursery of their own."""
    import trio

    async def main() -> Answer:
        beside_trio = trio.to_thread.run_sync
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients)
            client = connected(server.address)
            await beside_trio(is_served, client)
            await server.close()
            served = await beside_trio(is_served, client)
            answer = verdict(served, await beside_trio(may_connect, server.address))
            clients.cancel_scope.cancel()
        return answer

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        port, address = listening_on(reactor)
        client = connected(address)
        await beside_reactor(lambda: is_served(client))
        await port.stopListening()
        served = await beside_reactor(lambda: is_served(client))
        return verdict(served, await beside_reactor(lambda: may_connect(address)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    server, listener, address = eventlet_listening()
    client = connected(address)
    tpool.execute(is_served, client)
    server.kill()
    listener.close()
    served = tpool.execute(is_served, client)
    return verdict(served, tpool.execute(may_connect, address))
