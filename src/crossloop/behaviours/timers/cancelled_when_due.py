"""A timer that is cancelled does not fire, though it is due."""

import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.plain_loop import Call, PlainLoop

ABOUT = Behaviour(
    question="When two timers are due and the first one's callback cancels the second, does the second not fire?",
    rule="A callback that is cancelled is not called, also when its time has come already.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Handle.cancel",
)


def on_loop(loop: PlainLoop) -> Answer:
    fired, cancel = list[str](), list[Call]()

    def fire(name: str) -> None:
        fired.append(name)
        for cancel_timer in cancel:
            cancel_timer()

    cancel.append(loop.after(0.01, lambda: fire("the first")))
    cancel.append(loop.after(0.01, lambda: fire("the second")))
    time.sleep(0.03)
    loop.run_for(0.03)
    return answered(len(fired) == 1, "it fires all the same", f"fired: {fired}")
