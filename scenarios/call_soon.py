"""Call soon: what does it cost to have the loop call a function in its next turn?

It is the smallest job of a loop, and loops' authors measure it first: finished futures, tasks that go on and new
connections all pass through this queue. asyncio makes a `Handle` for each call and runs it in a context
(`contextvars`); uvloop does the same in Cython; gevent makes a callback object; libev and libevent have no such queue,
so a program keeps its own beside a watcher that keeps the loop going (see their adapters).

A first callback schedules `callbacks` of them, all for the same turn, and behind them the end. With `arguments` 0 each
is another function without arguments. With 1 it is one function, and the loop carries its argument: the program saves a
closure, and the loop may pay for it. In both, the callback appends a number to a list, in C.

Timed region: from entering the loop until it has returned.

Check: every callback ran once, in the order of the calls, with its own argument. A lost callback ends the repetition
after five seconds.

What this does not say: the price of a turn. A thousand callbacks share one call of the kernel; in `cascade` each has
one.
"""

import functools
from typing import Any, cast

from crossloop.api import (
    Adapter,
    Callbacks,
    CheckFailedError,
    Parameters,
    ScenarioAbout,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("Callbacks",),
    drive="work",
    title="Call soon",
    short_title="Call soon",
    question="What does it cost to have the loop call a function in its next turn, with and without an argument?",
    group="loop",
    place=10,
    unit="callback",
    sets=(
        ("smoke", {"callbacks": 1000, "arguments": 0}),
        ("standard", {"callbacks": 1000, "arguments": 1}),
        ("full", {"callbacks": 1, "arguments": 0}),
        ("full", {"callbacks": 100000, "arguments": 0}),
        ("full", {"callbacks": 100000, "arguments": 1}),
    ),
    limits={"callbacks": (1, 1000000), "arguments": (0, 1)},
    brief=True,
)

_LIMIT_S = 5.0


class Scenario(Workload):
    """One turn of callbacks, and the last one ends it."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Make the callbacks; those without arguments hold their number themselves."""
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Callbacks, adapter)
        self._expected = list(range(parameters["callbacks"]))
        self._seen: list[int] = []
        self._guard: Any = None
        take = self._seen.append
        self._callbacks = [functools.partial(take, number) for number in self._expected]
        self._first = self._schedule_with_arguments if parameters["arguments"] else self._schedule

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._seen.clear()

    def run(self) -> int:
        """One repetition; returns the callbacks that ran."""
        self._loop.call_soon(self._first)
        self._loop.run()
        return len(self._seen)

    def _schedule(self) -> None:
        call_soon = self._loop.call_soon
        self._guard = self._loop.call_later(_LIMIT_S, self._end)
        for callback in self._callbacks:
            call_soon(callback)
        call_soon(self._end)

    def _schedule_with_arguments(self) -> None:
        call_soon, take = self._loop.call_soon, self._seen.append
        self._guard = self._loop.call_later(_LIMIT_S, self._end)
        for number in self._expected:
            call_soon(take, number)
        call_soon(self._end)

    def _end(self, *_: object) -> None:
        self._loop.stop()

    def verify(self) -> None:
        """Each callback ran, once and in order."""
        self._cancel_guard()
        if self._seen == self._expected:
            return
        expected, once = len(self._expected), len(set(self._seen))
        if sorted(self._seen) == self._expected:
            raise CheckFailedError(
                f"{expected} callbacks did not run in the order in which they were scheduled"
            )
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
