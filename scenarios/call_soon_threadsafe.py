"""Call soon, thread-safe: what does a thread-safe call into the loop cost when no other thread competes?

`call_soon_threadsafe`, `ev_async_send`, `uv_async_send`: each does the same as `call-soon`, is safe for other threads,
and wakes the loop, which may be asleep: by a byte into a socket pair or a write to an eventfd. Here the loop's own
thread calls, so neither the interpreter's lock nor the kernel's scheduler is part of the figure. The rest is the
library's own price of thread safety. `wakeups` has the threads.

`at_a_time` calls are made one after another from one callback. The last of them makes the next ones, until 1,000 have
run. Libraries that gather the wake-ups of one turn into one system call are cheaper with many at a time. With one, each
call pays for its wake-up, for the turn that sees it and for resetting it.

Timed region: from entering the loop until the last callback has run and the loop has returned.

Check: every callback ran once and in order. A lost callback ends the repetition after five seconds.

What this does not say: how soon a sleeping loop answers (`wakeups`, mode `latency`).
"""

import functools
from typing import Any, cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    Parameters,
    Readiness,
    ScenarioAbout,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("Readiness",),
    drive="work",
    title="Call soon, thread-safe",
    short_title="Thread-safe call",
    question="What does a thread-safe call into the loop cost when no other thread competes?",
    group="loop",
    place=20,
    unit="callback",
    sets=(
        ("smoke", {"at_a_time": 100}),
        ("standard", {"at_a_time": 1}),
        ("full", {"at_a_time": 1000}),
    ),
    limits={"at_a_time": (1, 1000)},
    brief=True,
)

_CALLBACKS = 1000
"""At least so many in one repetition."""
_LIMIT_S = 5.0


class Scenario(Workload):
    """Rounds of callbacks; the last callback of a round makes the next round."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Make the callbacks of all rounds."""
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Readiness, adapter)
        at_a_time: int = parameters["at_a_time"]
        rounds = max(1, _CALLBACKS // at_a_time)
        self._expected = list(range(rounds * at_a_time))
        self._seen: list[int] = []
        self._guard: Any = None
        self._next = 0
        self._rounds = [
            [
                functools.partial(self._take, number)
                for number in self._expected[first : first + at_a_time - 1]
            ]
            + [functools.partial(self._take_last, first + at_a_time - 1)]
            for first in range(0, len(self._expected), at_a_time)
        ]

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._seen.clear()
        self._next = 0

    def run(self) -> int:
        """One repetition; returns the callbacks that ran."""
        self._loop.call_later(0.0, self._start)
        self._loop.run()
        return len(self._seen)

    def _start(self, *_: object) -> None:
        self._guard = self._loop.call_later(_LIMIT_S, self._end)
        self._make_round()

    def _take(self, number: int, *_: object) -> None:
        self._seen.append(number)

    def _take_last(self, number: int, *_: object) -> None:
        self._seen.append(number)
        if self._next == len(self._rounds):
            self._loop.stop()
        else:
            self._make_round()

    def _make_round(self) -> None:
        wake, callbacks = self._loop.wake, self._rounds[self._next]
        self._next += 1
        for callback in callbacks:
            wake(callback)

    def _end(self, *_: object) -> None:
        self._loop.stop()

    def verify(self) -> None:
        """Each callback ran, once and in order."""
        self._cancel_guard()
        if self._seen == self._expected:
            return
        expected, once = len(self._expected), len(set(self._seen))
        if sorted(self._seen) == self._expected:
            raise CheckFailedError(f"{expected} callbacks did not run in the order of the calls")
        raise CheckFailedError(
            f"of {expected} callbacks {once} ran, {len(self._seen) - once} of them once more than asked for, "
            f"{expected - once} not within {_LIMIT_S:g} s"
        )

    def _cancel_guard(self) -> None:
        if self._guard is not None:
            self._loop.cancel(self._guard)
            self._guard = None

    def close(self) -> None:
        """Cancel the guard, where a repetition has left one."""
        self._cancel_guard()
