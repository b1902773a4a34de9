"""A loop that was stopped runs again, and still watches what it watched."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pair

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a loop that has stopped be run again, with what it watched before?",
    rule="Until it is closed a loop can be run again, and readers stay until they are removed.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.close",
)
RUNS = 3


def each_run_hears(
    watch: Callable[[int, Callable[..., Any]], object], run: Callable[[], object], stop: Callable[[], Any]
) -> Answer:
    """Watch a socket once; in each run its callback reads a byte and stops the loop."""
    heard = list[bytes]()
    with pair() as (mine, peers):

        def readable(*_: object) -> None:
            heard.append(mine.recv(1))
            stop()

        watch(mine.fileno(), readable)
        for number in range(RUNS):
            peers.send(bytes([number]))
            run()
    return answered(len(heard) == RUNS, "a later run returns without what it watches", f"{heard}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    return each_run_hears(loop.add_reader, loop.run_forever, loop.stop)


def on_tornado(io_loop: "IOLoop") -> Answer:
    def watch(fd: int, callback: Callable[..., Any]) -> None:
        io_loop.add_handler(fd, callback, io_loop.READ)

    return each_run_hears(watch, io_loop.start, io_loop.stop)


def on_gevent() -> Answer:
    """gevent's loop ends by itself when nothing is left to wait for, and runs again when something is."""
    import gevent
    from gevent.event import Event
    from gevent.hub import LoopExit

    for _ in range(RUNS):
        with contextlib.suppress(LoopExit):
            Event().wait()
        gevent.sleep(0.001)
    return answered(True, "")


def on_pyev() -> Answer:
    import pyev

    loop, watchers = pyev.Loop(), list[Any]()

    def watch(fd: int, callback: Callable[..., object]) -> None:
        watchers.append(pyev.Io(fd, pyev.EV_READ, loop, callback))
        watchers[0].start()

    return each_run_hears(watch, loop.start, loop.stop)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent

    with EventBase() as base:
        return each_run_hears(
            lambda fd, callback: IoEvent(base, fd, READ | PERSIST, callback).add(), base.run, base.loopbreak
        )


def on_readiness(adapter: Readiness) -> Answer:
    return each_run_hears(adapter.watch, adapter.run, adapter.stop)
