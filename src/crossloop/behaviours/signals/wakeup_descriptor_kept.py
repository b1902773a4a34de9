"""A program's own wakeup descriptor is its own again after a run."""

import signal
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair
from crossloop.behaviours.plain_loop import PLAIN_LOOPS, PlainLoop

ABOUT = Behaviour(
    question="Is a descriptor that the program gave to set_wakeup_fd still in place after the loop has run?",
    rule="There is one for the process, and set_wakeup_fd returns the one before. Whoever borrows it, a loop within "
    "a loop for instance, puts it back.",
    source="https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd",
    reports=("https://github.com/MagicStack/uvloop/pull/270",),
)


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (ours, _other):
        signal.set_wakeup_fd(ours.fileno())
        loop.run_for(0.01)
        left = signal.set_wakeup_fd(-1)
        return answered(left == ours.fileno(), "it is replaced" if left != -1 else "it is taken out")


def on_trio() -> Answer:
    import warnings

    import trio

    with pair() as (ours, _other), warnings.catch_warnings(record=True) as warned:
        signal.set_wakeup_fd(ours.fileno())
        trio.run(trio.sleep, 0.01)
        left = signal.set_wakeup_fd(-1)
        how = "it is replaced" if left != -1 else "it is taken out"
        return answered(left == ours.fileno(), how, "; ".join(str(warning.message) for warning in warned))


def on_twisted(reactor: Any) -> Answer:
    """With the handlers that Twisted puts in place by itself."""
    loop = PLAIN_LOOPS["twisted"](reactor)
    loop.run = reactor.run
    return on_loop(loop)
