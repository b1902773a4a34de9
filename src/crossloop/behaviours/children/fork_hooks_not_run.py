"""Starting a child runs no fork hooks of the program."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pipe, run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does starting a program leave the functions of os.register_at_fork() alone?",
    rule="A typical subprocess launch does not trigger hooks, as the child is not going to re-enter the interpreter.",
    source="https://docs.python.org/3/library/os.html#os.register_at_fork",
    reports=("https://github.com/MagicStack/uvloop/issues/749",),
    platforms=("linux", "darwin", "bsd"),
)
CHILD = ("/bin/sh", "-c", "exit 0")


def verdict(reading: int) -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    os.set_blocking(reading, False)
    try:
        ran = os.read(reading, 10)
    except BlockingIOError:
        return answered(True, "")
    return answered(False, "the hook of the child runs", f"{len(ran)} times")


def register(writing: int) -> None:
    """A hook that writes to a pipe, which the child has until its program is run."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    os.register_at_fork(after_in_child=lambda: os.write(writing, b"x"))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*CHILD)
        await child.wait()

    with pipe() as (reading, writing):
        register(writing)
        run(new_loop, main)
        return verdict(reading)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    with pipe() as (reading, writing):
        register(writing)
        Subprocess(CHILD).proc.wait()
        return verdict(reading)


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    with pipe() as (reading, writing):
        register(writing)
        Popen(CHILD).wait()
        return verdict(reading)


def on_trio() -> Answer:
    import trio

    with pipe() as (reading, writing):
        register(writing)
        trio.run(trio.run_process, CHILD)
        return verdict(reading)
