"""A child has the descriptors that it is given, and no others."""

import asyncio
import socket
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.children._spawning import spawned
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a child have no descriptors of its parent but the three standard ones?",
    rule="With close_fds, which is the default, all descriptors but 0, 1 and 2 are closed before the program is run.",
    source="https://docs.python.org/3/library/subprocess.html#subprocess.Popen",
    platforms=("linux",),
)
LISTS = ("/bin/sh", "-c", "for each in /proc/$$/fd/*; do readlink $each; done")
PIPE = subprocess.PIPE


def verdict(listed: bytes, marked: str) -> Answer:
    """*marked*: what the list has of an inheritable descriptor of the parent."""
    return answered(
        marked.encode() not in listed, "it has a descriptor that is open in its parent", listed.decode()
    )


def marked_socket() -> tuple[socket.socket, str]:
    """An inheritable socket, as an extension module might open one, and its name in /proc."""
    opened = socket.socket()
    opened.set_inheritable(True)
    return opened, str(Path(f"/proc/self/fd/{opened.fileno()}").readlink())


def on_asyncio(new_loop: NewLoop) -> Answer:
    _opened, name = marked_socket()

    async def main() -> bytes:
        child = await asyncio.create_subprocess_exec(*LISTS, stdout=PIPE)
        listed, _errors = await child.communicate()
        return listed

    return verdict(run(new_loop, main), name)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.process import Subprocess

    _opened, name = marked_socket()

    async def main() -> Answer:
        child = Subprocess(LISTS, stdout=Subprocess.STREAM)
        listed = await child.stdout.read_until_close()
        child.proc.wait()
        return verdict(listed, name)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    _opened, name = marked_socket()
    listed, _errors = Popen(LISTS, stdout=PIPE).communicate()
    return verdict(listed, name)


def on_trio() -> Answer:
    import trio

    _opened, name = marked_socket()
    listed = trio.run(partial(trio.run_process, LISTS, capture_stdout=True, check=False))
    return verdict(listed.stdout or b"", name)


def on_twisted(reactor: Any) -> Answer:
    _opened, name = marked_socket()

    async def main() -> Answer:
        child = spawned(reactor, LISTS)
        await child.ended
        return verdict(bytes(child.output), name)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green.subprocess import Popen

    _opened, name = marked_socket()
    listed, _errors = Popen(LISTS, stdout=PIPE).communicate()
    return verdict(listed, name)
