"""Timers for a loop that has none from its kernel: a heap of due times, the nearest on top.

The mechanisms of multiplexing take one timeout: how long to wait at most. Every loop builds all its timers on
that (libevent, libev, libuv and asyncio on a heap, too): wait until the nearest is due, then call what is due.
Starting a timer and taking the nearest cost O(log n), and a few tricks save most of that:

- A cancelled timer stays in the heap and is skipped when its time comes; the heap is swept when more than half of it is
  cancelled. Removing it at once would need its place in the heap.
- A timer that is pushed back only notes its new time: O(1), whatever the number of timers. When the entry comes
  up, it goes back into the heap for the rest. A server's idle timeouts, pushed back with every message, so
  cost a heap operation per timeout instead of one per message (libev's manual, "Be smart about timeouts").
- A repeating timer counts from when it was due, not from when it ran, so it does not drift; firings that a stopped
  process has missed are skipped.

*Far timers.* Every kernel bounds the timeout that it takes: epoll and poll at 2^31 milliseconds (24.8 days), some BSDs'
select at 10^8 seconds, any at what their `time_t` holds. Beyond it the call fails. So the loop waits a day at most and
then waits again, and a timer may be any time away.

Time is read from the clock at every start and once per turn, so a delay counts from the call.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from math import isnan

from crossloop.api import Callback

FIRST_SWEEP = 64
"""Fewer dead entries than this are not worth a sweep."""
LONGEST_WAIT_S = 86_400.0
"""A day, as asyncio has it (`MAXIMUM_SELECT_TIMEOUT`): every kernel takes it, and one wait more a day costs nothing."""


class Timer:
    """Handle of a timer. Its entry in the heap is the one with its number; 0: it is not running."""

    __slots__ = ("callback", "due_s", "interval_s", "number")

    def __init__(self, due_s: float, number: int, callback: Callback, interval_s: float) -> None:
        self.due_s, self.number, self.callback, self.interval_s = due_s, number, callback, interval_s


class TimerHeap:
    """All timers of one loop; not thread-safe. *clock* is monotonic and counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        # perf_counter: on Windows the monotonic clock has steps of 15.6 ms before Python 3.13.
        self._clock = clock
        self._next_number = itertools.count(1).__next__
        self._dead = 0
        self.entries: list[tuple[float, int, Timer]] = []
        """Due time, number and timer, as a heap; empty: no timer is running. Always the same list."""

    def call_later(self, delay_s: float, callback: Callback, interval_s: float = 0.0) -> Timer:
        """Start a timer; with *interval_s* it repeats after its first time. Raises ValueError for NaN."""
        due_s = self._clock() + delay_s
        if isnan(due_s):
            raise _no_delay(delay_s)
        timer = Timer(due_s, self._next_number(), callback, interval_s)
        heapq.heappush(self.entries, (timer.due_s, timer.number, timer))
        return timer

    def call_every(self, interval_s: float, callback: Callback) -> Timer:
        """Start a repeating timer."""
        return self.call_later(interval_s, callback, interval_s)

    def rearm(self, timer: Timer, delay_s: float, _callback: Callback) -> Timer:
        """Let *timer* count anew, whether it is running, has fired or was cancelled. Raises ValueError for NaN."""
        due_s = self._clock() + delay_s
        if isnan(due_s):
            raise _no_delay(delay_s)
        if timer.number and due_s >= timer.due_s:
            timer.due_s = due_s  # its entry comes up too early and is put back then
            return timer
        self.cancel(timer)
        timer.due_s, timer.number = due_s, self._next_number()
        heapq.heappush(self.entries, (due_s, timer.number, timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Stop *timer*; harmless when it is not running."""
        if not timer.number:
            return
        timer.number = 0
        self._dead += 1
        if self._dead > FIRST_SWEEP and 2 * self._dead > len(self.entries):
            self.entries[:] = [entry for entry in self.entries if entry[1] == entry[2].number]
            heapq.heapify(self.entries)
            self._dead = 0

    def wait_s(self) -> float | None:
        """How long the loop may sleep at once; None: for ever.

        At most too short: for an entry that is out of date, or one that is further away than `LONGEST_WAIT_S`.
        """
        if not self.entries:
            return None
        left_s = self.entries[0][0] - self._clock()
        return LONGEST_WAIT_S if left_s > LONGEST_WAIT_S else max(left_s, 0.0)

    def fire(self) -> None:
        """Call everything that is due by now, in the order of its time. What they start has its turn later."""
        entries, now_s = self.entries, self._clock()
        while entries and entries[0][0] <= now_s:
            due_s, number, timer = heapq.heappop(entries)
            if number != timer.number:
                self._dead -= 1
            elif timer.due_s > due_s:
                heapq.heappush(entries, (timer.due_s, number, timer))
            else:
                self._restart_or_end(timer, now_s)
                timer.callback()

    def _restart_or_end(self, timer: Timer, now_s: float) -> None:
        if not timer.interval_s:
            timer.number = 0
            return
        timer.due_s += timer.interval_s
        if timer.due_s <= now_s:
            timer.due_s = now_s + timer.interval_s
        heapq.heappush(self.entries, (timer.due_s, timer.number, timer))


def _no_delay(delay_s: float) -> ValueError:
    """NaN is neither before nor after any other time: in a heap it would hide the timers below it."""
    return ValueError(
        f"a delay of {delay_s!r} seconds: expected a number; math.inf for a timer that never fires"
    )
