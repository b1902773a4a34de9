"""What far timers share: a loop that has nothing nearer than that, and is stopped from a thread."""

import threading
from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, no, yes
from crossloop.behaviours.frames import spins
from crossloop.behaviours.plain_loop import Call, PlainLoop
from crossloop.behaviours.trio_run import TrioRun

A_WHILE_S = 0.03


def waits(loop: PlainLoop, *delays_s: float) -> Answer:
    """Whether *loop* sleeps with a timer of each of *delays_s* in turn, the only one that it has."""
    for delay_s in delays_s:
        fired = list[str]()
        cancel = loop.after(delay_s, lambda fired=fired: fired.append("fired"))  # type: ignore[misc]
        stop = loop.waker(loop.stop)

        def run_a_while(stop: Call = stop) -> None:
            threading.Timer(A_WHILE_S, stop).start()
            loop.run()

        spun = spins(run_a_while, A_WHILE_S)
        cancel()
        if fired:
            return no("the timer fires at once", f"of {delay_s} s")
        if spun:
            return no("the loop spins while it waits", f"for {delay_s} s")
    return yes()


def waits_in(sleeps: Callable[[float], bool], *delays_s: float) -> Answer:
    """As `waits`. *sleeps* has a task sleep so long, is stopped after `A_WHILE_S`, and says whether it sleeps still."""
    for delay_s in delays_s:
        slept = list[bool]()
        spun = spins(lambda delay_s=delay_s, slept=slept: slept.append(sleeps(delay_s)), A_WHILE_S)  # type: ignore[misc]
        if not all(slept):
            return no("the timer fires at once", f"of {delay_s} s")
        if spun:
            return no("the loop spins while it waits", f"for {delay_s} s")
    return yes()


def trio_sleeps(delay_s: float) -> bool:
    """For `waits_in`: a task of trio's."""
    import trio

    woken = list[str]()

    async def sleep() -> None:
        await trio.sleep(delay_s)
        woken.append("woken")

    trio_run = TrioRun(sleep)
    threading.Timer(A_WHILE_S, trio_run.stop).start()
    trio_run.run()
    return not woken


def curio_sleeps(delay_s: float) -> bool:
    """For `waits_in`: a task of curio's."""
    import curio

    async def main() -> bool:
        stopped = curio.UniversalEvent()
        sleeping = await curio.spawn(curio.sleep, delay_s, daemon=True)
        threading.Timer(A_WHILE_S, stopped.set).start()
        await stopped.wait()
        return not sleeping.terminated

    still: bool = curio.run(main)
    return still
