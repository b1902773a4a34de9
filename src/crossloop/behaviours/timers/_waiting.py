"""What far timers share: a loop that has nothing nearer than that, and is stopped from a thread."""

import threading

from crossloop.behaviours.behaviour import Answer, no, yes
from crossloop.behaviours.frames import spins
from crossloop.behaviours.plain_loop import Call, PlainLoop


def waits(loop: PlainLoop, *delays_s: float) -> Answer:
    """Whether *loop* sleeps with a timer of each of *delays_s* in turn, the only one that it has."""
    for delay_s in delays_s:
        fired = list[str]()
        cancel = loop.after(delay_s, lambda fired=fired: fired.append("fired"))  # type: ignore[misc]
        stop = loop.waker(loop.stop)

        def run_a_while(stop: Call = stop) -> None:
            threading.Timer(0.03, stop).start()
            loop.run()

        spun = spins(run_a_while, 0.03)
        cancel()
        if fired:
            return no("the timer fires at once", f"of {delay_s} s")
        if spun:
            return no("the loop spins while it waits", f"for {delay_s} s")
    return yes()
