"""Promises of `Readiness`: timers. Lateness is measured elsewhere; here a timer must not be early."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from crossloop.api import Readiness
from crossloop.contract.observing import BusyTime
from crossloop.contract.promise import (
    EARLY_S,
    QUIET_S,
    WAIT_S,
    Aside,
    Promise,
    ViolationError,
    require,
    require_equal,
)
from crossloop.contract.promises.readiness import on_loop, rest, turn

FAR_S = (math.inf, 10.0**10, 2**31 / 1000 + 3600)
"""Never; what does not fit 64 bits of nanoseconds; what does not fit 31 of milliseconds, by an hour. The farthest
first: a heap keeps cancelled timers for a while, and a nearer one would bound the wait."""


def _require_not_before(elapsed_s: float, due_s: float, what: str) -> None:
    require(
        elapsed_s >= due_s - EARLY_S,
        f"{what}: not before {due_s * 1e3:g} ms (less {EARLY_S * 1e3:g})",
        f"{elapsed_s * 1e3:.2f} ms",
    )


def not_early(loop: Readiness) -> None:
    for due_s in (0.001, 0.0075, 0.04):
        fired: list[float] = []

        def fire(*_: object, fired: list[float] = fired) -> None:
            fired.append(time.monotonic())
            loop.stop()

        begun = time.monotonic()
        loop.call_later(due_s, fire)
        turn(loop)
        _require_not_before(fired[0] - begun, due_s, "from outside the loop")


def not_early_within(loop: Readiness) -> None:
    """The callback that starts the timer took a while, and a cached clock must not count from its start."""
    times: list[float] = []

    def start(*_: object) -> None:
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            pass
        times.append(time.monotonic())
        loop.call_later(0.03, fire)

    def fire(*_: object) -> None:
        times.append(time.monotonic())
        loop.stop()

    loop.call_later(0, start)
    turn(loop)
    _require_not_before(times[1] - times[0], 0.03, "started late in a callback")


def order(loop: Readiness) -> None:
    seen: list[int] = []

    def add(number: int) -> None:
        def fire(*_: object) -> None:
            seen.append(number)
            if len(seen) == 4:
                loop.stop()

        loop.call_later(number / 1000, fire)

    for number in (30, 10, 40, 20):
        add(number)
    turn(loop)
    require_equal(seen, [10, 20, 30, 40], "order of timers by their delay in ms")


def zero(loop: Readiness) -> None:
    seen: list[str] = []

    def first(*_: object) -> None:
        seen.append("first")
        loop.call_later(0, second)
        seen.append("after call_later")

    def second(*_: object) -> None:
        seen.append("second")
        loop.stop()

    loop.call_later(0, first)
    turn(loop)
    require_equal(seen, ["first", "after call_later", "second"], "order with a delay of zero")


def idle(loop: Readiness) -> None:
    def wait() -> None:
        begun = time.monotonic()
        loop.call_later(0.2, lambda *_: loop.stop())
        loop.run()
        _require_not_before(time.monotonic() - begun, 0.2, "the only timer")

    _require_quiet(wait, 0.03, "at most 30 ms of the waiting spent on the CPU", "200 ms")


def _require_quiet(wait: Callable[[], None], limit_s: float, expected: str, whole: str) -> None:
    """What it waits for a CPU counts: one that spins gets little of it on a busy machine. One quiet wait is enough."""
    busy, wanted = BusyTime(), []
    for _ in range(5):
        before_s = busy.read_s()
        wait()
        wanted.append(busy.read_s() - before_s)
        if wanted[-1] < limit_s:
            return
    actual = ", ".join(f"{each_s * 1e3:.0f}" for each_s in wanted)
    raise ViolationError(expected, f"{actual} of {whole}")


def cancel(loop: Readiness) -> None:
    seen: list[str] = []
    kept = loop.call_later(0.005, lambda *_: seen.append("kept"))
    cancelled = loop.call_later(0.005, lambda *_: seen.append("cancelled"))
    loop.cancel(cancelled)
    rest(loop)
    require_equal(seen, ["kept"], "timers that fired")
    loop.cancel(kept)
    loop.cancel(kept)
    loop.cancel(cancelled)
    rest(loop)
    require_equal(seen, ["kept"], "timers that fired, once all are cancelled twice")


def cancel_itself(loop: Readiness) -> None:
    calls: list[int] = []
    handles: list[Any] = []

    def fire(*_: object) -> None:
        calls.append(1)
        loop.cancel(handles[0])

    handles.append(loop.call_later(0.001, fire))
    rest(loop)
    require_equal(len(calls), 1, "calls of a timer that cancels itself")


def cancel_another(loop: Readiness) -> None:
    calls: list[int] = []
    handles: list[Any] = []

    def fire(*_: object) -> None:
        calls.append(1)
        for handle in handles:
            loop.cancel(handle)

    handles.extend(loop.call_later(0.005, fire) for _ in range(50))
    end = time.monotonic() + 0.015  # all of them are due when the loop looks first
    while time.monotonic() < end:
        pass
    rest(loop)
    require_equal(len(calls), 1, "calls, when the first cancels all others that are due")


def many(loop: Readiness) -> None:
    fired: list[int] = []
    handles = [
        loop.call_later(0.01 + number % 7 / 1000, lambda *_: fired.append(1)) for number in range(2000)
    ]
    for handle in handles[::2]:
        loop.cancel(handle)
    rest(loop, 0.1)
    require_equal(len(fired), 1000, "timers fired of 2000 with every other one cancelled")


def rearm(loop: Readiness) -> None:
    fired: list[float] = []

    def fire(*_: object) -> None:
        fired.append(time.monotonic())
        loop.stop()

    handle = loop.call_later(0.01, fire)
    for _ in range(1000):
        handle = loop.rearm(handle, 0.05, fire)
    begun = time.monotonic()
    handle = loop.rearm(handle, 0.05, fire)
    turn(loop)
    _require_not_before(fired[0] - begun, 0.05, "pushed back")
    rest(loop)
    require_equal(len(fired), 1, "times fired after 1001 rearms")
    begun = time.monotonic()
    handle = loop.rearm(handle, 0.01, fire)
    turn(loop)
    _require_not_before(fired[1] - begun, 0.01, "armed again after it fired")
    handle = loop.rearm(handle, 0.005, fire)
    loop.cancel(handle)
    rest(loop)
    require_equal(len(fired), 2, "times fired; the last was cancelled")


def rearm_itself(loop: Readiness) -> None:
    handles: list[Any] = []
    calls: list[int] = []

    def fire(*_: object) -> None:
        calls.append(1)
        if len(calls) < 5:
            handles[0] = loop.rearm(handles[0], 0.001, fire)
        else:
            loop.stop()

    handles.append(loop.call_later(0.001, fire))
    turn(loop)
    rest(loop)
    require_equal(len(calls), 5, "calls of a timer that arms itself again four times")


def every(loop: Readiness) -> None:
    times: list[float] = []
    handles: list[Any] = []

    def fire(*_: object) -> None:
        times.append(time.monotonic())
        if len(times) == 5:
            loop.cancel(handles[0])
            loop.stop()
        elif len(times) > 5:
            raise ViolationError("5 calls, the last of which cancels", "a sixth")

    begun = time.monotonic()
    handles.append(loop.call_every(0.01, fire))
    turn(loop)
    _require_not_before(times[-1] - begun, 0.05, "the fifth call at 10 ms each")
    rest(loop)
    loop.cancel(handles[0])
    require_equal(len(times), 5, "calls")


def every_from_outside(loop: Readiness) -> None:
    calls: list[int] = []
    handle = loop.call_every(0.002, lambda *_: calls.append(1))

    def cancel(*_: object) -> None:
        if len(calls) < 2:  # a busy machine: later
            loop.call_later(0.02, cancel)
            return
        loop.cancel(handle)
        loop.stop()

    loop.call_later(0.02, cancel)
    turn(loop)
    counted = len(calls)
    rest(loop)
    require_equal(len(calls), counted, "calls, once cancelled")


def far(loop: Readiness) -> None:
    """Nothing else runs, so that the far timer alone decides how long the loop asks the kernel to wait."""
    for _ in range(1000):  # a heap full of cancelled timers is swept, and with them those of other promises
        loop.cancel(loop.call_later(math.inf, loop.stop))
    for delay_s in FAR_S:
        fired: list[str] = []
        handles = [
            loop.call_later(delay_s, lambda *_, fired=fired: fired.append("call_later")),
            loop.call_every(delay_s, lambda *_, fired=fired: fired.append("call_every")),
        ]
        pushed = loop.call_later(delay_s, lambda *_, fired=fired: fired.append("rearm"))
        handles.append(loop.rearm(pushed, delay_s, lambda *_, fired=fired: fired.append("rearm")))

        def wait(fired: list[str] = fired, delay_s: float = delay_s) -> None:
            _sleep_until_woken(loop)
            require_equal(fired, [], f"timers of {delay_s:g} s that fired at once")

        expected = f"the loop asleep while timers of {delay_s:g} s are all there is"
        try:
            _require_quiet(wait, QUIET_S / 2, expected, f"{QUIET_S * 1e3:g} ms on the CPU")
        finally:
            for handle in handles:
                loop.cancel(handle)


def _sleep_until_woken(loop: Readiness) -> None:
    """Run without a timer of our own, for `QUIET_S`; another thread ends it."""
    running = threading.Event()

    def wake() -> None:
        require(running.wait(WAIT_S), "the loop running", "it never ran its first callback")
        time.sleep(QUIET_S)
        loop.wake(lambda *_: loop.stop())

    aside = Aside(wake, "waker")
    aside.start()
    loop.call_later(0, lambda *_: running.set())
    loop.run()
    aside.join()


_LATER = "call_later(delay_s, callback): a one-shot timer"
_CANCEL = "stop a timer; harmless after it fired or was cancelled"
_REARM = "push a one-shot timer back; also valid when it has fired"
_FAR = "a delay may be years, or infinite; the loop sleeps meanwhile"
_EVERY = "call_every(interval_s, callback): a repeating timer, ended by cancel"

TIMERS = (
    Promise("timers-not-early", on_loop(not_early), "1, 7.5 and 40 ms, from outside the loop", _LATER),
    Promise("timers-not-early-within", on_loop(not_early_within), "30 ms, late in a callback", _LATER),
    Promise("timers-order", on_loop(order), "four delays, mixed", _LATER),
    Promise("timers-zero", on_loop(zero), "a delay of zero, within a callback too", _LATER),
    Promise(
        "timers-far", on_loop(far), "nothing but timers of 25 days, of 300 years, and infinite ones", _FAR
    ),
    Promise("timers-idle", on_loop(idle), "nothing but one timer", _LATER),
    Promise("timers-cancel", on_loop(cancel), "before it fires, after it, and twice", _CANCEL),
    Promise("timers-cancel-itself", on_loop(cancel_itself), "in its own callback", _CANCEL),
    Promise("timers-cancel-another", on_loop(cancel_another), "when it is due already", _CANCEL),
    Promise("timers-many", on_loop(many), "2000, every other one cancelled", _CANCEL),
    Promise("timers-rearm", on_loop(rearm), "1001 times, after it fired, then cancelled", _REARM),
    Promise("timers-rearm-itself", on_loop(rearm_itself), "in its own callback", _REARM),
    Promise("timers-every", on_loop(every), "five times, ended in its own callback", _EVERY),
    Promise("timers-every-cancel", on_loop(every_from_outside), "ended by another callback", _EVERY),
)
