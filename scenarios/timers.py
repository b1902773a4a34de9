"""Timers: what do they cost, and how punctual are they?

Three modes, each a question of its own:

- `create-cancel`: n timers are created and cancelled again before they are due, in an order that is neither that of
  their creation nor that of their times. Almost every timer in a network program is such a timeout that does not
  happen. Nine in ten are 5 to 60 s away, as timeouts are; the tenth is due within 2 ms, so a cancelled timer that fires
  is seen at once.
- `fire`: n timers, all due within 2 ms, and all of them fire: the cost of a timer that does happen.
- `lateness`: n timers spread evenly, with a random part, over 50 ms; the sample is the time from when the
  timer was due until its callback ran. Loops differ by what they round to (libuv counts whole
  milliseconds, epoll_wait(2) waits in whole milliseconds, epoll_pwait2(2) in nanoseconds) and by whether they
  round up. Its CPU time per timer includes the sleeps between them and is not the point.

Everything happens in a callback of the loop: libev and libuv count a delay from the time at which the loop
last woke, which is long ago when the loop does not run.

**Early.** A timer should not fire early, but libraries round: libuv's clock is the millisecond that has begun (up to 1
ms early), uvloop rounds the delay to the nearest millisecond (up to 0.5 ms), and libev and libuv count from the loop's
cached time (up to the age of the callback that creates the timer). Up to the sum of these, and the step of Python's
monotonic clock where that is coarse (15.6 ms on Windows before Python 3.13), an early firing is a sample below zero.
Beyond it is a failure.

Timed region: entering the loop, creating the timers, cancelling or waiting for them, leaving the loop. In
`create-cancel` the loop takes one more turn before it ends: asyncio removes cancelled timers from its heap then, and
delayed work counts as well.
"""

import random
import time
from array import array
from typing import Any, cast

from crossloop.api import (
    Adapter,
    Callback,
    CheckFailedError,
    Parameters,
    Readiness,
    ScenarioAbout,
    UnsupportedError,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("Readiness",),
    drive="work",
    title="Timers",
    question="What does a timer cost that is cancelled or fires, and how late does it fire?",
    group="loop",
    unit="timer",
    sets=(
        ("smoke", {"timers": 2000, "mode": "create-cancel"}),
        ("quick", {"timers": 100, "mode": "lateness"}),
        ("standard", {"timers": 2000, "mode": "fire"}),
        ("standard", {"timers": 20000, "mode": "create-cancel"}),
        ("standard", {"timers": 20000, "mode": "fire"}),
        ("standard", {"timers": 1000, "mode": "lateness"}),
        ("full", {"timers": 100, "mode": "create-cancel"}),
        ("full", {"timers": 100000, "mode": "create-cancel"}),
        ("full", {"timers": 100, "mode": "fire"}),
        ("full", {"timers": 100000, "mode": "fire"}),
        ("full", {"timers": 10, "mode": "lateness"}),
    ),
    limits={"timers": (1, 1000000)},
    brief=True,
)

_SEED = 1
_NEAR_S = 0.002
_FAR_S = (5.0, 60.0)
_LATENESS_SPREAD_S = 0.050
_GRACE_S = 0.004
"""How long the loop goes on to see what ought not to fire, twice `_NEAR_S`: after a repetition, or after the last timer
was made that is cancelled."""
_LIMIT_S = 5.0
"""Beyond the last timer's time; whoever has not fired by then is lost."""
_EARLY_ALLOWED_NS = 1_500_000 + int(time.get_clock_info("monotonic").resolution * 1e9)
"""See the module's head: a millisecond of the loop's clock, half of one of rounding, Python's clock."""


