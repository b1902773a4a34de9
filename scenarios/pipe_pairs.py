"""Socket pairs in a ring: what does a readiness event cost, and does the number of idle descriptors matter?

The method is that of libevent's `test/bench.c` (Provos, 2002; also what libev's author measured both libraries with): N
pairs are watched for reading. A of them, evenly spaced, get one byte. A pair that becomes readable reads its byte and,
while writes remain, writes one byte to the next pair. After A + W bytes have been read, the repetition is over. All the
work is in the loop: one `recv`, one `send` and the library's own dispatch per event, so that libraries can be compared
where they differ.

With `timeouts`, each pair also has a timer of 10 to 11 seconds that every event pushes back, as a server with an idle
timeout does. That is the variant of libev's author, which also measures the timer heap.

What differs from bench.c, and why:

- Pairs are `socket.socketpair()`, never pipes: Windows selects on sockets only.
- The N registrations stay from one repetition to the next; bench.c makes them anew and times that apart.
- The timers' delays are drawn once, by a seeded generator, not inside the event: it is the loop that is
  measured. They are pushed back once more before each repetition, within the loop, whose clock is then
  fresh: libev and libuv count from the time at which the loop last woke, and a worker may have
  been stopped for longer than the timers run.
- The last byte's reader stops the loop; bench.c polls in turns and compares counts.

Timed region: from the first byte written until the last has been read and `run` has returned.
"""

import random
import sys
from collections.abc import Callable
from socket import socket, socketpair
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
    title="Ring of socket pairs",
    short_title="Pairs",
    question="What does one readiness event cost, and does the cost depend on the number of idle descriptors?",
    group="loop",
    unit="event",
    sets=(
        ("smoke", {"pairs": 100, "active": 100, "writes": 2000, "timeouts": False}),
        ("standard", {"pairs": 1000, "active": 100, "writes": 2000, "timeouts": False}),
        ("standard", {"pairs": 1000, "active": 100, "writes": 2000, "timeouts": True}),
        ("standard", {"pairs": 1000, "active": 1, "writes": 500, "timeouts": False}),
        ("standard", {"pairs": 100, "active": 1, "writes": 500, "timeouts": False}),
        ("standard", {"pairs": 100, "active": 100, "writes": 2000, "timeouts": True}),
        ("standard", {"pairs": 1000, "active": 1, "writes": 500, "timeouts": True}),
        ("full", {"pairs": 100, "active": 10, "writes": 2000, "timeouts": False}),
        ("full", {"pairs": 1000, "active": 10, "writes": 2000, "timeouts": False}),
        ("full", {"pairs": 10000, "active": 1, "writes": 100, "timeouts": False}),
        ("full", {"pairs": 10000, "active": 100, "writes": 2000, "timeouts": False}),
        ("full", {"pairs": 10000, "active": 100, "writes": 2000, "timeouts": True}),
    ),
    ladder="pairs",
    limits={"pairs": (2, 100000), "active": (1, 100000), "writes": (0, 1000000)},
    brief=True,
)

_SEED = 1
_IDLE_TIMEOUT_S = 10.0
"""As bench.c: ten seconds and a random part of a second, so that the timers do not fall together."""
_LIMIT_S = 8.0
"""A repetition takes some milliseconds, with poll(2) and 10,000 pairs a second; one that has not ended by then
has lost an event. Less than `_IDLE_TIMEOUT_S`, so that no timer runs out in between."""
_SPARE_DESCRIPTORS = 64
"""For the interpreter, the loop and the worker's own pipes."""


