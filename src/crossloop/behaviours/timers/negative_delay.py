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
