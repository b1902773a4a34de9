"""communicate() brings much data to a child and back."""

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
    question="Does communicate() bring a megabyte to a child and back?",
    rule="Input is written while output is read, so that neither process waits for the other.",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.communicate",
    platforms=("linux", "darwin", "bsd"),
)
DATA = bytes(range(256)) * 4096
COPIES = ("/bin/cat",)
PIPE = subprocess.PIPE


def verdict(copied: bytes) -> Answer:
    return answered(
        copied == DATA, "what comes back is something else", f"{len(copied)} of {len(DATA)} bytes"
    )


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        copies = await asyncio.create_subprocess_exec(*COPIES, stdin=PIPE, stdout=PIPE)
        copied, _errors = await copies.communicate(DATA)
        return verdict(copied)

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    copied, _errors = Popen(COPIES, stdin=PIPE, stdout=PIPE).communicate(DATA)
    return verdict(copied)


def on_trio() -> Answer:
    import trio

    copied = trio.run(partial(trio.run_process, COPIES, stdin=DATA, capture_stdout=True))
    return verdict(copied.stdout or b"")


def on_curio() -> Answer:
    import curio
    from curio.subprocess import Popen

    async def main() -> Answer:
        copied, _errors = await Popen(COPIES, stdin=PIPE, stdout=PIPE).communicate(DATA)
        return verdict(copied)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        child = spawned(reactor, COPIES)
        child.transport.write(DATA)
        child.transport.closeStdin()
        await child.ended
        return verdict(bytes(child.output))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import Popen

    copied, _errors = Popen(COPIES, stdin=PIPE, stdout=PIPE).communicate(DATA)
    return verdict(copied)
