"""The loop goes on while its threads work, and what they return or raise arrives."""

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run
from crossloop.behaviours.reactor_frames import beside_reactor, react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does the loop go on while a function works in a thread, and do its result and its error arrive?",
    rule="run_in_executor() calls a function in another thread; awaiting it gives what it returns or raises.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor",
    reports=("https://github.com/MagicStack/uvloop/issues/349",),
)


class ProgramError(Exception):
    """What a function raises in its thread."""


class Work:
    """Functions for a thread. `wait` returns when the loop has gone on, which `go_on` says, and gives its thread."""

    def __init__(self) -> None:
        self.loops_thread = threading.get_ident()
        self.went_on = threading.Event()
        self.go_on = self.went_on.set

    def wait(self) -> int:
        return threading.get_ident() if self.went_on.wait(WAIT_S) else 0

    def fail(self) -> None:
        raise ProgramError

    def verdict(self, result: object, error: object) -> Answer:
        if not result:
            return answered(False, "the loop stands still meanwhile")
        if result == self.loops_thread:
            return answered(False, "it runs in the loop's thread")
        return answered(isinstance(error, ProgramError), "its error does not arrive", repr(error))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, work = asyncio.get_running_loop(), Work()
        loop.call_later(0.01, work.go_on)
        result, error = await asyncio.gather(
            loop.run_in_executor(None, work.wait),
            loop.run_in_executor(None, work.fail),
            return_exceptions=True,
        )
        return work.verdict(result, error)

    return run(new_loop, main)  # which waits for the executor's threads at its end


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        work = Work()
        io_loop.call_later(0.01, work.go_on)
        result = await io_loop.run_in_executor(None, work.wait)
        try:
            await io_loop.run_in_executor(None, work.fail)
        except ProgramError as error:
            return work.verdict(result, error)
        return work.verdict(result, None)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    import gevent

    work, pool = Work(), gevent.get_hub().threadpool
    gevent.spawn_later(0.01, work.go_on)
    result = pool.spawn(work.wait).get()
    failed = pool.spawn(work.fail)
    failed.wait()
    return work.verdict(result, failed.exception)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        work = Work()
        async with trio.open_nursery() as nursery:

            async def go_on() -> None:
                await trio.sleep(0.01)
                work.go_on()

            nursery.start_soon(go_on)
            result = await trio.to_thread.run_sync(work.wait)
        try:
            await trio.to_thread.run_sync(work.fail)
        except ProgramError as error:
            return work.verdict(result, error)
        return work.verdict(result, None)

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        work = Work()

        async def go_on() -> None:
            await curio.sleep(0.01)
            work.go_on()

        await curio.spawn(go_on, daemon=True)
        result = await curio.run_in_thread(work.wait)
        try:
            await curio.run_in_thread(work.fail)
        except ProgramError as error:
            return work.verdict(result, error)
        return work.verdict(result, None)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        work = Work()
        reactor.callLater(0.01, work.go_on)
        result = await beside_reactor(work.wait)
        try:
            await beside_reactor(work.fail)
        except ProgramError as error:
            return work.verdict(result, error)
        return work.verdict(result, None)

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet import tpool

    work = Work()
    eventlet.spawn_after(0.01, work.go_on)
    result = tpool.execute(work.wait)
    try:
        tpool.execute(work.fail)
    except ProgramError as error:
        return work.verdict(result, error)
    return work.verdict(result, None)
