"""Whoever waits for a child gets its exit status, or the signal that ended it."""

import asyncio
import os
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.children._spawning import spawned
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do a child's exit status and the signal that ends it arrive?",
    rule="The return code is the exit status, and -N where signal N ended the child (POSIX).",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.returncode",
    limit_s=20,
)
EXITS = (sys.executable, "-S", "-c", "raise SystemExit(7)")
WAITS = (sys.executable, "-S", "-c", "input()")
STATUS = [7, -signal.SIGTERM if sys.platform != "win32" else 1]


def verdict(status: list[int | None]) -> Answer:
    return answered(status == STATUS, "another status", f"{status}, expected {STATUS}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> list[int | None]:
        exits = await asyncio.create_subprocess_exec(*EXITS)
        waits = await asyncio.create_subprocess_exec(*WAITS, stdin=subprocess.PIPE)
        waits.terminate()
        return [await exits.wait(), await waits.wait()]

    return verdict(run(new_loop, main))


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    async def main() -> Answer:
        exits = Subprocess(EXITS)
        waits = Subprocess(WAITS, stdin=subprocess.PIPE)
        waits.proc.terminate()
        return verdict([await child.wait_for_exit(raise_error=False) for child in (exits, waits)])

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent import subprocess as cooperative

    exits = cooperative.Popen(EXITS)
    waits = cooperative.Popen(WAITS, stdin=subprocess.PIPE)
    waits.terminate()
    return verdict([exits.wait(), waits.wait()])


def on_trio() -> Answer:
    import trio

    async def main() -> list[int | None]:
        async with trio.open_nursery() as nursery:
            exits = await nursery.start(partial(trio.run_process, EXITS, check=False))
            waits = await nursery.start(partial(trio.run_process, WAITS, stdin=subprocess.PIPE, check=False))
            waits.terminate()
        return [exits.returncode, waits.returncode]

    return verdict(trio.run(main))


def on_curio() -> Answer:
    import curio
    from curio.subprocess import Popen

    async def main() -> list[int | None]:
        exits, waits = Popen(EXITS), Popen(WAITS, stdin=subprocess.PIPE)
        waits.terminate()
        return [await exits.wait(), await waits.wait()]

    return verdict(curio.run(main))


def on_pyev() -> Answer:
    import pyev

    loop = pyev.default_loop()
    exits, waits = subprocess.Popen(EXITS), subprocess.Popen(WAITS, stdin=subprocess.PIPE)
    watchers = [
        pyev.Child(child.pid, False, loop, lambda watcher, _: watcher.stop()) for child in (exits, waits)
    ]
    for watcher in watchers:
        watcher.start()
    waits.terminate()
    loop.start()  # ends when nothing is watched
    return verdict([os.waitstatus_to_exitcode(watcher.rstatus) for watcher in watchers])


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        exits, waits = spawned(reactor, EXITS), spawned(reactor, WAITS)
        waits.transport.signalProcess("TERM")
        status = list[int | None]()
        for reason in (await exits.ended, await waits.ended):
            status.append(-reason.signal if reason.signal else reason.exitCode)
        return verdict(status)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import PIPE, Popen

    exits, waits = Popen(EXITS), Popen(WAITS, stdin=PIPE)
    waits.terminate()
    return verdict([exits.wait(), waits.wait()])
