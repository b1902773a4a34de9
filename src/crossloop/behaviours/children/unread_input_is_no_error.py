"""A child that ends without reading its input is no error of communicate()."""

import asyncio
import subprocess
from functools import partial
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.children._spawning import spawned
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

ABOUT = Behaviour(
    question="Does communicate() end well when the child has ended and read nothing of its input?",
    rule="BrokenPipeError and ConnectionResetError are ignored: the process may exit before all is written.",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.communicate",
    reports=("https://github.com/python/asyncio/issues/190",),
    platforms=("linux", "darwin", "bsd"),
)
DATA = bytes(1 << 20)
SPEAKS = ("/bin/sh", "-c", "echo text; exit 3")
PIPE = subprocess.PIPE


def verdict(output: bytes, status: int | None) -> Answer:
    return answered(
        (output, status) == (b"text\n", 3), "its output or status is lost", f"{output!r}, {status}"
    )


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        child = await asyncio.create_subprocess_exec(*SPEAKS, stdin=PIPE, stdout=PIPE)
        await child.wait()
        output, _errors = await child.communicate(DATA)
        return verdict(output, child.returncode)

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    child = Popen(SPEAKS, stdin=PIPE, stdout=PIPE)
    child.wait()
    output, _errors = child.communicate(DATA)
    return verdict(output, child.returncode)


def on_trio() -> Answer:
    import trio

    done = trio.run(partial(trio.run_process, SPEAKS, stdin=DATA, capture_stdout=True, check=False))
    return verdict(done.stdout or b"", done.returncode)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        child = spawned(reactor, SPEAKS)
        child.transport.write(DATA)
        child.transport.closeStdin()
        reason = await child.ended
        return verdict(bytes(child.output), reason.exitCode)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import Popen

    child = Popen(SPEAKS, stdin=PIPE, stdout=PIPE)
    child.wait()
    output, _errors = child.communicate(DATA)
    return verdict(output, child.returncode)
