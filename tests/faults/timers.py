"""Faults of the group `timers`."""

import asyncio
import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

from tests.asking import Fault


def never_early() -> asyncio.AbstractEventLoop:
    class Early(asyncio.SelectorEventLoop):
        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            return super().call_at(when - 0.0015, callback, *args, **keywords)

    return Early()


class Shifted(asyncio.SelectorEventLoop):
    """Its timers are due at another time than they should be."""

    def due(self, when: float) -> float:
        raise NotImplementedError

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
    ) -> asyncio.TimerHandle:
        return super().call_at(self.due(when), callback, *args, **keywords)


def earlier_first() -> asyncio.AbstractEventLoop:
    class WholeMilliseconds(Shifted):
        """As libuv has it: the clock and the timers in milliseconds, and those of one in the order of their start."""

        starts = itertools.count()

        def due(self, when: float) -> float:
            return (
                round(when - self.time(), 3)
                + math.floor(1000 * self.time()) / 1000
                + next(self.starts) * 1e-9
            )

    return WholeMilliseconds()


def same_time_in_order() -> asyncio.AbstractEventLoop:
    class LastFirst(Shifted):
        starts = itertools.count()

        def due(self, when: float) -> float:
            return when - next(self.starts) * 1e-6

    return LastFirst()


def far_future() -> asyncio.AbstractEventLoop:
    class In32Bits(Shifted):
        """The delay in milliseconds, cut to 32 bits with a sign."""

        def due(self, when: float) -> float:
            delay_ms = int(1000 * (when - self.time()))
            return self.time() + ((delay_ms + 2**31) % 2**32 - 2**31) / 1000

    return In32Bits()


def infinite_delay() -> asyncio.AbstractEventLoop:
    class Milliseconds(Shifted):
        def due(self, when: float) -> float:
            return round(when * 1000) / 1000  # OverflowError

    return Milliseconds()


def not_a_number() -> asyncio.AbstractEventLoop:
    class Hangs(Shifted):
        """Once one timer is NaN, none is ever due again."""

        due_s = 0.0

        def due(self, when: float) -> float:
            self.due_s = math.nan if math.isnan(when) else self.due_s
            return math.inf if math.isnan(self.due_s) else when

    return Hangs()


def negative_delay() -> asyncio.AbstractEventLoop:
    class Refuses(Shifted):
        def due(self, when: float) -> float:
            if when < self.time() - 0.5:
                raise ValueError("a timer in the past")
            return when

    return Refuses()


def restart_counts_anew() -> asyncio.AbstractEventLoop:
    class GoesOn(asyncio.SelectorEventLoop):
        """Cancelling stops nothing."""

        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            handle = super().call_at(when, callback, *args, **keywords)
            handle.cancel = lambda: None  # type: ignore[method-assign]
            return handle

    return GoesOn()


def cancelled_when_due() -> asyncio.AbstractEventLoop:
    class Queues(asyncio.SelectorEventLoop):
        """What is due is queued for the next turn, and cannot be cancelled there."""

        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            return super().call_at(when, lambda: self.call_soon(callback, *args), **keywords)

    return Queues()


def counts_from_its_start() -> asyncio.AbstractEventLoop:
    class ReadsTheClockOnceATurn(asyncio.SelectorEventLoop):
        now_s = 0.0

        def time(self) -> float:
            return self.now_s or super().time()

        def _run_once(self) -> None:
            self.now_s = 0.0
            super()._run_once()  # type: ignore[misc]

        def _process_events(self, events: Any) -> None:
            super()._process_events(events)  # type: ignore[misc]
            self.now_s = super().time()

    return ReadsTheClockOnceATurn()


def hardly_late() -> asyncio.AbstractEventLoop:
    class Ticks(Shifted):
        """In steps of 10 ms."""

        def due(self, when: float) -> float:
            return math.ceil(when * 100 + 0.5) / 100

    return Ticks()


def from_another_thread() -> asyncio.AbstractEventLoop:
    class Deaf(Shifted):
        """Ten seconds late for whoever comes from another thread."""

        def due(self, when: float) -> float:
            return when if threading.current_thread() is threading.main_thread() else when + 10

    return Deaf()


repeats_without_drift = Fault("readiness", adapter="tests.faults.drifting")
