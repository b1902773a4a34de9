"""Promises of `Readiness`: timers. Lateness is measured elsewhere; here a timer must not be early."""

import math
import time
from collections.abc import Callable
from typing import Any

from crossloop.api import Readiness
from crossloop.contract.observing import BusyTime
from crossloop.contract.promise import (
    EARLY_S,
    QUIET_S,
    Promises,
    ViolationError,
    require,
    require_equal,
)
from crossloop.contract.promises.readiness import Calls, loop_of, rest, turn, woken_by_thread

TIMERS = Promises(loop_of)
FAR_S = (math.inf, 10.0**10, 2**31 / 1000 + 3600)
"""Never; what does not fit 64 bits of nanoseconds; what does not fit 31 of milliseconds, by an hour. The farthest
first: a heap keeps cancelled timers for a while, and a nearer one would bound the wait."""
_LATER = "call_later(delay_s, callback): a one-shot timer"
_CANCEL = "stop a timer; harmless after it fired or was cancelled"
_REARM = "push a one-shot timer back; also valid when it has fired"
_FAR = "a delay may be years, or infinite; the loop sleeps meanwhile"
_EVERY = "call_every(interval_s, callback): a repeating timer, ended by cancel"


def _require_not_before(elapsed_s: float, due_s: float, what: str) -> None:
    require(
        elapsed_s >= due_s - EARLY_S,
        f"{what}: not before {due_s * 1e3:g} ms (less {EARLY_S * 1e3:g})",
        f"{elapsed_s * 1e3:.2f} ms",
    )


def _spin(duration_s: float) -> None:
    """Keep the loop from its work."""
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        pass


@TIMERS.promise("timers-not-early", "1, 7.5 and 40 ms, from outside the loop", _LATER)
def not_early(loop: Readiness) -> None:
    for due_s in (0.001, 0.0075, 0.04):
        fired = Calls(loop)
        begun_s = time.monotonic()
        loop.call_later(due_s, fired)
        turn(loop)
        _require_not_before(fired.seen[0] - begun_s, due_s, "from outside the loop")


@TIMERS.promise("timers-not-early-within", "30 ms, late in a callback", _LATER)
def not_early_within(loop: Readiness) -> None:
    """The callback that starts the timer took a while, and a cached clock must not count from its start."""
    fired = Calls(loop)

    def start() -> float:
        _spin(0.02)
        begun_s = time.monotonic()
        loop.call_later(0.03, fired)
        return begun_s

    started = Calls(loop, 0, start)
    loop.call_later(0, started)
    turn(loop)
    _require_not_before(fired.seen[0] - started.seen[0], 0.03, "started late in a callback")


@TIMERS.promise("timers-order", "four delays, mixed", _LATER)
def order(loop: Readiness) -> None:
    seen: list[int] = []
    for delay_ms in (30, 10, 40, 20):

        def fire(*_: object, delay_ms: int = delay_ms) -> None:
            seen.append(delay_ms)
            if len(seen) == 4:
                loop.stop()

        loop.call_later(delay_ms / 1000, fire)
    turn(loop)
    require_equal(seen, [10, 20, 30, 40], "order of timers by their delay in ms")


@TIMERS.promise("timers-zero", "a delay of zero, within a callback too", _LATER)
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


@TIMERS.promise("timers-far", "nothing but timers of 25 days, of 300 years, and infinite ones", _FAR)
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
            woken_by_thread(loop, Calls(loop), after_s=QUIET_S)
            require_equal(fired, [], f"timers of {delay_s:g} s that fired at once")

        expected = f"the loop asleep while timers of {delay_s:g} s are all there is"
        try:
            require_quiet(wait, QUIET_S / 2, expected, f"{QUIET_S * 1e3:g} ms on the CPU")
        finally:
            for handle in handles:
                loop.cancel(handle)


@TIMERS.promise("timers-idle", "nothing but one timer", _LATER)
def idle(loop: Readiness) -> None:
    def wait() -> None:
        begun_s = time.monotonic()
        rest(loop, 0.2)
        _require_not_before(time.monotonic() - begun_s, 0.2, "the only timer")

    require_quiet(wait, 0.03, "at most 30 ms of the waiting spent on the CPU", "200 ms")


