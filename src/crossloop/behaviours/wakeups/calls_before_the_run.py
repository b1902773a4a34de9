"""What is handed to a loop before it runs is kept, however much it is."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.frames import aside
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Do 70,000 calls that a thread hands over before the loop runs neither block the thread nor get lost?",
    rule="A loop is woken by a byte in a pipe or socket that holds so many bytes and no more. One that waits is "
    "enough, and whoever finds it full goes on.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    reports=(
        "https://github.com/python/cpython/pull/11566",
        "https://github.com/python/cpython/issues/105829",
    ),
    limit_s=25.0,
)
CALLS = 70_000
LONG_S = 12.0


def on_loop(loop: PlainLoop) -> Answer:
    runs = 0

    def run_once() -> None:
        nonlocal runs
        runs += 1
        if runs == CALLS:
            loop.stop()

    waker = loop.waker(run_once)

    def hand_over() -> None:
        for _ in range(CALLS):
            waker()

    aside(hand_over).result(LONG_S)
    loop.run_for(LONG_S)
    return answered(runs == CALLS, "several calls are one run" if runs else "none runs", f"{runs} of {CALLS}")


def on_eventlet() -> Answer:
    return not_there("nothing of eventlet's hub may be called from another thread")
