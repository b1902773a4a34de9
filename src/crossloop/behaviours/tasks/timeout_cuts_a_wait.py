"""A time limit ends the wait that it is set for, and only after its time."""

import asyncio
import datetime
import time
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pair, run
from crossloop.behaviours.reactor_frames import react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a time limit end a receive that waits, and is nothing of it left?",
    rule="When the limit is over the wait is cancelled, and TimeoutError is raised instead.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.timeout",
    reports=(
        "https://github.com/python/asyncio/issues/253",
        "https://github.com/python/cpython/issues/95051",
    ),
)
LIMIT_S = 0.05


def verdict(after_s: float, still_waits: bool) -> Answer:
    if after_s < LIMIT_S - 0.002:  # (early by less is what `never-early` asks about)
        return answered(False, "it ends before its time", f"{1000 * after_s:.1f} ms")
    return answered(not still_waits, "what was waited for goes on waiting")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        with pair() as (mine, _peers):
            receive = loop.create_task(loop.sock_recv(mine, 1))
            try:
                await asyncio.wait_for(receive, LIMIT_S)
            except TimeoutError:
                return verdict(time.monotonic() - begun, not receive.done())
        return answered(False, "no TimeoutError")

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado import gen, iostream
    from tornado.util import TimeoutError as Expired

    async def main() -> Answer:
        begun = time.monotonic()
        with pair() as (mine, _peers):
            receive = asyncio.ensure_future(iostream.IOStream(mine).read_bytes(1))
            try:
                await gen.with_timeout(datetime.timedelta(seconds=LIMIT_S), receive)
            except Expired:
                return verdict(time.monotonic() - begun, not receive.done())
        return answered(False, "no TimeoutError")

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    import gevent
    from gevent import socket

    begun = time.monotonic()
    mine, peers = socket.socketpair()
    try:
        with gevent.Timeout(LIMIT_S):
            mine.recv(1)
    except gevent.Timeout:
        peers.send(b"x")
        return verdict(time.monotonic() - begun, mine.recv(1) != b"x")
    return answered(False, "no Timeout")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        begun = time.monotonic()
        mine, peers = trio.socket.socketpair()
        try:
            with trio.fail_after(LIMIT_S):
                await mine.recv(1)
        except trio.TooSlowError:
            after_s = time.monotonic() - begun
            await peers.send(b"x")
            return verdict(after_s, await mine.recv(1) != b"x")
        return answered(False, "no TooSlowError")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        begun = time.monotonic()
        mine, peers = socket.socketpair()
        try:
            await curio.timeout_after(LIMIT_S, mine.recv, 1)
        except curio.TaskTimeout:
            after_s = time.monotonic() - begun
            await peers.send(b"x")
            return verdict(after_s, await mine.recv(1) != b"x")
        return answered(False, "no TaskTimeout")

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.defer import Deferred
    from twisted.internet.defer import TimeoutError as Expired

    async def main() -> Answer:
        begun, waits = time.monotonic(), list[bool]()
        receive = Deferred[None](lambda _cancelled: waits.clear())
        waits.append(True)
        try:
            await receive.addTimeout(LIMIT_S, reactor)
        except Expired:
            return verdict(time.monotonic() - begun, bool(waits))
        return answered(False, "no TimeoutError")

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    begun = time.monotonic()
    with pair() as (mine, peers):
        stream = GreenSocket(mine)
        stream.settimeout(None)
        try:
            with eventlet.Timeout(LIMIT_S):
                stream.recv(1)
        except eventlet.Timeout:
            after_s = time.monotonic() - begun
            peers.send(b"x")
            return verdict(after_s, stream.recv(1) != b"x")
    return answered(False, "no Timeout")
