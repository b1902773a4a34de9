"""A loop that has nothing to do sleeps."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness, StreamServer, styles_of
from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import Stretch, pair

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a loop that has nothing to do leave the CPU alone?",
    rule="The kernel is asked to wait for descriptors until the next timer is due, and the process sleeps meanwhile.",
    source="https://man7.org/linux/man-pages/man2/epoll_wait.2.html",
    reports=("https://github.com/gevent/gevent/issues/790",),
)
IDLE_S = 0.3
"""One timer is set and one socket is watched that nobody writes to."""


TRIES = 3


def verdict(wait: Callable[[], object]) -> Answer:
    """*wait* for `IDLE_S`. Beside other work a try may look busy that is not; one that polls always does."""
    for _ in range(TRIES):
        with Stretch() as stretch:
            wait()
        if not stretch.busy:
            return yes(f"{stretch}")
    return no("it polls all the time", f"{stretch}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    with pair() as (mine, _peers):
        quiet = loop.create_task(loop.sock_recv(mine, 1))
        answer = verdict(lambda: loop.run_until_complete(asyncio.sleep(IDLE_S)))
        quiet.cancel()
    return answer


def on_tornado(io_loop: "IOLoop") -> Answer:
    def wait() -> None:
        io_loop.call_later(IDLE_S, io_loop.stop)
        io_loop.start()

    with pair() as (mine, _peers):
        io_loop.add_handler(mine.fileno(), lambda *_: None, io_loop.READ)
        return verdict(wait)


def on_gevent() -> Answer:
    import gevent

    with pair() as (mine, _peers):
        gevent.get_hub().loop.io(mine.fileno(), 1).start(lambda: None)
        return verdict(lambda: gevent.sleep(IDLE_S))


def on_trio() -> Answer:
    import trio

    async def main() -> None:
        mine, _peers = trio.socket.socketpair()
        with trio.move_on_after(IDLE_S):
            await mine.recv(1)

    return verdict(lambda: trio.run(main))


def on_curio() -> Answer:
    import curio
    from curio import socket as of_curio

    async def main() -> None:
        mine, _peers = of_curio.socketpair()
        await curio.ignore_after(IDLE_S, mine.recv, 1)

    return verdict(lambda: curio.run(main))


def on_pyev() -> Answer:
    import pyev

    loop = pyev.Loop()
    timer = pyev.Timer(IDLE_S, IDLE_S, loop, lambda *_: loop.stop())
    timer.start()
    with pair() as (mine, _peers):
        quiet = pyev.Io(mine, pyev.EV_READ, loop, lambda *_: None)
        quiet.start()
        return verdict(loop.start)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent, PersistentTimer

    with pair() as (mine, _peers), EventBase() as base:
        IoEvent(base, mine.fileno(), READ | PERSIST, lambda *_: None).add()
        PersistentTimer(base, lambda *_: base.loopbreak()).add(IDLE_S)
        return verdict(base.run)


def on_readiness(adapter: Readiness) -> Answer:
    with pair() as (mine, _peers):
        adapter.watch(mine.fileno(), lambda *_: None)
        adapter.call_every(IDLE_S, lambda *_: adapter.stop())
        return verdict(adapter.run)


def on_server(adapter: StreamServer) -> Answer:
    style = styles_of(type(adapter))["StreamServer"][0]

    def wait() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        with pair() as (stop, stopping):
            threading.Timer(IDLE_S, stopping.send, (b"x",)).start()
            adapter.serve_streams(listener, lambda: bytes, style, stop)

    return verdict(wait)


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.protocol import DatagramProtocol

    def wait() -> None:
        reactor.callLater(IDLE_S, reactor.crash)
        reactor.run()

    reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
    return verdict(wait)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet import hubs

    with pair() as (mine, _peers):
        eventlet.spawn(hubs.trampoline, mine.fileno(), read=True)
        return verdict(lambda: eventlet.sleep(IDLE_S))
