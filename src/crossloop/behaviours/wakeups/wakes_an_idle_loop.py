"""A call from a thread runs at once, though the loop sleeps."""

import threading
import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.trio_run import TrioRun

ABOUT = Behaviour(
    question="Does a call from a thread run at once when the loop sleeps?",
    rule="To hand a call to a loop wakes the loop up.",
    source="https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading",
    reports=("https://github.com/python/cpython/issues/156054",),
)
TRIES = 5


def on_loop(loop: PlainLoop) -> Answer:
    late_s, begun = list[float](), 0.0
    ran = threading.Event()

    def run_in_the_loop() -> None:
        late_s.append(time.monotonic() - begun)
        ran.set()

    waker, stop = loop.waker(run_in_the_loop), loop.waker(loop.stop)

    def call_when_it_sleeps() -> None:
        nonlocal begun
        for _ in range(TRIES):
            time.sleep(0.01)
            ran.clear()
            begun = time.monotonic()
            waker()
            ran.wait(0.3)
        stop()

    threading.Thread(target=call_when_it_sleeps, daemon=True).start()
    loop.run_for(WAIT_S)
    best_s = min(late_s, default=WAIT_S)
    return answered(
        best_s < 0.02, "it waits for something else to wake the loop", f"at best {1000 * best_s:.1f} ms"
    )


def on_trio() -> Answer:
    late_s, begun = list[float](), 0.0
    ran, trio_run = threading.Event(), TrioRun()

    def run_in_trio() -> None:
        late_s.append(time.monotonic() - begun)
        ran.set()

    def call_when_it_sleeps() -> None:
        nonlocal begun
        for _ in range(TRIES):
            time.sleep(0.01)
            ran.clear()
            begun = time.monotonic()
            trio_run.soon(run_in_trio)
            ran.wait(0.3)
        trio_run.stop()

    trio_run.run(lambda: threading.Thread(target=call_when_it_sleeps, daemon=True).start())
    best_s = min(late_s, default=WAIT_S)
    return answered(
        best_s < 0.02, "it waits for something else to wake the loop", f"at best {1000 * best_s:.1f} ms"
    )


def on_eventlet() -> Answer:
    return not_there("nothing of eventlet's hub may be called from another thread")
