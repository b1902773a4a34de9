"""What threads hand to a loop runs, each once."""

import threading

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no, not_there
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import Call, PlainLoop
from crossloop.behaviours.trio_run import TrioRun

ABOUT = Behaviour(
    question="Does each of thousands of calls that several threads hand to a loop run, and once?",
    rule="Each call of call_soon_threadsafe (add_callback, run_callback_threadsafe) is one run of its callback. "
    "libev's Async.send is less: several before the loop looks are one.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    reports=("https://github.com/MagicStack/uvloop/issues/408",),
)
THREADS, CALLS = 4, 1000


def on_loop(loop: PlainLoop) -> Answer:
    runs = list[int]()

    def run_once(thread: int) -> None:
        runs.append(thread)
        if len(runs) == THREADS * CALLS:
            loop.after(0.02, loop.stop)  # more than that must not come

    def call_often(waker: Call) -> None:
        for _ in range(CALLS):
            waker()

    for thread in range(THREADS):
        waker = loop.waker(lambda thread=thread: run_once(thread))  # type: ignore[misc]
        threading.Thread(target=call_often, args=(waker,), daemon=True).start()
    loop.run_for(WAIT_S)
    if len(runs) > THREADS * CALLS:
        return no("some run more than once", f"{len(runs)} of {THREADS * CALLS}")
    return answered(
        len(runs) == THREADS * CALLS, "several calls are one run", f"{len(runs)} of {THREADS * CALLS}"
    )


def on_trio() -> Answer:
    runs = list[int]()
    trio_run = TrioRun()

    def run_once(thread: int) -> None:
        runs.append(thread)
        if len(runs) == THREADS * CALLS:
            threading.Timer(0.02, trio_run.stop).start()  # more than that must not come

    def call_often(thread: int) -> None:
        for _ in range(CALLS):
            trio_run.soon(lambda: run_once(thread))

    def call_in_threads() -> None:
        for thread in range(THREADS):
            threading.Thread(target=call_often, args=(thread,), daemon=True).start()

    end = threading.Timer(WAIT_S, trio_run.stop)
    end.start()
    trio_run.run(call_in_threads)
    end.cancel()
    return answered(
        len(runs) == THREADS * CALLS, "several calls are one run, or one is several", f"{len(runs)}"
    )


def on_eventlet() -> Answer:
    return not_there("nothing of eventlet's hub may be called from another thread")
