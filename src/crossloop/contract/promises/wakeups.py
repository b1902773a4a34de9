"""Promises of `Readiness`: wake-ups, the only member that other threads may call."""

import functools
import threading
import time

from crossloop.api import Readiness
from crossloop.contract.promise import WAIT_S, Aside, Promises, require, require_equal
from crossloop.contract.promises.readiness import Calls, loop_of, rest, turn, woken_by_thread
from crossloop.contract.stalls import PAUSE_S, WINDOW_S, StallWatch, require_no_stalls

WAKEUPS = Promises(loop_of)
THREADS = 4
EACH = 1000
MANY = 25_000
"""One wake-up lost in 20,000 shows; a loop that is slower is left in peace after `LONGEST_S`."""
LONGEST_S = 8.0
_WAKE = "thread-safe: every call leads to one run of its callback, in the loop's thread, in order per thread"


@WAKEUPS.promise("wakeups-from-thread", "into a loop that has nothing else", _WAKE)
def from_thread(loop: Readiness) -> None:
    """No timer is running, so that only the wake-up can end the loop's sleep."""
    woken = Calls(loop, 1, threading.get_ident)
    woken_by_thread(loop, woken)
    require_equal(woken.seen, [threading.get_ident()], "threads in which the callback ran")


@WAKEUPS.promise("wakeups-exact", f"{THREADS} threads, {EACH} each", _WAKE)
def exact(loop: Readiness) -> None:
    seen: list[tuple[int, int]] = []
    start = threading.Barrier(THREADS, timeout=WAIT_S)

    def wake(thread: int) -> None:
        start.wait()
        for number in range(EACH):

            def woken(*_: object, number: int = number) -> None:
                seen.append((thread, number))
                if len(seen) == THREADS * EACH:
                    loop.stop()

            loop.wake(woken)

    wakers = [Aside(functools.partial(wake, thread), f"waker-{thread}") for thread in range(THREADS)]
    for waker in wakers:
        waker.start()
    turn(loop)
    for waker in wakers:
        waker.join()
    rest(loop)
    require_equal(len(seen), THREADS * EACH, "callbacks run")
    for thread in range(THREADS):
        numbers = [number for from_thread_, number in seen if from_thread_ == thread]
        require_equal(numbers, list(range(EACH)), f"order of the callbacks from thread {thread}")


@WAKEUPS.promise("wakeups-own-thread", "before run, and within a callback", _WAKE)
def from_own_thread(loop: Readiness) -> None:
    seen: list[str] = []

    def before(*_: object) -> None:
        seen.append("before run")
        loop.wake(within)
        seen.append("wake does not call")

    def within(*_: object) -> None:
        seen.append("within")
        loop.stop()

    loop.wake(before)
    loop.run()
    require_equal(seen, ["before run", "wake does not call", "within"], "order of the callbacks")


@WAKEUPS.promise("wakeups-same-callback", "one callback, 100 calls", _WAKE)
def same_callback(loop: Readiness) -> None:
    woken = Calls(loop, 100)
    for _ in range(100):
        loop.wake(woken)
    turn(loop)
    rest(loop)
    require_equal(len(woken.seen), 100, "calls of one callback for 100 wake-ups")


@WAKEUPS.promise(
    "wakeups-ping-pong", f"{MANY:,} times there and back, for {WINDOW_S:g} s", _WAKE, limit_s=40.0
)
def ping_pong(loop: Readiness) -> None:
    """A wake-up and its answer: none may be lost on the edge between checking and sleeping, nor be late."""
    answered = threading.Semaphore(0)
    count = 0

    def woken(*_: object) -> None:
        nonlocal count
        count += 1
        answered.release()

    def wake(watch: StallWatch) -> None:
        number, now_s = 0, watch.begun_s
        try:
            while watch.goes_on(now_s) or (number < MANY and now_s - watch.begun_s < LONGEST_S):
                if number >= MANY:
                    time.sleep(PAUSE_S)
                asked_s = time.perf_counter()
                loop.wake(woken)
                number += 1
                require(answered.acquire(timeout=WAIT_S), f"wake-up {number} answered", "lost")
                now_s = time.perf_counter()
                watch.note(asked_s, now_s)
        finally:
            loop.wake(lambda *_: loop.stop())
        require_equal(count, number, "wake-ups answered")

    def window(watch: StallWatch) -> None:
        nonlocal count
        count = 0
        aside = Aside(lambda: wake(watch), "waker")
        aside.start()
        turn(loop, LONGEST_S + 2 * WAIT_S)
        aside.join()

    require_no_stalls(window)
