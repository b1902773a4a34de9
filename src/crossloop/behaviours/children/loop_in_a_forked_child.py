"""A child of os.fork() can run a loop, though its parent forked in the middle of one."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair, run

ABOUT = Behaviour(
    question="Can a process that was forked within a run wait by a loop of its own?",
    rule="In a forked child there is no running loop; one that is made there is the child's alone.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.get_running_loop",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/39",
        "https://github.com/MagicStack/uvloop/issues/452",
        "https://github.com/gevent/gevent/issues/1990",
    ),
    platforms=("linux", "darwin", "bsd"),
)
WELL = 42


def status_of_child(work: Callable[[], object], fork: Callable[[], int] | None = None) -> int | None:
    """Exit status of a child that does *work*: `WELL` where it is done, -N for signal N, None if it does not end."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    child = (fork or os.fork)()
    if not child:
        try:
            work()
            os._exit(WELL)
        finally:
            os._exit(1)
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def verdict(status: int | None) -> Answer:
    if status is None:
        return answered(False, "the child does not end")
    return answered(status == WELL, "the child's loop fails", f"status {status}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def in_child() -> None:
        loop = asyncio.get_running_loop()
        with pair() as (mine, peers):
            loop.call_later(0.001, peers.send, b"x")
            await loop.sock_recv(mine, 1)
            await loop.getaddrinfo("127.0.0.1", 80)  # by the threads that a loop has for names

    async def main() -> int | None:
        await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        return status_of_child(lambda: run(new_loop, in_child))

    return verdict(run(new_loop, main))


def on_gevent() -> Answer:
    """gevent's own fork, which makes the loop fit for the child; the greenlets of the parent go on in both."""
    import gevent
    import gevent.os
    from gevent import socket as cooperative

    def in_child() -> None:
        mine, peers = cooperative.socketpair()
        gevent.spawn_later(0.001, peers.send, b"x")
        mine.recv(1)
        cooperative.getaddrinfo("127.0.0.1", 80)

    cooperative.getaddrinfo("127.0.0.1", 80)
    return verdict(status_of_child(in_child, gevent.os.fork))


def on_trio() -> Answer:
    """A run in the child has a loop of its own, if trio lets it begin within that of the parent."""
    import trio

    async def in_child() -> None:
        mine, peers = trio.socket.socketpair()
        await peers.send(b"x")
        await mine.recv(1)
        await trio.socket.getaddrinfo("127.0.0.1", "http")

    async def main() -> int | None:
        await trio.socket.getaddrinfo("127.0.0.1", "http")
        return status_of_child(lambda: trio.run(in_child))

    return verdict(trio.run(main))


def on_readiness(adapter: Readiness) -> Answer:
    status = list[int | None]()

    def in_child() -> None:
        child_adapter = type(adapter)()
        with pair() as (mine, peers):
            child_adapter.watch(mine.fileno(), lambda *_: child_adapter.stop())
            child_adapter.call_later(0.001, lambda *_: peers.send(b"x"))
            child_adapter.run()

    def fork(*_: object) -> None:
        status.append(status_of_child(in_child))
        adapter.stop()

    adapter.call_later(0.001, fork)
    adapter.run()
    return verdict(status[0])
