"""A loop that is made in one thread runs in another."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside, pair

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a loop be made in one thread and run in another?",
    rule="A loop belongs to the thread that runs it; new_event_loop() does not bind it to the one that makes it.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.new_event_loop",
    reports=("https://github.com/tornadoweb/tornado/pull/3163",),
)


def hears(
    watch: Callable[[int, Callable[..., Any]], object], run: Callable[[], object], stop: Callable[[], Any]
) -> Answer:
    """Watch a socket in this thread, and run in another."""
    heard = list[bytes]()
    with pair() as (mine, peers):

        def readable(*_: object) -> None:
            heard.append(mine.recv(1))
            stop()

        watch(mine.fileno(), readable)
        peers.send(b"x")
        aside(run).result(WAIT_S)
    return answered(heard == [b"x"], "it does not see what it watches")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    return hears(loop.add_reader, loop.run_forever, loop.stop)


def on_tornado(io_loop: "IOLoop") -> Answer:
    def watch(fd: int, callback: Callable[..., Any]) -> None:
        io_loop.add_handler(fd, callback, io_loop.READ)

    return hears(watch, io_loop.start, io_loop.stop)


def on_pyev() -> Answer:
    import pyev

    loop, watchers = pyev.Loop(), list[Any]()

    def watch(fd: int, callback: Callable[..., Any]) -> None:
        watchers.append(pyev.Io(fd, pyev.EV_READ, loop, callback))
        watchers[0].start()

    return hears(watch, loop.start, loop.stop)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent

    with EventBase() as base:
        return hears(
            lambda fd, callback: IoEvent(base, fd, READ | PERSIST, callback).add(), base.run, base.loopbreak
        )


def on_readiness(adapter: Readiness) -> Answer:
    return hears(adapter.watch, adapter.run, adapter.stop)
