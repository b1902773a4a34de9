"""An error of a task that nobody waits for is reported when the task is gone."""

import asyncio
import contextlib
import gc
import io
import logging
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, turns
from crossloop.behaviours.reactor_frames import react

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is an error of a task reported that nobody waits for?",
    rule="When a task is collected whose exception was never retrieved, the loop's exception handler is called.",
    source="https://docs.python.org/3/library/asyncio-dev.html#detect-never-retrieved-exceptions",
)


class ProgramError(Exception):
    """What the task raises."""


async def fail() -> None:
    raise ProgramError


def on_asyncio(new_loop: NewLoop) -> Answer:
    contexts = list[dict[str, Any]]()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: contexts.append(context))
        forgotten = loop.create_task(fail())
        await turns()
        del forgotten
        gc.collect()

    run(new_loop, main)
    return answered(
        any(isinstance(context.get("exception"), ProgramError) for context in contexts), "nobody is told"
    )


def on_tornado(io_loop: "IOLoop") -> Answer:
    log = io.StringIO()
    logging.getLogger("tornado.application").addHandler(logging.StreamHandler(log))

    async def main() -> None:
        io_loop.spawn_callback(fail)
        await turns()

    io_loop.run_sync(main)
    return answered("ProgramError" in log.getvalue(), "nobody is told")


def on_gevent() -> Answer:
    import contextlib

    import gevent

    def fail_at_once() -> None:
        raise ProgramError

    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        gevent.spawn(fail_at_once)
        gevent.sleep(0.001)
    return answered("ProgramError" in printed.getvalue(), "nobody is told")


def on_trio() -> Answer:
    """There is no such task: its nursery waits for each, and its error is raised there."""
    import trio

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    try:
        trio.run(main)
    except ExceptionGroup as group:
        return answered(group.split(ProgramError)[1] is None, "nobody is told", repr(group))
    return answered(False, "nobody is told")


def on_curio() -> Answer:
    import curio

    log = io.StringIO()
    logging.getLogger("curio").addHandler(logging.StreamHandler(log))

    async def main() -> None:
        await curio.spawn(fail, daemon=True)
        await curio.sleep(0.001)

    curio.run(main)
    return answered("ProgramError" in log.getvalue(), "nobody is told")


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.defer import Deferred
    from twisted.logger import globalLogPublisher

    events = list[Any]()
    observe: Any = events.append
    globalLogPublisher.addObserver(observe)

    async def main() -> None:
        forgotten = Deferred.fromCoroutine(fail())
        del forgotten
        gc.collect()

    with contextlib.redirect_stderr(io.StringIO()):
        react(reactor, main)
    failures = [event["log_failure"].value for event in events if "log_failure" in event]
    return answered(any(isinstance(failure, ProgramError) for failure in failures), "nobody is told")


def on_eventlet() -> Answer:
    import eventlet

    def fail_at_once() -> None:
        raise ProgramError

    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        eventlet.spawn(fail_at_once)
        eventlet.sleep(0.001)
    return answered("ProgramError" in printed.getvalue(), "nobody is told")
