"""The loop's clock moves on while a callback runs, and never back."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does the loop's clock move on while a callback computes, and is it in step with the monotonic clock?",
    rule="time() is the current time by the loop's monotonic clock.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.time",
    reports=("https://github.com/MagicStack/uvloop/issues/29",),
)
BUSY_S = 0.05
STEP_S = 0.001 + time.get_clock_info("monotonic").resolution
"""Some loops count milliseconds."""


def verdict(loop_time: Callable[[], float]) -> Answer:
    """Called within a callback, which is busy for a while."""
    begun, before = time.monotonic(), loop_time()
    time.sleep(BUSY_S)
    passed = loop_time() - before
    least, most = BUSY_S, time.monotonic() - begun
    if passed < least / 2:
        return answered(False, "it stands still", f"{1000 * passed:.1f} of {1000 * least:.0f} ms")
    in_step = least - 2 * STEP_S <= passed <= most + 2 * STEP_S
    return answered(in_step, "it goes at another rate", f"{1000 * passed:.1f} of {1000 * most:.1f} ms")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, answers = new_loop(), list[Answer]()
    loop.call_soon(lambda: answers.append(verdict(loop.time)))
    loop.call_soon(loop.stop)
    loop.run_forever()
    return answers[0]


def on_tornado(io_loop: "IOLoop") -> Answer:
    answers = list[Answer]()
    io_loop.add_callback(lambda: answers.append(verdict(io_loop.time)))
    io_loop.add_callback(io_loop.stop)
    io_loop.start()
    return answers[0]


def on_gevent() -> Answer:
    import gevent

    loop = gevent.get_hub().loop
    return gevent.spawn(lambda: verdict(loop.now)).get()  # type: ignore[no-any-return]  # gevent has no types


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        return verdict(trio.current_time)

    return trio.run(main)


def on_pyev() -> Answer:
    import pyev

    loop, answers = pyev.Loop(), list[Answer]()
    timer = pyev.Timer(0.0, 0.0, loop, lambda *_: answers.append(verdict(loop.now)))
    timer.start()
    loop.start()
    return answers[0]
