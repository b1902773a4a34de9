"""Timers fire in the order of their times, not of their starts."""

import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, differs
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Of two timers that are due within one millisecond, does the earlier fire first?",
    rule="When several timers are due in one turn, those with earlier times are called before those with later "
    "ones. A library that counts in whole milliseconds cannot tell these two apart.",
    source="https://metacpan.org/dist/EV/view/libev/ev.pod",
    reports=("https://github.com/gevent/gevent/issues/1057",),
)
LATER_S, EARLIER_S = 0.0204, 0.0201


def on_loop(loop: PlainLoop) -> Answer:
    orders = list[str]()
    for _ in range(30):
        order = list[str]()
        begun = time.monotonic()
        loop.after(LATER_S, lambda order=order: order.append("later"))  # type: ignore[misc]
        loop.after(EARLIER_S, lambda order=order: order.append("earlier"))  # type: ignore[misc]
        were_started_together = time.monotonic() - begun < LATER_S - EARLIER_S
        loop.run_for(0.025)
        if were_started_together:
            orders.append(" ".join(order))
        if len(orders) == 3:
            break
    else:
        return differs("the machine is too slow to start two timers within a millisecond")
    return answered(
        "later earlier" not in orders, "the one that was started first fires first", f"orders: {orders}"
    )
