"""On a machine with nothing else to do a timer is late by a millisecond or two at most."""

from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import Stretch
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Is a timer on time to two milliseconds?",
    rule="Waiting calls count milliseconds or finer and are late by one at most, where nothing else has to run. A "
    "library that waits in steps of the kernel's tick (4 ms at 250 Hz, 15.6 ms on Windows) is later.",
    source="https://man7.org/linux/man-pages/man2/epoll_wait.2.html",
    reports=("https://github.com/python/cpython/pull/116781",),
)
DELAYS_S = (0.0013, 0.0025, 0.0037, 0.0049)
ENOUGH_S = 0.002


def on_loop(loop: PlainLoop) -> Answer:
    return verdict(loop.run_for)


def on_trio() -> Answer:
    import trio

    return verdict(lambda delay_s: trio.run(trio.sleep, delay_s))


def on_curio() -> Answer:
    import curio

    return verdict(lambda delay_s: curio.run(curio.sleep, delay_s))


def verdict(run_for: Callable[[float], object]) -> Answer:
    """*run_for* sleeps so many seconds."""
    worst_s = max(best_late_s(run_for, delay_s) for delay_s in DELAYS_S)
    how = "late by up to five milliseconds" if worst_s < 0.005 else "late by more than five milliseconds"
    return answered(worst_s < ENOUGH_S, how, f"at best late by {1000 * worst_s:.2f} ms")


def best_late_s(run_for: Callable[[float], object], delay_s: float) -> float:
    """How late a run of *delay_s* is. The best of at most 20: others run on this machine, too."""
    best_s = 1.0
    for _ in range(20):
        with Stretch() as stretch:
            run_for(delay_s)
        best_s = min(best_s, stretch.elapsed_s - delay_s - stretch.waited_s)
        if best_s < ENOUGH_S:
            break
    return best_s
