"""Timers: exactness, pushing back, repetition, memory."""

import gc
import math
import time
import tracemalloc

import pytest

from crossloop.bindings.libevent import (
    TIMEOUT,
    EventBase,
    PersistentTimer,
    Timer,
)
from tests.libevent_binding.callbacks import LIMIT_S, later, spin


def test_timers_fire_in_order_and_none_early() -> None:
    """The time is not cached: a timer that is started late in a round of callbacks is not early by it."""
    with EventBase() as base:
        early_by_s: list[float] = []
        order: list[float] = []

        def start(delay_s: float) -> None:
            due = time.monotonic() + delay_s

            def fire(*_: object) -> None:
                early_by_s.append(due - time.monotonic())
                order.append(delay_s)

            later(base, fire, delay_s)

        def busy(*_: object) -> None:
            spin(0.02)
            for delay_s in (0.012, 0.004, 0.008, 0.0):
                start(delay_s)

        later(base, busy)
        while base.live:
            base.loop()
    assert order == [0.0, 0.004, 0.008, 0.012]
    # Python's and libevent's clock are the same; the microsecond is libevent's resolution.
    assert max(early_by_s) <= 2e-6


def test_wait_after_a_long_callback_is_not_longer_by_it(base: EventBase) -> None:
    """With a cached time libevent would fire at 400 + 300 ms here."""
    began = time.monotonic()
    fired_after_s: list[float] = []

    def fire(*_: object) -> None:
        fired_after_s.append(time.monotonic() - began)
        base.loopbreak()

    later(base, fire, 0.3)
    later(base, lambda *_: spin(0.4))
    base.run()
    assert 0.4 <= fired_after_s[0] < 0.6


def test_timer_is_pushed_back_and_cancelled(base: EventBase) -> None:
    fired: list[str] = []
    pushed = later(base, lambda *_: fired.append("pushed"), 0.001)
    cancelled = later(base, lambda *_: fired.append("cancelled"), 0.001)
    pushed.add(0.02)
    cancelled.delete()
    cancelled.delete()
    later(base, lambda *_: fired.append("other"), 0.005)
    later(base, lambda *_: base.loopbreak(), 0.04)
    base.run()
    assert fired == ["other", "pushed"]
    pushed.delete()


def test_timer_is_started_again_in_its_callback(base: EventBase) -> None:
    fired: list[tuple[int, int]] = []

    def fire(fd: int, what: int) -> None:
        fired.append((fd, what))
        if len(fired) < 100:
            timer.add(0)
        else:
            base.loopbreak()

    timer = later(base, fire)
    base.run()
    assert fired == [(-1, TIMEOUT)] * 100


def test_repeating_timer_makes_up_for_a_late_turn(base: EventBase) -> None:
    """The first turn, due at 200 ms, comes at 300; the second is due at 400 all the same."""
    times_s: list[float] = []

    def tick(*_: object) -> None:
        times_s.append(time.monotonic())
        if len(times_s) == 2:
            timer.delete()
            base.loopbreak()

    timer = PersistentTimer(base, tick)
    timer.add(0.2)
    later(base, lambda *_: spin(0.3))
    base.run()
    first_s, second_s = times_s
    assert second_s - first_s < 0.2


def test_time_that_is_none_is_refused_and_leaves_nothing(base: EventBase) -> None:
    timer = Timer(base, print)
    with pytest.raises(ValueError, match="NaN"):
        timer.add(math.nan)
    assert not timer.pending
    timer.add(LIMIT_S)
    with pytest.raises(ValueError, match="NaN"):
        timer.add(math.nan)
    assert timer.pending


@pytest.mark.parametrize("delay_s", [2**31 / 1000, 2.0**33, 1e300, math.inf])
def test_a_far_timer_waits(base: EventBase, delay_s: float) -> None:
    fired: list[str] = []
    timer = Timer(base, lambda *_: fired.append("far"))
    timer.add(delay_s)
    later(base, lambda *_: fired.append("near"))
    assert base.loop()
    assert fired == ["near"]
    assert timer.pending


def test_timers_leave_no_memory_behind(base: EventBase) -> None:
    """100,000 timers made and cancelled, 5,000 made and fired, after a run-in of the same size."""

    def churn(cancelled: int, fired: int) -> None:
        for _ in range(cancelled):
            later(base, print, LIMIT_S).delete()
        for _ in range(fired):
            later(base, lambda *_: None)
        while len(base.live) > 1:  # the one that gives up
            base.loop()

    tracemalloc.start()
    try:
        churn(1000, 5000)
        gc.collect()
        before_bytes, _peak = tracemalloc.get_traced_memory()
        churn(100_000, 5000)
        gc.collect()
        after_bytes, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after_bytes - before_bytes < 50_000  # half a byte each
