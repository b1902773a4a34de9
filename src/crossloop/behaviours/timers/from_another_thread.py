"""A timer that another thread starts is on time, or is refused."""

import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, yes
from crossloop.behaviours.frames import WAIT_S, aside
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Is a timer that another thread starts, without permission, on time or refused?",
    rule="Loops are not safe for threads; call_soon_threadsafe and its like are the one way in. A loop that sleeps "
    "does not notice a new timer, and where nobody checks, the program works in some tests and is late in others.",
    source="https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/76",
        "https://github.com/CopernicaMarketingSoftware/REACT-CPP/issues/3",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    fired = list[float]()
    stop = loop.waker(loop.stop)

    def start_in_a_thread() -> float:
        time.sleep(0.03)  # the loop sleeps by then
        try:
            loop.after(0.01, lambda: fired.append(time.monotonic()))
            return time.monotonic()
        finally:
            time.sleep(0.25)
            stop()

    started = aside(start_in_a_thread)
    loop.run_for(WAIT_S)
    if error := started.exception(WAIT_S):
        return yes(f"refused: {error!r}")
    on_time = bool(fired) and fired[0] - started.result() < 0.2
    return answered(on_time, "it fires only when something else wakes the loop")