def require_quiet(wait: Callable[[], None], limit_s: float, expected: str, whole: str) -> None:
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


@TIMERS.promise("timers-cancel", "before it fires, after it, and twice", _CANCEL)
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


@TIMERS.promise("timers-cancel-itself", "in its own callback", _CANCEL)
def cancel_itself(loop: Readiness) -> None:
    calls = Calls(loop, 0, lambda: loop.cancel(handle))
    handle = loop.call_later(0.001, calls)
    rest(loop)
    require_equal(len(calls.seen), 1, "calls of a timer that cancels itself")


@TIMERS.promise("timers-cancel-another", "when it is due already", _CANCEL)
def cancel_another(loop: Readiness) -> None:
    calls = Calls(loop, 0, lambda: [loop.cancel(handle) for handle in handles])
    handles = [loop.call_later(0.005, calls) for _ in range(50)]
    _spin(0.015)  # all of them are due when the loop looks first
    rest(loop)
    require_equal(len(calls.seen), 1, "calls, when the first cancels all others that are due")


@TIMERS.promise("timers-many", "2000, every other one cancelled", _CANCEL)
def many(loop: Readiness) -> None:
    fired = Calls(loop, 0)
    handles = [loop.call_later(0.01 + number % 7 / 1000, fired) for number in range(2000)]
    for handle in handles[::2]:
        loop.cancel(handle)
    rest(loop, 0.1)
    require_equal(len(fired.seen), 1000, "timers fired of 2000 with every other one cancelled")


@TIMERS.promise("timers-rearm", "1001 times, after it fired, then cancelled", _REARM)
def rearm(loop: Readiness) -> None:
    fired = Calls(loop)
    handle = loop.call_later(0.01, fired)
    for _ in range(1000):
        handle = loop.rearm(handle, 0.05, fired)
    begun_s = time.monotonic()
    handle = loop.rearm(handle, 0.05, fired)
    turn(loop)
    _require_not_before(fired.seen[0] - begun_s, 0.05, "pushed back")
    rest(loop)
    require_equal(len(fired.seen), 1, "times fired after 1001 rearms")
    begun_s = time.monotonic()
    handle = loop.rearm(handle, 0.01, fired)
    turn(loop)
    _require_not_before(fired.seen[1] - begun_s, 0.01, "armed again after it fired")
    handle = loop.rearm(handle, 0.005, fired)
    loop.cancel(handle)
    rest(loop)
    require_equal(len(fired.seen), 2, "times fired; the last was cancelled")


@TIMERS.promise("timers-rearm-itself", "in its own callback", _REARM)
def rearm_itself(loop: Readiness) -> None:
    calls = 0
    handle: Any

    def fire(*_: object) -> None:
        nonlocal calls, handle
        calls += 1
        if calls < 5:
            handle = loop.rearm(handle, 0.001, fire)
        else:
            loop.stop()

    handle = loop.call_later(0.001, fire)
    turn(loop)
    rest(loop)
    require_equal(calls, 5, "calls of a timer that arms itself again four times")


@TIMERS.promise("timers-every", "five times, ended in its own callback", _EVERY)
def every(loop: Readiness) -> None:
    def fire() -> float:
        if len(calls.seen) == 4:
            loop.cancel(handle)
        return time.monotonic()

    calls = Calls(loop, 5, fire)
    begun_s = time.monotonic()
    handle = loop.call_every(0.01, calls)
    turn(loop)
    _require_not_before(calls.seen[-1] - begun_s, 0.05, "the fifth call at 10 ms each")
    rest(loop)
    loop.cancel(handle)
    require_equal(len(calls.seen), 5, "calls, the fifth of which cancels")


@TIMERS.promise("timers-every-cancel", "ended by another callback", _EVERY)
def every_from_outside(loop: Readiness) -> None:
    calls = Calls(loop, 0)
    handle = loop.call_every(0.002, calls)

    def cancel(*_: object) -> None:
        if len(calls.seen) < 2:  # a busy machine: later
            loop.call_later(0.02, cancel)
            return
        loop.cancel(handle)
        loop.stop()

    loop.call_later(0.02, cancel)
    turn(loop)
    counted = len(calls.seen)
    rest(loop)
    require_equal(len(calls.seen), counted, "calls, once cancelled")
