"""Waiting for a child ends with the child, whoever else still has its output open."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, turns

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does wait() return when the child has ended, though a child of its own still holds its output?",
    rule="wait() waits for the child process to terminate; nothing is said of pipes.",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.wait",
    reports=(
        "https://github.com/python/cpython/issues/119710",
        "https://github.com/agronholm/anyio/issues/1174",
        "https://github.com/gevent/gevent/issues/293",
    ),
    platforms=("linux", "darwin", "bsd"),
)
LEAVES_A_CHILD = ("/bin/sh", "-c", "sleep 60 & echo $!; read line; exit 0")
"""It prints the number of its child, which has the same standard output, and ends when it is told to."""
PATIENCE_S = 1.0
PIPE = subprocess.PIPE


def verdict(returned: bool, grandchild: bytes) -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    os.kill(int(grandchild), signal.SIGKILL)
    return answered(returned, "it waits until nobody has the pipe open any more")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        child = await asyncio.create_subprocess_exec(*LEAVES_A_CHILD, stdin=PIPE, stdout=PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        grandchild = await child.stdout.readline()
        waiting = asyncio.ensure_future(child.wait())
        await turns()
        child.stdin.write(b"end\n")
        done, _pending = await asyncio.wait([waiting], timeout=PATIENCE_S)
        answer = verdict(bool(done), grandchild)
        await waiting
        return answer

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    async def main() -> Answer:
        child = Subprocess(LEAVES_A_CHILD, stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        waiting = child.wait_for_exit()
        grandchild = await child.stdout.read_until(b"\n")
        await child.stdin.write(b"end\n")
        done, _pending = await asyncio.wait([waiting], timeout=PATIENCE_S)
        answer = verdict(bool(done), grandchild)
        await waiting
        return answer

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    import gevent
    from gevent.subprocess import Popen

    child = Popen(LEAVES_A_CHILD, stdin=PIPE, stdout=PIPE, bufsize=0)
    grandchild = child.stdout.readline()
    waiting = gevent.spawn(child.wait)
    gevent.sleep(0)
    child.stdin.write(b"end\n")
    waiting.join(PATIENCE_S)
    return verdict(waiting.dead, grandchild)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        child = await trio.lowlevel.open_process(LEAVES_A_CHILD, stdin=PIPE, stdout=PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        grandchild = await child.stdout.receive_some()
        await child.stdin.send_all(b"end\n")
        with trio.move_on_after(PATIENCE_S) as limit:
            await child.wait()
        return verdict(not limit.cancelled_caught, bytes(grandchild))

    return trio.run(main)
