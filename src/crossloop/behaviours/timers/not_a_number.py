"""A delay that is no number does no harm to other timers."""

import math
import threading

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, yes
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Do other timers fire when one has been started with NaN?",
    rule="NaN is neither before nor after any time. A library that sorts its timers by time has to refuse it, or "
    "those that come to lie behind it are lost to it.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.sleep",
    reports=(
        "https://github.com/python/cpython/issues/105331",
        "https://github.com/python-trio/trio/issues/2493",
        "https://github.com/agronholm/anyio/issues/1306",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    fired = list[str]()
    loop.after(10.0, lambda: None)
    try:
        loop.after(math.nan, lambda: None)
    except (ValueError, OverflowError, OSError) as error:
        return yes(f"it is refused: {error!r}")
    loop.after(11.0, lambda: None)
    loop.after(0.02, lambda: fired.append("the near one"))
    threading.Timer(QUIET_S, loop.waker(loop.stop)).start()
    loop.run()
    return answered(bool(fired), "a timer that is due does not fire")
