"""Child processes as asyncio offers them: `create_subprocess_exec`, on any loop with its API.

Loops and Pythons learn of the end of a child in different ways: a thread for each child (asyncio up to 3.11), a
descriptor of the process that is watched (pidfd, asyncio from 3.12 on, Linux), SIGCHLD (uvloop). Pipes are transports
of the loop, and what a `StreamReader` holds beyond its limit pauses them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from subprocess import DEVNULL, PIPE

from crossloop.api import UnsupportedError
from crossloop.idioms.sizes import READ_BYTES


async def child_run(command: Sequence[str]) -> int:
    """Run *command* and return its status. Raises OSError where it cannot be started."""
    child = await _started(command, DEVNULL)
    return await child.wait()


async def child_read(command: Sequence[str], take: Callable[[bytes], object]) -> int:
    """Run *command*, hand what it writes to *take*, and return its status."""
    child = await _started(command, PIPE)
    assert child.stdout is not None
    try:
        while data := await child.stdout.read(READ_BYTES):
            take(data)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            child.kill()
        await child.communicate()  # its pipe is read to the end and closed as well
        raise
    return await child.wait()


async def _started(command: Sequence[str], output: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=output)
    except NotImplementedError as error:
        loop = type(asyncio.get_running_loop()).__name__
        raise UnsupportedError(f"{loop} starts no child processes here") from error
