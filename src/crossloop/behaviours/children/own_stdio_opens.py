"""A child can open its own standard input and output by name."""

import asyncio
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a child with pipes open /dev/stdin and /dev/stdout?",
    rule="subprocess.PIPE gives the child a pipe, which opens again by name; a socket does not (ENXIO).",
    source="https://docs.python.org/3/library/subprocess.html#subprocess.PIPE",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/505",
        "https://github.com/MagicStack/uvloop/issues/532",
    ),
    platforms=("linux", "darwin", "bsd"),
)
READS = ("/bin/sh", "-c", "cat /dev/stdin || cat >/dev/null")
"""If that cannot be opened, it reads its input all the same, so that whoever writes is not disturbed."""
WRITES = ("/bin/sh", "-c", "echo text >/dev/stdout")
PIPE = subprocess.PIPE


def verdict(copied: bytes, written: bytes, errors: bytes) -> Answer:
    shut = ["input"] * (b"text" not in copied) + ["output"] * (b"text" not in written)
    return answered(not shut, f"its {' and '.join(shut)} cannot be opened", errors.decode("utf-8", "replace"))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        reads = await asyncio.create_subprocess_exec(*READS, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        copied, errors = await reads.communicate(b"text\n")
        writes = await asyncio.create_subprocess_exec(*WRITES, stdout=PIPE, stderr=PIPE)
        written, more_errors = await writes.communicate()
        return verdict(copied, written, errors + more_errors)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    async def main() -> Answer:
        reads = Subprocess(READS, stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        await reads.stdin.write(b"text\n")
        reads.stdin.close()
        writes = Subprocess(WRITES, stdout=Subprocess.STREAM)
        answer = verdict(await reads.stdout.read_until_close(), await writes.stdout.read_until_close(), b"")
        reads.proc.wait()
        writes.proc.wait()
        return answer

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    copied, errors = Popen(READS, stdin=PIPE, stdout=PIPE, stderr=PIPE).communicate(b"text\n")
    written, more_errors = Popen(WRITES, stdout=PIPE, stderr=PIPE).communicate()
    return verdict(copied, written, errors + more_errors)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        captured = partial(trio.run_process, capture_stdout=True, capture_stderr=True, check=False)
        reads = await captured(READS, stdin=b"text\n")
        writes = await captured(WRITES)
        errors = (reads.stderr or b"") + (writes.stderr or b"")
        return verdict(reads.stdout or b"", writes.stdout or b"", errors)

    return trio.run(main)
