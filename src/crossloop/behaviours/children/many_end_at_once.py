"""Of many children that end at once each has its own status, and none is forgotten."""

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.children._spawning import spawned
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When twenty children end at the same time, does the status of each arrive?",
    rule="Signals of one kind are not counted: one SIGCHLD may stand for many children, which must all be waited for.",
    source="https://man7.org/linux/man-pages/man7/signal.7.html",
    reports=("https://github.com/gevent/gevent/issues/1104",),
    limit_s=15,
    platforms=("linux", "darwin", "bsd"),
)
EXPECTED = list(range(20))


def command(number: int) -> list[str]:
    """A child that ends with status *number* when its standard input ends."""
    return ["/bin/sh", "-c", f"read line; exit {number}"]


def verdict(status: list[int]) -> Answer:
    return answered(status == EXPECTED, "some statuses are wrong", f"{status}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> list[int]:
        reading, writing = os.pipe()
        children = [
            await asyncio.create_subprocess_exec(*command(number), stdin=reading) for number in EXPECTED
        ]
        os.close(writing)
        return await asyncio.gather(*(child.wait() for child in children))

    return verdict(run(new_loop, main))


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    async def main() -> Answer:
        reading, writing = os.pipe()
        children = [Subprocess(command(number), stdin=reading) for number in EXPECTED]
        os.close(writing)
        return verdict([await child.wait_for_exit(raise_error=False) for child in children])

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    reading, writing = os.pipe()
    children = [Popen(command(number), stdin=reading) for number in EXPECTED]
    os.close(writing)
    return verdict([child.wait() for child in children])


def on_trio() -> Answer:
    import trio

    async def main() -> list[int]:
        reading, writing = os.pipe()
        children = [await trio.lowlevel.open_process(command(number), stdin=reading) for number in EXPECTED]
        os.close(writing)
        return [await child.wait() for child in children]

    return verdict(trio.run(main))


def on_curio() -> Answer:
    import curio
    from curio.subprocess import Popen

    async def main() -> list[int]:
        reading, writing = os.pipe()
        children = [Popen(command(number), stdin=reading) for number in EXPECTED]
        os.close(writing)
        return [await child.wait() for child in children]

    return verdict(curio.run(main))


def on_pyev() -> Answer:
    import pyev

    loop = pyev.default_loop()
    reading, writing = os.pipe()
    children = [subprocess.Popen(command(number), stdin=reading) for number in EXPECTED]
    watchers = [pyev.Child(child.pid, False, loop, lambda watcher, _: watcher.stop()) for child in children]
    for watcher in watchers:
        watcher.start()
    os.close(writing)
    loop.start()  # ends when nothing is watched
    return verdict([os.waitstatus_to_exitcode(watcher.rstatus) for watcher in watchers])


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        reading, writing = os.pipe()
        children = [
            spawned(reactor, command(number), childFDs={0: reading, 1: "r", 2: "r"}) for number in EXPECTED
        ]
        os.close(writing)
        return verdict([(await child.ended).exitCode or 0 for child in children])

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import Popen

    reading, writing = os.pipe()
    children = [Popen(command(number), stdin=reading) for number in EXPECTED]
    os.close(writing)
    return verdict([child.wait() for child in children])
