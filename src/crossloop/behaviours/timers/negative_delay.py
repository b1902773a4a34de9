"""A delay below zero is a time that has passed."""

import threading

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does a timer with a delay below zero fire at once?",
    rule="Who waits until a deadline subtracts the time of now, and a moment later the result is below zero: the "
    "deadline has passed, and that is no error.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_later",
    reports=(
        "https://github.com/gevent/gevent/issues/20",
        "https://github.com/CabbageDevelopment/qasync/pull/88",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    fired = list[str]()
    loop.after(-1.0, loop.then_stop(fired.append, "fired"))
    threading.Timer(QUIET_S, loop.waker(loop.stop)).start()
    loop.run()
    return answered(bool(fired), "it does not fire")


def on_trio() -> Answer:
    """A sleep of less than nothing is an error, as a sign of a mistake; a time that has passed is none."""
    import trio

    async def main() -> Answer:
        with trio.move_on_after(QUIET_S) as limit:
            await trio.sleep_until(trio.current_time() - 1.0)
        if limit.cancelled_caught:
            return answered(False, "it does not fire")
        try:
            await trio.sleep(-1.0)
        except ValueError as error:
            return answered(False, "a delay is refused, and a time is taken", repr(error))
        return answered(True, "")

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        sleeping = await curio.spawn(curio.sleep, -1.0)
        await curio.sleep(QUIET_S)
        fired = sleeping.terminated
        await sleeping.cancel()
        return answered(fired, "it does not fire")

    answer: Answer = curio.run(main)
    return answer
