"""Wake-ups: what does it cost to hand work from another thread to the loop, and how long does it take?

Every program that mixes a loop with threads (a thread pool, a driver that blocks, a signal) goes through
this: `call_soon_threadsafe`, `ev_async`, `uv_async_send`, a byte down a socket pair. Two modes:

- `throughput`: the threads wake the loop 2,000 times in all, without waiting. Libraries may gather the wake-ups between
  two turns into one system call; the figure shows what they save.
- `latency`: each thread waits until its wake-up has run before it makes the next; a sample is the time from
  the call until the callback runs. The loop sleeps in the kernel in between, so the sample is the library's
  way to wake it, the kernel's way to schedule it, and the interpreter's way to hand its lock from one thread
  to another (the thread that calls gives it up when it waits, at the latest after `sys.getswitchinterval()`).

Every wake-up carries its thread's number and its own. After each repetition, each thread's must all have run, each once
and in order, which is what the level promises. A lost wake-up ends the repetition after five seconds, and the cell with
it.

Threads are started once and wait between repetitions. They are let go by the loop's first callback, so that all
wake-ups find a loop that runs; the contract tests those made before `run`.

Timed region: from entering the loop until the last wake-up has run and the loop has returned.
"""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
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
    title="Wake-ups from other threads",
    short_title="Wake-up",
    question="What does it cost to wake the loop from another thread, and how soon does it answer?",
    group="loop",
    unit="wake-up",
    sets=(
        ("smoke", {"threads": 1, "mode": "throughput"}),
        ("standard", {"threads": 1, "mode": "latency"}),
        ("standard", {"threads": 4, "mode": "throughput"}),
        ("standard", {"threads": 2, "mode": "throughput"}),
        ("standard", {"threads": 2, "mode": "latency"}),
        ("standard", {"threads": 4, "mode": "latency"}),
        ("full", {"threads": 16, "mode": "throughput"}),
        ("full", {"threads": 16, "mode": "latency"}),
    ),
    limits={"threads": (1, 256)},
    brief=True,
)

_WAKEUPS = {"throughput": 2000, "latency": 400}
"""Of all threads together in one repetition: some 10 to 30 ms."""
_LIMIT_S = 5.0
_GRACE_S = 0.001
"""How long the loop goes on after a repetition, to see a wake-up that runs twice."""


