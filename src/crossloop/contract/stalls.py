"""Stalls: stretches in which an answer was due and none came, for the server's own reasons.

A server that stops for 50 ms each second (a collection of garbage, a blocking call in a timer, a watchdog) is right in
every answer and hardly slower on average. In a benchmark that stops its processes between slices such a timer is due
when the process goes on, so the stall falls into what is not measured.

A busy machine makes answers late as well, and is no fault of the server. What tells the two apart is the time that the
threads were ready and had no CPU: on Linux the kernel counts it (`observing.QueuedTime`), and it is taken off. For
what a hypervisor takes away, and elsewhere, repetition has to do: only what comes twice in each of some windows is a
stall.
"""

import sys
import time
from bisect import bisect_right
from collections.abc import Callable

from crossloop.contract.observing import QueuedTime
from crossloop.contract.promise import ViolationError

WINDOW_S = 2.2
"""Two stalls of a server that stops once a second fall into it, wherever it begins. With one it is twice as long: on a
busy machine the other may have been taken for the machine's."""
LATE_S = 0.03
STALL_S = 0.02
"""An answer later than `LATE_S` is looked at, and is a stall when so much is left of it."""
WINDOWS = 2 if sys.platform == "linux" else 4
PAUSE_S = 0.001
"""Between questions, once there were enough of them: what is left of a window costs the machine little then."""
SAMPLE_S = 0.02
"""How often the time without a CPU is read: a look takes some 50 µs."""


class StallWatch:
    """Stalls in one window, from the times of questions and answers (`time.perf_counter`)."""

    def __init__(self) -> None:
        self.begun_s = time.perf_counter()
        self.stalls: list[float] = []
        """How long each took, in seconds, less what the process waited for a CPU."""
        self._times = [self.begun_s]
        self._clock = QueuedTime()
        self._queued = [self._clock.read_s()]
        self._end_s = self.begun_s

    def goes_on(self, now_s: float) -> bool:
        """Whether the window is still open."""
        return now_s - self.begun_s < WINDOW_S * (2 if len(self.stalls) == 1 else 1)

    def note(self, asked_s: float, answered_s: float) -> None:
        """Note one answer. Questions that waited for the same stall count once."""
        if answered_s - asked_s >= LATE_S and asked_s >= self._end_s:
            before = self._queued[bisect_right(self._times, asked_s) - 1]
            took_s = answered_s - asked_s - (self._clock.read_s() - before)
            if took_s >= STALL_S:
                self.stalls.append(took_s)
                self._end_s = answered_s
        if answered_s - self._times[-1] >= SAMPLE_S:
            self._times.append(answered_s)
            self._queued.append(self._clock.read_s())


def require_no_stalls(window: Callable[[StallWatch], None]) -> None:
    """Run *window* and raise ViolationError when two stalls showed in it, each time of `WINDOWS`."""
    for _ in range(WINDOWS):
        watch = StallWatch()
        window(watch)
        if len(watch.stalls) < 2:
            return
    raise ViolationError(
        f"every answer within {LATE_S * 1e3:g} ms, but for what the machine makes of it",
        f"{len(watch.stalls)} stalls of {min(watch.stalls) * 1e3:.0f} to {max(watch.stalls) * 1e3:.0f} ms "
        f"in {time.perf_counter() - watch.begun_s:.1f} s, and two at least in each of {WINDOWS - 1} such times before",
    )
