"""What a child writes just before it ends arrives whole."""

import asyncio
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
    question="Does all output arrive of children that write and end at once?",
    rule="communicate() reads until the end of file is reached, whether the child has ended before or not.",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.communicate",
    reports=("https://github.com/python/cpython/issues/100133",),
    limit_s=15,
    platforms=("linux", "darwin", "bsd"),
)
CHILDREN = 20
WRITES = ("/bin/sh", "-c", "echo out; echo err >&2")
EXPECTED = (b"out\n", b"err\n")
PIPE = subprocess.PIPE


def verdict(outputs: list[tuple[bytes, bytes]]) -> Answer:
    lost = [output for output in outputs if output != EXPECTED]
    return answered(not lost, "some is lost", f"{len(lost)} of {len(outputs)}, such as {lost[:1]}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def run_child() -> tuple[bytes, bytes]:
        child = await asyncio.create_subprocess_exec(*WRITES, stdout=PIPE, stderr=PIPE)
        return await child.communicate()

    async def main() -> list[tuple[bytes, bytes]]:
        together = await asyncio.gather(*(run_child() for _ in range(CHILDREN // 2)))
        return together + [await run_child() for _ in range(CHILDREN // 2)]

    return verdict(run(new_loop, main))


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    async def main() -> Answer:
        stream = Subprocess.STREAM
        children = [Subprocess(WRITES, stdout=stream, stderr=stream) for _ in range(CHILDREN)]
        outputs = [
            (await child.stdout.read_until_close(), await child.stderr.read_until_close())
            for child in children
        ]
        for child in children:
            child.proc.wait()
        return verdict(outputs)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    children = [Popen(WRITES, stdout=PIPE, stderr=PIPE) for _ in range(CHILDREN)]
    return verdict([child.communicate() for child in children])


def on_trio() -> Answer:
    import trio

    outputs = list[tuple[bytes, bytes]]()

    async def run_child() -> None:
        done = await trio.run_process(WRITES, capture_stdout=True, capture_stderr=True)
        outputs.append((done.stdout or b"", done.stderr or b""))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(CHILDREN):
                nursery.start_soon(run_child)

    trio.run(main)
    return verdict(outputs)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        children = [spawned(reactor, WRITES) for _ in range(CHILDREN)]
        for child in children:
            await child.ended
        return verdict([(bytes(child.output), bytes(child.errors)) for child in children])

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import Popen

    children = [Popen(WRITES, stdout=PIPE, stderr=PIPE) for _ in range(CHILDREN)]
    return verdict([child.communicate() for child in children])
