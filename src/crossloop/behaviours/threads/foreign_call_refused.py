"""In debug mode the loop refuses calls that come from another thread."""

from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside

ABOUT = Behaviour(
    question="Does debug mode report call_soon() and call_later() from a thread that is not the loop's?",
    rule="In debug mode non-thread-safe methods such as call_soon() and call_at() raise in a wrong thread.",
    source="https://docs.python.org/3/library/asyncio-dev.html#debug-mode",
)


def nothing() -> None:
    """A callback."""


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, taken = new_loop(), list[str]()
    loop.set_debug(True)
    calls: dict[str, Callable[[], object]] = {
        "call_soon": lambda: loop.call_soon(nothing),
        "call_later": lambda: loop.call_later(60, nothing),
        "call_at": lambda: loop.call_at(loop.time() + 60, nothing),
    }

    def from_a_thread() -> None:
        for name, call in calls.items():
            try:
                call()
            except RuntimeError:
                continue
            taken.append(name)
        loop.call_soon_threadsafe(loop.stop)

    loop.call_soon(aside, from_a_thread)
    loop.run_forever()
    return answered(not taken, f"{', '.join(taken)} is taken")
