"""Cascade: what does a turn of the loop cost when its callback only schedules the next?

A callback that ends by scheduling itself does long work in parts: a parser that yields, a queue that is handled piece
by piece. Each part costs a whole turn: the loop looks at its timers, asks the kernel what is ready (without waiting,
but by a system call), and runs due callbacks. `chains` of them go on side by side, and share the turns. With one chain
the figure is that of a turn; with many it comes near to that of `call-soon`.

Not every library takes a turn for each. gevent's hub runs its queue, with callbacks added meanwhile, until its switch
interval is over (5 ms), and looks at descriptors then. So it is far ahead with one chain, and a ready descriptor waits
that long.

Timed region: from entering the loop until the last link has run and the loop has returned; 1,000 links in all.

Check: all links ran, each once and in order: every chain's first, then every chain's second. A lost link ends the
repetition after five seconds.

What this does not say: what a turn costs in which a descriptor or a timer is ready (`pipe-pairs`, `timers`).
"""

from collections.abc import Callable
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
    title="Cascade of callbacks",
    short_title="Cascade",
    question="What does a turn of the loop cost when its callback only schedules the next?",
    group="loop",
    place=40,
    unit="callback",
    sets=(
        ("smoke", {"chains": 1}),
        ("standard", {"chains": 10}),
        ("full", {"chains": 100}),
    ),
    limits={"chains": (1, 1000)},
    brief=True,
)

_LINKS = 1000
"""Of all chains together in one repetition."""
_LIMIT_S = 5.0


class Scenario(Workload):
    """Chains of callbacks, each of which schedules the next one of its chain."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Callbacks, adapter)
        self._chains: int = parameters["chains"]
        self._links = _LINKS // self._chains
        self._expected = list(range(self._chains)) * self._links
        self._seen: list[int] = []
        self._going_on = 0
        self._starts: list[Callable[[], None]] = []
        self._guard: Any = None

    def prepare(self) -> None:
        """Make the chains."""
        self._seen.clear()
        self._going_on = self._chains
        self._starts = [self._chain(place) for place in range(self._chains)]

    def _chain(self, place: int) -> Callable[[], None]:
        call_soon, append, left = self._loop.call_soon, self._seen.append, self._links

        def link() -> None:
            nonlocal left
            append(place)
            left -= 1
            if left:
                call_soon(link)
            else:
                self._chain_ended()

        return link

    def _chain_ended(self) -> None:
        self._going_on -= 1
        if not self._going_on:
            self._loop.stop()

    def run(self) -> int:
        """One repetition; returns the callbacks that ran."""
        self._loop.call_soon(self._start)
        self._loop.run()
        return len(self._seen)

    def _start(self) -> None:
        self._guard = self._loop.call_later(_LIMIT_S, self._end)
        for start in self._starts:
            self._loop.call_soon(start)

    def _end(self, *_: object) -> None:
        self._loop.stop()

    def verify(self) -> None:
        """Every link ran, once and in order."""
        self._cancel_guard()
        if self._seen == self._expected:
            return
        if sorted(self._seen) == sorted(self._expected):
            raise CheckFailedError(f"links of {self._chains} chains did not run one after another")
        raise CheckFailedError(
            f"{len(self._seen)} links of {self._chains} chains ran within {_LIMIT_S:g} s, "
            f"expected {len(self._expected)}"
        )

    def _cancel_guard(self) -> None:
        if self._guard is not None:
            self._loop.cancel(self._guard)
            self._guard = None

    def close(self) -> None:
        """Cancel the guard, where a repetition has left one."""
        self._cancel_guard()
