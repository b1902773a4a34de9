"""A server has no descriptor left. Who waits goes on waiting, and the listener stays readable all the time."""

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import StreamServer
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
from crossloop.behaviours.serving import served

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a server that has run out of descriptors wait quietly, and serve again when there is room?",
    rule="accept fails with EMFILE and leaves the client in the queue (accept(2)). A server that asks again at once "
    "does so for ever, so it rests; it says once that it lacks descriptors, and goes on when it has some.",
    source="https://man7.org/linux/man-pages/man2/accept.2.html#ERRORS",
    reports=(
        "https://github.com/python/cpython/issues/151615",
        "https://github.com/gevent/gevent/issues/18",
        "https://github.com/benoitc/gunicorn/issues/49",
    ),
    platforms=("linux", "darwin", "bsd"),
)
CLIENTS, ROOM = 30, 8
STARVED_S, AGAIN_S = 0.15, 2.5
"""How long there is no room, and how long the server has to notice that there is again."""
SPINNING = 0.08
"""Part of a CPU that one who only waits does not use, and one who spins gets on a busy machine as well."""
FEW = 20
"""So many reports are one for each try, with rests in between; more is a try without a rest."""


class Reports(logging.Handler):
    """Counts what the library logs, instead of printing it."""

    count = 0

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def starve(address: Any, reports: Callable[[], int]) -> Answer:
    """The clients, in a thread of their own: more than the server has descriptors for. Then there is room again."""
    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms
    import resource

    clients = [socket.socket() for _ in range(CLIENTS)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(client.fileno() for client in clients) + ROOM, hard))
    for client in clients:
        client.settimeout(AGAIN_S)
        client.connect(address)
        client.sendall(b"question")
    time.sleep(STARVED_S / 4)
    begun_s = time.process_time()
    time.sleep(STARVED_S)
    cpu_s, said = time.process_time() - begun_s, reports()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until = time.monotonic() + AGAIN_S
    answers = sum(answer_by(client, until) == b"question" for client in clients)
    seen = f"{1000 * cpu_s:.0f} ms of CPU, {said} reports, {answers} of {CLIENTS} served in the end"
    if answers < CLIENTS:
        alive = is_served(connected(address))
        return no("those who waited are dropped" if alive else "it serves nobody any more", seen)
    if cpu_s > SPINNING * STARVED_S:
        return no("it spins", seen)
    return no("one lack is reported again and again", seen) if said > FEW else yes(seen)


def answer_by(client: socket.socket, until: float) -> bytes:
    """What comes for *client* by that time of the monotonic clock; nothing if its connection has ended."""
    client.settimeout(max(until - time.monotonic(), 0.001))
    with contextlib.suppress(OSError):
        return client.recv(100)
    return b""


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        reports = list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
        _server, address = await listening()
        return await beside(lambda: starve(address, lambda: len(reports)))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        reports, listener = Reports(), socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        tornado_echo().add_socket(listener)
        return await beside(lambda: starve(listener.getsockname(), lambda: reports.count))

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import StreamServer

    reports = list[object]()
    gevent.get_hub().print_exception = lambda *error: reports.append(error)
    server = StreamServer(("127.0.0.1", 0), gevent_echo)
    server.start()
    answer: Answer = gevent.get_hub().threadpool.apply(starve, (server.address, lambda: len(reports)))
    return answer


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        reports = Reports()
        async with trio.open_nursery() as clients:
            server = await TrioServer.start(clients)
            answer = await trio.to_thread.run_sync(starve, server.address, lambda: reports.count)
            clients.cancel_scope.cancel()
        return answer

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    reports = Reports()

    async def echo(client: Any, _address: object) -> None:
        with contextlib.suppress(OSError):
            while data := await client.recv(65536):
                await client.sendall(data)

    async def main() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        listener.close()
        await curio.spawn(curio.tcp_server, *address, echo, daemon=True)
        await curio.sleep(0)
        starved: Answer = await curio.run_in_thread(starve, address, lambda: reports.count)
        return starved

    answer: Answer = curio.run(main)
    return answer


def on_server(adapter: StreamServer) -> Answer:
    return served(adapter, lambda: bytes, lambda address: starve(address, lambda: 0))


def on_twisted(reactor: Any) -> Answer:
    from twisted.logger import globalLogPublisher

    reports = list[Any]()
    observe: Any = reports.append
    globalLogPublisher.addObserver(observe)

    async def main() -> Answer:
        _port, address = listening_on(reactor)
        return await beside_reactor(lambda: starve(address, lambda: len(reports)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    _server, _listener, address = eventlet_listening()
    answer: Answer = tpool.execute(starve, address, lambda: 0)
    return answer


on_readiness = on_server