class Scenario(Workload):
    """The ring. What its callbacks share is kept in closures, the cheapest place there is."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Open and watch all pairs.

        Raises `UnsupportedError` where the descriptors do not suffice, or the adapter cannot watch.
        """
        super().__init__(adapter, style, parameters, server)
        self._loop = cast(Readiness, adapter)
        self._pairs: int = parameters["pairs"]
        self._active: int = parameters["active"]
        self._writes: int = parameters["writes"]
        if self._active > self._pairs:
            raise UnsupportedError(
                f"{self._active} active pairs asked for, but only {self._pairs} pairs in all"
            )
        _allow_descriptors(2 * self._pairs + _SPARE_DESCRIPTORS, self._pairs)
        draw = random.Random(_SEED).random  # noqa: S311  (spreads timers, guards nothing)
        self._delays = (
            [_IDLE_TIMEOUT_S + draw() for _ in range(self._pairs)] if parameters["timeouts"] else []
        )
        self._timers: list[Any] = []
        self._guard: Any = None
        self._readers: list[socket] = []
        self._writers: list[socket] = []
        self._watched: list[int] = []
        self._reads = [0] * self._pairs
        self._spurious = 0
        self._expired = 0
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        for _ in range(self._pairs):
            reader, writer = socketpair()
            self._readers.append(reader)
            self._writers.append(writer)
            reader.setblocking(False)
            writer.setblocking(False)
        for reader, callback in zip(self._readers, self._ring(), strict=True):
            self._loop.watch(reader.fileno(), callback)
            self._watched.append(reader.fileno())
        step = self._pairs // self._active
        self._first_sends = [self._writers[step * number].send for number in range(self._active)]

    def _ring(self) -> list[Callback]:
        """One callback per pair; they count down together, and who reads the last byte stops the loop."""
        reads, stop = self._reads, self._loop.stop
        timers, delays, rearm, expired = self._timers, self._delays, self._loop.rearm, self._on_expired
        unread = writes_left = 0

        def fill(active: int, writes: int) -> None:
            nonlocal unread, writes_left
            unread, writes_left = active + writes, writes

        def member(
            index: int, receive: Callable[[int], bytes], send_next: Callable[[bytes], int]
        ) -> Callback:
            def readable(*_: object) -> None:
                nonlocal unread, writes_left
                try:
                    receive(1)
                except BlockingIOError:
                    self._spurious += 1
                    return
                reads[index] += 1
                if writes_left:
                    writes_left -= 1
                    send_next(b"e")
                unread -= 1
                if not unread:
                    stop()

            def readable_with_timer(*_: object) -> None:
                timers[index] = rearm(timers[index], delays[index], expired)
                readable()

            return readable_with_timer if delays else readable

        self._fill: Callable[[int, int], None] = fill
        self._unread: Callable[[], int] = lambda: unread
        following = self._writers[1:] + self._writers[:1]
        return [
            member(index, reader.recv, writer.send)
            for index, (reader, writer) in enumerate(zip(self._readers, following, strict=True))
        ]

    def prepare(self) -> None:
        """Push all timers back, from within the loop, and fill the counters.

        Raises `UnsupportedError` where the loop is on select(2) and the descriptors are beyond its table.
        """
        self._loop.call_later(0.0, self._on_ready)
        try:
            self._loop.run()
        except ValueError as error:
            # CPython's words: "filedescriptor out of range in select()", on Windows "too many file
            # descriptors in select()".
            if "in select()" not in str(error):
                raise
            raise UnsupportedError(
                f"{self._pairs} pairs need descriptors up to {max(self._watched)}, and select(2) stops at "
                "FD_SETSIZE (1024 on Unix, 512 sockets on Windows)"
            ) from error
        self._reads[:] = [0] * self._pairs
        self._spurious = self._expired = 0
        self._fill(self._active, self._writes)

    def _on_ready(self, *_: object) -> None:
        call_later, rearm, expired = self._loop.call_later, self._loop.rearm, self._on_expired
        if self._timers:
            for index, delay in enumerate(self._delays):
                self._timers[index] = rearm(self._timers[index], delay, expired)
        else:
            self._timers.extend([call_later(delay, expired) for delay in self._delays])
        self._guard = call_later(_LIMIT_S, self._on_limit)
        self._loop.stop()

    def _on_expired(self, *_: object) -> None:
        self._expired += 1

    def _on_limit(self, *_: object) -> None:
        self._loop.stop()

    def run(self) -> int:
        """Write the first bytes and run until the last has been read; returns the events there were."""
        for send in self._first_sends:
            send(b"e")
        self._loop.run()
        return self._active + self._writes - self._unread()

    def verify(self) -> None:
        """Every byte was read, each by one event, and no pair holds another; no timer ran out.

        A byte can only be read from the pair that it was written to, so the sum of all reads and empty
        pairs together say that each pair was read exactly as often as it was written to.
        """
        self._loop.cancel(self._guard)
        expected, done = self._active + self._writes, sum(self._reads)
        if self._unread() > 0:
            raise CheckFailedError(
                f"{done} of {expected} bytes were read within {_LIMIT_S:g} s: an event is lost"
            )
        if self._spurious:
            raise CheckFailedError(f"{self._spurious} times a pair was called readable that held nothing")
        if done != expected:
            raise CheckFailedError(f"{done} bytes were read where {expected} were written")
        if self._expired:
            raise CheckFailedError(f"{self._expired} timers ran out that had been pushed back in time")
        for index, reader in enumerate(self._readers):
            if _holds_data(reader):
                raise CheckFailedError(f"pair {index} still holds data after {done} reads")

    def close(self) -> None:
        """Stop the timers and the watching, then close the pairs."""
        for timer in self._timers:
            self._loop.cancel(timer)
        self._timers.clear()
        for fd in self._watched:
            self._loop.unwatch(fd)
        self._watched.clear()
        for sock in self._readers + self._writers:
            sock.close()
        self._readers.clear()
        self._writers.clear()


def _holds_data(sock: socket) -> bool:
    try:
        sock.recv(1)
    except BlockingIOError:
        return False
    return True


def _allow_descriptors(needed: int, pairs: int) -> None:
    """Raise the soft limit of open files to *needed*; Windows has none for sockets.

    Raises `UnsupportedError` where the hard limit, or the system's own, is lower.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    reason = f"{pairs} pairs need {needed} file descriptors, and {{}} are allowed here; raise `ulimit -Hn`"
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UnsupportedError(reason.format(hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as error:  # macOS: kern.maxfilesperproc lies below the hard limit
        raise UnsupportedError(reason.format(soft)) from error
