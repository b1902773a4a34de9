"""A callback that schedules itself again and again leaves descriptors and timers their turn."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair
from crossloop.behaviours.reactor_frames import Noted, attached_to

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a callback schedules itself again and again, do sockets and timers still have their turn?",
    rule="A callback runs at the next iteration of the loop, and each iteration looks at descriptors and timers.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon",
    reports=("https://github.com/joyent/libuv/issues/154",),
)


class Greedy:
    """The callback: `turn` schedules itself by *soon* until a socket and a timer have been served, or for too long."""

    def __init__(self, soon: Callable[[Callable[..., None]], Any], stop: Callable[[], Any]):
        self.soon, self.stop = soon, stop
        self.served = set[str]()
        self.end = time.monotonic() + WAIT_S
        self.missing = list[str]()

    def turn(self, *_: object) -> None:
        if len(self.served) == 2 or time.monotonic() > self.end:
            self.missing = sorted({"the socket", "the timer"} - self.served)
            self.stop()
        else:
            self.soon(self.turn)

    def readable(self, *_: object) -> None:
        self.served.add("the socket")

    def due(self, *_: object) -> None:
        self.served.add("the timer")

    def verdict(self) -> Answer:
        return answered(not self.missing, f"{' and '.join(self.missing)} must wait until it ends")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    greedy = Greedy(loop.call_soon, loop.stop)
    with pair() as (mine, peers):
        loop.add_reader(mine, greedy.readable)
        loop.call_later(0.001, greedy.due)
        peers.send(b"x")
        loop.call_soon(greedy.turn)
        loop.run_forever()
    return greedy.verdict()


def on_tornado(io_loop: "IOLoop") -> Answer:
    greedy = Greedy(io_loop.add_callback, io_loop.stop)
    with pair() as (mine, peers):
        io_loop.add_handler(mine.fileno(), greedy.readable, io_loop.READ)
        io_loop.call_later(0.001, greedy.due)
        peers.send(b"x")
        io_loop.add_callback(greedy.turn)
        io_loop.start()
    return greedy.verdict()


def on_gevent() -> Answer:
    """A greenlet that gives way to others by sleep(0), all the time."""
    import gevent
    from gevent import socket
    from gevent.event import Event

    over = Event()
    greedy = Greedy(lambda _turn: None, over.set)
    mine, peers = socket.socketpair()
    peers.send(b"x")
    gevent.spawn(lambda: greedy.readable(mine.recv(1)))
    gevent.spawn_later(0.001, greedy.due)
    while not over.is_set():
        greedy.turn()
        gevent.sleep(0)
    return greedy.verdict()


def on_trio() -> Answer:
    """A task that gives way to others by sleep(0), all the time."""
    import trio

    async def main() -> Answer:
        over = trio.Event()
        greedy = Greedy(lambda _turn: None, over.set)
        mine, peers = trio.socket.socketpair()
        await peers.send(b"x")

        async def read() -> None:
            greedy.readable(await mine.recv(1))

        async def wait() -> None:
            await trio.sleep(0.001)
            greedy.due()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(wait)
            while not over.is_set():
                greedy.turn()
                await trio.sleep(0)
            nursery.cancel_scope.cancel()
        return greedy.verdict()

    return trio.run(main)


def on_curio() -> Answer:
    """A task that gives way to others by sleep(0), all the time."""
    import curio
    from curio import socket

    async def main() -> Answer:
        over = list[bool]()
        greedy = Greedy(lambda _turn: None, lambda: over.append(True))
        mine, peers = socket.socketpair()
        await peers.send(b"x")

        async def read() -> None:
            greedy.readable(await mine.recv(1))

        async def wait() -> None:
            await curio.sleep(0.001)
            greedy.due()

        for task in (read, wait):
            await curio.spawn(task, daemon=True)
        while not over:
            greedy.turn()
            await curio.sleep(0)
        return greedy.verdict()

    answer: Answer = curio.run(main)
    return answer


def on_pyev() -> Answer:
    """A timer of zero seconds that starts itself again."""
    import pyev

    loop = pyev.Loop()
    with pair() as (mine, peers):
        greedy = Greedy(lambda _turn: again.start(), loop.stop)
        again = pyev.Timer(0.0, 0.0, loop, greedy.turn)
        watchers = (
            pyev.Io(mine, pyev.EV_READ, loop, greedy.readable),
            pyev.Timer(0.001, 0.0, loop, greedy.due),
        )
        peers.send(b"x")
        for watcher in (*watchers, again):
            watcher.start()
        loop.start()
    return greedy.verdict()


def on_libevent() -> Answer:
    """A timer of zero seconds that adds itself again."""
    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent, Timer

    with EventBase() as base, pair() as (mine, peers):
        greedy = Greedy(lambda _turn: again.add(0), base.loopbreak)
        again = Timer(base, greedy.turn)
        IoEvent(base, mine.fileno(), READ | PERSIST, greedy.readable).add()
        Timer(base, greedy.due).add(0.001)
        peers.send(b"x")
        again.add(0)
        base.run()
    return greedy.verdict()


def on_readiness(adapter: Readiness) -> Answer:
    greedy = Greedy(adapter.wake, adapter.stop)
    with pair() as (mine, peers):
        adapter.watch(mine.fileno(), greedy.readable)
        adapter.call_later(0.001, greedy.due)
        peers.send(b"x")
        adapter.wake(greedy.turn)
        adapter.run()
    return greedy.verdict()


def on_twisted(reactor: Any) -> Answer:
    """A timer of zero seconds that starts itself again."""
    with pair() as (mine, peers):
        greedy = Greedy(lambda turn: reactor.callLater(0, turn), reactor.stop)
        peers.send(b"x")
        noted = attached_to(reactor, mine.dup(), Noted())
        noted.arrived.addCallback(greedy.readable)
        reactor.callLater(0.001, greedy.due)
        reactor.callLater(0, greedy.turn)
        reactor.run()
    return greedy.verdict()


def on_eventlet() -> Answer:
    """A greenlet that gives way to others by sleep(0), all the time."""
    import eventlet
    from eventlet.event import Event
    from eventlet.greenio import GreenSocket

    over = Event()
    greedy = Greedy(lambda _turn: None, over.send)
    with pair() as (mine, peers):
        peers.send(b"x")
        eventlet.spawn(lambda: greedy.readable(GreenSocket(mine).recv(1)))
        eventlet.spawn_after(0.001, greedy.due)
        while not over.ready():
            greedy.turn()
            eventlet.sleep(0)
    return greedy.verdict()
