"""Readiness of a descriptor: `loop.io(fd, events)`, the watcher that every `recv` of a gevent socket waits on.

**Stopping late.** A gevent socket starts its watcher for each wait and stops it after it, so that a message
would cost an `EPOLL_CTL_ADD` and an `EPOLL_CTL_DEL`. Here the event is persistent, `stop` only notes that it
is not wanted, and the loop deletes what is still unwanted just before it waits (`loop.settle`). A start in
between finds the event in place and calls nothing in C at all.

**Descriptors that are closed.** An event that outlives its descriptor is wrong twice: the kernel's poller
forgets a closed descriptor by itself, libevent does not, and the next file of that number would be taken
for watched. So what is noted as unwanted is deleted at once when the number is started anew by another
watcher, when the watcher is closed, and when gevent says that the number is about to be closed
(`loop.closing_fd`). A program that closes a descriptor under a started watcher and takes the number again is
helped as well: a second watcher with the same interest makes the loop tell the kernel about it once more.

**What cannot be polled.** epoll refuses regular files (EPERM). They are always ready, as select and poll say,
and so they are here. A descriptor that is closed by the time of `start` reports all events at once,
so that the program's own call finds EBADF, as with libev.
"""

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gevent._ffi.loop import EVENTS
from gevent._ffi.watcher import events_to_str

from crossloop.bindings.gevent_libevent.watcher import Watcher
from crossloop.bindings.libevent import PERSIST
from crossloop.bindings.libevent import READ as LIBEVENT_READ

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

READ = 1
WRITE = 2
"""gevent's numbers, which are libev's; libevent's are twice as large."""
_TO_LIBEVENT = LIBEVENT_READ // READ
_NAMES = ((READ, "READ"), (WRITE, "WRITE"))


class IoWatcher(Watcher):
    """Whether *fd* can be read (1) or written (2) without blocking, or both (3).

    Raises ValueError for a negative *fd* or other events, OSError (EBADF) for one that is not open.
    """

    __slots__ = ("_events", "_fd", "_key", "_memory", "_pass_events", "added", "always")

    def __init__(
        self, loop: "Loop", fd: int, events: int, ref: bool = True, priority: int | None = None
    ) -> None:
        super().__init__(loop, ref, priority)
        self._memory: Any = None
        self._key = 0
        self._pass_events = False
        self.added = False
        """Whether libevent has it; it may be stopped all the same."""
        self.always = False
        """Whether it is ready without being asked, because the kernel's poller refused it."""
        self._fd = _checked_fd(fd)
        self._events = _checked_events(events)

    @property
    def fd(self) -> int:
        return self._fd

    @fd.setter
    def fd(self, fd: int) -> None:
        self._refuse_while_active("fd")
        self._release()
        self._fd = _checked_fd(fd)

    @property
    def events(self) -> int:
        return self._events

    @events.setter
    def events(self, events: int) -> None:
        self._refuse_while_active("events")
        self._release()
        self._events = _checked_events(events)

    # `start` and `stop` are the hot path of a gevent server, once a message each: written out in full.

    def start(self, callback: Callable[..., object], *args: Any, pass_events: bool = False) -> None:
        """As every watcher's; with *pass_events* the events that were seen come as the first argument."""
        loop = self.loop
        if loop is None or loop.base is None or not callable(callback):
            self._set(callback, args)  # says which
        self._callback = callback
        self._args = args
        self._pass_events = pass_events
        if not self.active:
            self.active = True
            if self._ref:
                loop.references += 1  # type: ignore[union-attr]  # not None, or `_set` would have raised
            if not self.added:
                loop.make_way_for(self)  # type: ignore[union-attr]  # as above
                self.attach()

    def stop(self) -> None:
        """As every watcher's; libevent learns of it before the loop waits again."""
        if self.active:
            self.active = False
            loop = self.loop
            if self._ref:
                loop.references -= 1  # type: ignore[union-attr]  # what is active has its loop
            if self.added:
                loop.unwanted.append(self)  # type: ignore[union-attr]  # as above
        self.revents = 0
        self._callback = self._args = None

    def run(self) -> None:
        """Call back, with the events in front where they were asked for."""
        revents, self.revents = self.revents, 0
        args = self._args or ()
        callback = self._callback
        if callback is not None:
            if self._pass_events or (args and args[0] is EVENTS):
                callback(revents, *(args if self._pass_events else args[1:]))
            else:
                callback(*args)

    def detach(self) -> None:
        """Take it from libevent, active or not; its descriptor may be closed after that."""
        if self.added:
            self._open_loop().take_from_libevent(self, self._key, self._memory)

    def attach(self) -> None:
        """Give it to libevent. Raises `LibeventError` for a descriptor that can neither be polled nor is ready."""
        loop = self._open_loop()
        if self._memory is None:
            what = self._events * _TO_LIBEVENT | PERSIST
            self._key, self._memory = loop.new_event(self, self._fd, what)
        if not loop.give_to_libevent(self, self._key, self._memory):
            self._not_pollable()

    def _not_pollable(self) -> None:
        """The kernel's poller refuses the descriptor: always ready, or not open at all."""
        loop = self._open_loop()
        try:
            mode = os.fstat(self._fd).st_mode
        except OSError:
            loop.queue(self, self._events)
            return
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISCHR(mode)):
            error = loop.libevent_error("event_add")
            self.stop()
            raise error
        self.added = self.always = True
        loop.always_ready[self] = None

    def _release(self) -> None:
        self.detach()
        self._memory = None

    def _details(self) -> tuple[str, ...]:
        return (f"fd={self._fd}", f"events={events_to_str(self._events, _NAMES)}")


def _checked_fd(fd: int) -> int:
    if fd < 0:
        raise ValueError(f"fd must not be negative: {fd!r}")
    if os.name == "posix":
        os.fstat(fd)  # OSError: EBADF. A descriptor that is not open is an error here, not at the first event
    return fd


def _checked_events(events: int) -> int:
    if events & ~(READ | WRITE):
        raise ValueError(f"illegal event mask {events!r}; expected READ (1), WRITE (2) or both (3)")
    return events
