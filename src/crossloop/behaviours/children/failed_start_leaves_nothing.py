"""A program that cannot be started is an error in words, and leaves nothing behind."""

import asyncio
import gc
import subprocess
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import descriptors_open, run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does starting a program that is not there raise FileNotFoundError, and leave no descriptors open?",
    rule="OSError is raised, most commonly for a file that is not there.",
    source="https://docs.python.org/3/library/subprocess.html#exceptions",
    reports=("https://github.com/MagicStack/uvloop/issues/185",),
)
NOT_THERE = ("/no/such/program",)
ATTEMPTS = 10
PIPE = subprocess.PIPE


def verdict(raised: int, descriptors: int) -> Answer:
    if raised != ATTEMPTS:
        return answered(False, "no FileNotFoundError", f"{raised} of {ATTEMPTS}")
    return answered(descriptors < ATTEMPTS / 2, "each attempt leaves descriptors open", f"{descriptors}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        raised, before = 0, 0
        for attempt in range(ATTEMPTS + 1):
            try:
                await asyncio.create_subprocess_exec(*NOT_THERE, stdin=PIPE, stdout=PIPE, stderr=PIPE)
            except FileNotFoundError:
                raised += attempt > 0
            await asyncio.sleep(0.001)
            before = before or descriptors_open()  # after the first, which may bring what all share
        gc.collect()
        await asyncio.sleep(0.001)
        return verdict(raised, descriptors_open() - before)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    raised, before, stream = 0, descriptors_open(), Subprocess.STREAM
    for _ in range(ATTEMPTS):
        try:
            Subprocess(NOT_THERE, stdin=stream, stdout=stream, stderr=stream)
        except FileNotFoundError:
            raised += 1
    gc.collect()
    return verdict(raised, descriptors_open() - before)


def on_gevent() -> Answer:
    import gevent
    from gevent.subprocess import Popen

    raised, before = 0, 0
    for attempt in range(ATTEMPTS + 1):
        try:
            Popen(NOT_THERE, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        except FileNotFoundError:
            raised += attempt > 0
        gevent.sleep(0.001)
        before = before or descriptors_open()
    gc.collect()
    gevent.sleep(0.001)
    return verdict(raised, descriptors_open() - before)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        raised, before = 0, 0
        for attempt in range(ATTEMPTS + 1):
            try:
                await trio.lowlevel.open_process(NOT_THERE, stdin=PIPE, stdout=PIPE, stderr=PIPE)
            except FileNotFoundError:
                raised += attempt > 0
            before = before or descriptors_open()
        gc.collect()
        return verdict(raised, descriptors_open() - before)

    return trio.run(main)
