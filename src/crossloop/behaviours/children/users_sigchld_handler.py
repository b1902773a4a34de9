"""A program may have a handler of its own for SIGCHLD, and its children are waited for all the same."""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run

if TYPE_CHECKING:
    pass

ABOUT = Behaviour(
    question="Can a program handle SIGCHLD itself, and still wait for a child through the loop?",
    rule="add_signal_handler() takes any signal that can be caught.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_signal_handler",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/409",
        "https://github.com/gevent/gevent/issues/857",
        "https://github.com/gevent/gevent/issues/380",
    ),
    platforms=("linux", "darwin", "bsd"),
)
CHILD = ("/bin/sh", "-c", "exit 7")


def verdict(status: int | None, called: bool) -> Answer:
    if status != 7:
        return answered(False, "the child's status does not arrive", f"{status}")
    return answered(called, "the program's handler is not called")


def on_asyncio(new_loop: NewLoop) -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")

    async def main() -> Answer:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        try:
            loop.add_signal_handler(signal.SIGCHLD, called.set)
        except RuntimeError as error:
            return no("the handler is refused", str(error))
        child = await asyncio.create_subprocess_exec(*CHILD)
        status = await asyncio.wait_for(child.wait(), WAIT_S)
        try:
            await asyncio.wait_for(called.wait(), 1.0)
        except TimeoutError:
            return verdict(status, called=False)
        return verdict(status, called=True)

    return run(new_loop, main)


def on_gevent() -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    import gevent
    from gevent.event import Event
    from gevent.subprocess import Popen

    called = Event()
    gevent.signal_handler(signal.SIGCHLD, called.set)
    status = Popen(CHILD).wait(WAIT_S)
    return verdict(status, called=called.wait(1.0))


def on_trio() -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    import trio

    async def main() -> Answer:
        with trio.open_signal_receiver(signal.SIGCHLD) as signals:
            child = await trio.lowlevel.open_process(CHILD)
            with trio.fail_after(WAIT_S):
                status = await child.wait()
            with trio.move_on_after(1.0) as limit:
                await anext(signals)
        return verdict(status, called=not limit.cancelled_caught)

    return trio.run(main)


def on_pyev() -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    import subprocess

    import pyev

    loop, called, ended = pyev.default_loop(), list[int](), list[int]()
    child = subprocess.Popen(CHILD)

    def on_signal(*_: object) -> None:
        called.append(1)

    def on_end(watcher: pyev.Child, _events: int) -> None:
        ended.append(watcher.rstatus >> 8)

    watchers = [pyev.Child(child.pid, False, loop, on_end), pyev.Signal(signal.SIGCHLD, loop, on_signal)]
    limit = pyev.Timer(0.5, 0.0, loop, lambda *_: loop.stop())
    for watcher in (*watchers, limit):
        watcher.start()
    loop.start()
    return verdict(ended[0] if ended else None, bool(called))