class Scenario(Workload):
    """The three modes; each is a method that runs as the loop's first callback of a repetition."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Draw the delays. Raises `UnsupportedError` for a mode that there is not."""
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Readiness, adapter)
        self._count: int = parameters["timers"]
        self._mode: str = parameters["mode"]
        modes = {"create-cancel": self._create_and_cancel, "fire": self._create, "lateness": self._create}
        if self._mode not in modes:
            raise UnsupportedError(f"timers has no mode {self._mode!r}, but {', '.join(modes)}")
        self._first = modes[self._mode]
        self._delays_s, self._order = _plan(self._mode, self._count)
        self._fired = [0] * self._count
        self._left = 0
        self._due_ns = array("q", [0]) * self._count
        self._ran_ns = array("q", [0]) * self._count
        self._creating_ns = 0
        self._grace_from_s = 0.0
        self._guard: Any = None
        make = self._timekeeper if self._mode == "lateness" else self._counter
        self._callbacks = [make(index) for index in range(self._count)]

    def _counter(self, index: int) -> Callback:
        fired = self._fired

        def on_time(*_: object) -> None:
            fired[index] += 1
            self._left -= 1
            if not self._left:
                self._loop.stop()

        return on_time

    def _timekeeper(self, index: int) -> Callback:
        ran_ns, clock, count = self._ran_ns, time.perf_counter_ns, self._counter(index)

        def on_time(*_: object) -> None:
            ran_ns[index] = clock()
            count()

        return on_time

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._fired[:] = [0] * self._count
        self._left = self._count
        self._guard = None

    def run(self) -> int:
        """One repetition; returns the timers that were cancelled or fired."""
        self._loop.call_later(0.0, self._first)
        self._loop.run()
        return self._count - self._left

    def _create_and_cancel(self, *_: object) -> None:
        call_later, cancel = self._loop.call_later, self._loop.cancel
        timers = [
            call_later(delay_s, callback)
            for delay_s, callback in zip(self._delays_s, self._callbacks, strict=True)
        ]
        self._grace_from_s = time.perf_counter()
        for index in self._order:
            cancel(timers[index])
        self._left = 0
        call_later(0.0, self._end)

    def _create(self, *_: object) -> None:
        call_later, clock, due_ns = self._loop.call_later, time.perf_counter_ns, self._due_ns
        self._guard = call_later(_LIMIT_S, self._end)
        if self._mode == "fire":
            for delay_s, callback in zip(self._delays_s, self._callbacks, strict=True):
                call_later(delay_s, callback)
            return
        began_ns = clock()
        for index in self._order:
            delay_s = self._delays_s[index]
            due_ns[index] = clock() + int(delay_s * 1e9)
            call_later(delay_s, self._callbacks[index])
        self._creating_ns = clock() - began_ns

    def _end(self, *_: object) -> None:
        self._loop.stop()

    def verify(self) -> None:
        """Cancelled: none has fired. Otherwise: each fired exactly once, and none too early."""
        if self._guard is not None:
            self._loop.cancel(self._guard)
        if self._mode != "create-cancel":
            self._grace_from_s = time.perf_counter()
        self._loop.call_later(0.0, self._linger)
        self._loop.run()
        if self._mode == "create-cancel":
            fired = sum(self._fired)
            if fired:
                raise CheckFailedError(f"{fired} of {self._count} timers fired after they were cancelled")
            return
        lost, again = self._fired.count(0), sum(count > 1 for count in self._fired)
        if again:
            raise CheckFailedError(f"{again} of {self._count} one-shot timers fired more than once")
        if lost:
            raise CheckFailedError(f"{lost} of {self._count} timers did not fire within {_LIMIT_S:g} s")
        if self._mode == "lateness":
            self._record_lateness()

    def _linger(self, *_: object) -> None:
        self._loop.call_later(max(0.0, self._grace_from_s + _GRACE_S - time.perf_counter()), self._end)

    def _record_lateness(self) -> None:
        allowed_ns = _EARLY_ALLOWED_NS + self._creating_ns
        for due_ns, ran_ns, delay_s in zip(self._due_ns, self._ran_ns, self._delays_s, strict=True):
            late_ns = ran_ns - due_ns
            if late_ns < -allowed_ns:
                raise CheckFailedError(
                    f"a timer of {delay_s * 1e3:.3f} ms fired {-late_ns / 1e6:.3f} ms early; "
                    f"at most {allowed_ns / 1e6:.3f} ms can be rounding"
                )
            self.samples_ns.append(late_ns)

    def close(self) -> None:
        """Cancel the guard, where a repetition has left one; all other timers are done with."""
        if self._guard is not None:
            self._loop.cancel(self._guard)
            self._guard = None


def _plan(mode: str, count: int) -> tuple[list[float], list[int]]:
    """Delays in seconds, and the order in which to cancel or create; the same on every machine."""
    source = random.Random(_SEED)  # noqa: S311  (a reproducible order, nothing secret)
    if mode == "fire":
        delays_s = [source.uniform(0.0, _NEAR_S) for _ in range(count)]
    elif mode == "lateness":
        step_s = _LATENESS_SPREAD_S / count
        delays_s = [step_s * (index + source.random()) for index in range(count)]
    else:
        delays_s = [
            source.uniform(0.0, _NEAR_S) if index % 10 == 0 else source.uniform(*_FAR_S)
            for index in range(count)
        ]
    order = list(range(count))
    source.shuffle(order)
    return delays_s, order
