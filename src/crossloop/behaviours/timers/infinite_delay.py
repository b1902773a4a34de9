"""A delay may be infinite: a timer that never fires."""

import math

from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.timers._waiting import curio_sleeps, trio_sleeps, waits, waits_in

ABOUT = Behaviour(
    question="May a delay be math.inf?",
    rule="Infinity is later than every time; `asyncio.sleep(math.inf)` is a common way to wait until one is cancelled.",
    source="https://docs.python.org/3/library/math.html#math.inf",
    reports=("https://github.com/MagicStack/uvloop/issues/102",),
)


def on_loop(loop: PlainLoop) -> Answer:
    return waits(loop, math.inf)


def on_trio() -> Answer:
    return waits_in(trio_sleeps, math.inf)


def on_curio() -> Answer:
    return waits_in(curio_sleeps, math.inf)