class Scenario(Workload):
    """Threads that wake the loop, and the loop that counts."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a mode that there is not."""
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Readiness, adapter)
        mode: str = parameters["mode"]
        if mode not in _WAKEUPS:
            raise UnsupportedError(f"wakeups has no mode {mode!r}, but {', '.join(_WAKEUPS)}")
        threads: int = parameters["threads"]
        each = max(1, _WAKEUPS[mode] // threads)
        self._total = each * threads
        self._left = 0
        self._guard: Any = None
        kind = _Pinger if mode == "latency" else _Sender
        self._wakers = [kind(number, each, self._loop.wake, self._count_down) for number in range(threads)]

    def _count_down(self) -> None:
        self._left -= 1
        if not self._left:
            self._loop.stop()

    def prepare(self) -> None:
        """Start the threads, the first time, and forget the repetition before.

        Raises `UnsupportedError` where the adapter cannot be woken: it is tried once in this thread, since a
        refusal in another one would look like a wake-up that is lost.
        """
        for waker in self._wakers:
            if not waker.running:
                self._loop.wake(_nothing)
            waker.prepare()
        self._left = self._total

    def run(self) -> int:
        """One repetition; returns the wake-ups that ran."""
        self._loop.call_later(0.0, self._let_go)
        self._loop.run()
        return self._total - self._left

    def _let_go(self, *_: object) -> None:
        self._guard = self._loop.call_later(_LIMIT_S, self._end)
        for waker in self._wakers:
            waker.go.release()

    def _end(self, *_: object) -> None:
        self._loop.stop()

    def verify(self) -> None:
        """Of each thread, every wake-up ran once and in order."""
        self._cancel_guard()
        self._loop.call_later(0.0, self._linger)
        self._loop.run()
        for waker in self._wakers:
            waker.verify()
            self.samples_ns.extend(waker.took_ns)

    def _linger(self, *_: object) -> None:
        self._loop.call_later(_GRACE_S, self._end)

    def _cancel_guard(self) -> None:
        if self._guard is not None:
            self._loop.cancel(self._guard)
            self._guard = None

    def close(self) -> None:
        """End the threads; each is waited for, and none keeps the process from ending."""
        self._cancel_guard()
        for waker in self._wakers:
            waker.end()


def _nothing(*_: object) -> None:
    """Callback of the trial."""


class _Sender:
    """A thread that wakes the loop as often as it can."""

    def __init__(self, number: int, each: int, wake: Callable[[Callback], object], ran: Callable[[], None]):
        self.number = number
        self.wake = wake
        self.ran = ran
        self.go = threading.Semaphore(0)
        self.took_ns: list[int] = []
        self.running = False
        self._done = threading.Semaphore(0)
        self._ending = False
        self._error: Exception | None = None
        self._order = list(range(each))
        self._seen: list[int] = []
        self.callbacks = [self.callback(index) for index in range(each)]
        self._thread = threading.Thread(target=self._main, name=f"waker-{number}", daemon=True)

    def callback(self, index: int) -> Callback:
        """What runs in the loop's thread for the wake-up *index*."""
        seen, ran = self._seen.append, self.ran

        def woken(*_: object) -> None:
            seen(index)
            ran()

        return woken

    def prepare(self) -> None:
        """Start the thread where that has not been done; forget what was seen."""
        if not self.running:
            self.running = True
            self._thread.start()
        self._seen.clear()
        self.took_ns.clear()

    def _main(self) -> None:
        while True:
            self.go.acquire()
            if self._ending:
                return
            try:
                self.send_all()
            except Exception as error:
                self._error = error
            self._done.release()

    def send_all(self) -> None:
        """In the thread: wake the loop for each callback."""
        wake = self.wake
        for callback in self.callbacks:
            wake(callback)

    def verify(self) -> None:
        """Raises `CheckFailedError` unless every wake-up has run, once and in order."""
        finished = self._done.acquire(timeout=_LIMIT_S)
        if self._error is not None:
            raise CheckFailedError(
                f"thread {self.number} could not wake the loop: {self._error}"
            ) from self._error
        if not finished:
            raise CheckFailedError(f"thread {self.number} still waits in `wake` after {_LIMIT_S:g} s")
        if self._seen == self._order:
            return
        expected, ran = len(self._order), len(self._seen)
        if ran == expected and sorted(self._seen) == self._order:
            raise CheckFailedError(f"wake-ups of thread {self.number} ran out of order")
        once = len(set(self._seen))
        raise CheckFailedError(
            f"of {expected} wake-ups of thread {self.number} {once} ran, {ran - once} of them once more "
            f"than asked for, {expected - once} not within {_LIMIT_S:g} s"
        )

    def end(self) -> None:
        """End the thread; it has nothing to wait for that takes longer than the limit."""
        self._ending = True
        self.go.release()
        if self.running:
            self._thread.join(_LIMIT_S)


class _Pinger(_Sender):
    """A thread that waits for each wake-up to have run before it makes the next."""

    def __init__(self, number: int, each: int, wake: Callable[[Callback], object], ran: Callable[[], None]):
        self._sent_ns = 0
        self._answers: SimpleQueue[None] = SimpleQueue()
        super().__init__(number, each, wake, ran)

    def callback(self, index: int) -> Callback:
        """As the sender's, with the time that it took, and an answer to the thread."""
        woken_plainly, took_ns, answer = super().callback(index), self.took_ns.append, self._answers.put

        def woken(*_: object) -> None:
            took_ns(clock() - self._sent_ns)
            woken_plainly()
            answer(None)

        clock = time.perf_counter_ns
        return woken

    def send_all(self) -> None:
        """In the thread: one wake-up at a time. One that is not answered ends it; `verify` says so."""
        wake, answered, clock = self.wake, self._answers.get, time.perf_counter_ns
        for callback in self.callbacks:
            self._sent_ns = clock()
            wake(callback)
            try:
                answered(timeout=_LIMIT_S)
            except Empty:
                return
