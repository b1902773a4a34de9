"""A client may give up while it waits to be accepted. The server then accepts a connection that has ended already."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from crossloop.api import StreamServer
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import beside, reset, run, run_on
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
from crossloop.behaviours.serving import served

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a server go on when clients were reset before it accepted them?",
    rule="Accepting them fails or gives sockets that have ended (accept(2)): nothing that concerns the other clients, "
    "and no error of the server.",
    source="https://man7.org/linux/man-pages/man2/accept.2.html#ERRORS",
    reports=(
        "https://github.com/python/cpython/issues/127529",
        "https://github.com/Kludex/uvicorn/issues/494",
    ),
)


def ask_among_resets(address: Any) -> bool:
    """Clients that are gone at once, before and after one that stays and asks."""
    for _ in range(5):
        reset(connected(address))
    client = connected(address)
    for _ in range(5):
        reset(connected(address))
    return is_served(client)


def verdict(is_served: bool, reports: int = 0) -> Answer:
    how = "it reports errors" if is_served else "the others are not served"
    return answered(is_served and not reports, how, f"{reports} reports")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        reports = list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
        _server, address = await listening()
        for _ in range(5):
            reset(connected(address))  # the loop has no turn in between
        return verdict(await beside(lambda: ask_among_resets(address)), len(reports))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        tornado_echo().add_socket(listener)
        address = listener.getsockname()
        for _ in range(5):
            reset(connected(address))
        return verdict(await beside(lambda: ask_among_resets(address)))

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import StreamServer

    server = StreamServer(("127.0.0.1", 0), gevent_echo)
    server.start()
    for _ in range(5):
        reset(connected(server.address))
    return verdict(gevent.get_hub().threadpool.apply(ask_among_resets, (server.address,)))


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients)
            for _ in range(5):
                reset(connected(server.address))
            answer = verdict(await trio.to_thread.run_sync(ask_among_resets, server.address))
            clients.cancel_scope.cancel()
        return answer

    return trio.run(main)


def on_server(adapter: StreamServer) -> Answer:
    return verdict(served(adapter, lambda: bytes, ask_among_resets))


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        _port, address = listening_on(reactor)
        for _ in range(5):
            reset(connected(address))
        return verdict(await beside_reactor(lambda: ask_among_resets(address)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    _server, _listener, address = eventlet_listening()
    for _ in range(5):
        reset(connected(address))
    return verdict(tpool.execute(ask_among_resets, address))


on_readiness = on_server
