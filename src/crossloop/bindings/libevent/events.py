"""Events: a descriptor, a time or a signal, and what to call.

An event is *added* (pending), becomes *active* when its condition holds, and its callback runs. One without
`PERSIST` is then no longer added; one with it stays until `delete`. Adding what is added already is
harmless, and sets its timeout anew if one is given: that is how a timer is pushed back.

Callbacks get what libevent passes: `callback(fd, what)`; *fd* is -1 for timers and the number for signals,
*what* says which of `TIMEOUT`, `READ`, `WRITE`, `SIGNAL` made it active.
"""

from collections.abc import Callable
from math import ceil
from types import TracebackType
from typing import TypeAlias

from crossloop.bindings.libevent.base import EventBase
from crossloop.bindings.libevent.errors import LibeventError

EventCallback: TypeAlias = Callable[..., object]

# event2/event.h, "event flags".
TIMEOUT = 0x01
READ = 0x02
WRITE = 0x04
SIGNAL = 0x08
PERSIST = 0x10

LONGEST_S = 100 * 365 * 86_400.0
"""A century. A `struct timeval` holds more where its seconds have 64 bits; libevent adds its clock to it unchecked."""


class Event:
    """One event of *base* (`event_assign`); not added yet.

    *fd*: descriptor (socket handle on Windows), signal number, or -1. *what*: `READ`, `WRITE`, `SIGNAL`,
    `PERSIST`, combined; 0 for a one-shot timer. `callback` may be replaced at any time.

    Raises `LibeventError` where libevent refuses the combination.
    """

    __slots__ = ("__weakref__", "_base", "_key", "_memory", "callback")

    def __init__(self, base: EventBase, fd: int, what: int, callback: EventCallback) -> None:
        self.callback = callback
        self._base = base
        self._key = key = base.next_key()
        self._memory = memory = base.event_memory()
        trampoline = base.on_persistent if what & PERSIST else base.on_once
        argument = id(self) if base.calls_directly else key
        if base.event_assign(memory, base.pointer, fd, what, trampoline, argument):
            raise base.library.error("event_assign")

    def _fire(self, fd: int, what: int) -> None:
        """libevent has called one that ends: it is no longer pending."""
        del self._base.live[self._key]
        self.callback(fd, what)

    def _failed(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        """What C says of an exception that it was given."""
        self._base.callback_failed(kind, error, traceback)

    def add(self, timeout_s: float | None = None) -> None:
        """Make it pending; with *timeout_s* (seconds, microsecond steps) it also becomes active after that.

        A negative time counts as 0, an infinite one as `LONGEST_S`. A timeout that is set stays when it is added
        again without one. Raises `LibeventError` when the base is closed or the kernel refuses the descriptor,
        ValueError for NaN.
        """
        base = self._base
        live = base.live
        added = self._key in live
        # Before the call, and out of it after the call in `delete`: should a signal handler raise in
        # between, Python holds memory too long, and libevent never has memory that Python gave back.
        live[self._key] = self
        try:
            if timeout_s is None:
                failed = base.event_add(self._memory, base.null)
            else:
                if timeout_s != base.timeval_s:  # programs use few different times, and this is half of it
                    # Rounded up: no timer fires before its time.
                    microseconds = 0 if timeout_s <= 0 else ceil(min(timeout_s, LONGEST_S) * 1e6)
                    base.timeval.tv_sec, base.timeval.tv_usec = divmod(microseconds, 1_000_000)
                    base.timeval_s = timeout_s
                failed = base.event_add(self._memory, base.timeval)
            if failed:
                raise base.library.error("event_add")
        except (LibeventError, ValueError):
            if not added:
                del live[self._key]
            raise

    def delete(self) -> None:
        """Make it neither pending nor active; harmless if it is neither. Before its descriptor is closed."""
        base = self._base
        if self._key in base.live:
            if base.event_del(self._memory):
                raise base.library.error("event_del")
            del base.live[self._key]

    @property
    def pending(self) -> bool:
        """Whether its callback is still to come: added, or active."""
        return self._key in self._base.live

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'pending' if self.pending else 'idle'}, {self.callback!r}>"


class IoEvent(Event):
    """Readiness of a descriptor: `READ`, `WRITE`, mostly `| PERSIST`; level-triggered."""

    __slots__ = ()


class Timer(Event):
    """A one-shot timer: `add(delay_s)` starts it, or pushes it back."""

    __slots__ = ()

    def __init__(self, base: EventBase, callback: EventCallback) -> None:
        Event.__init__(self, base, -1, 0, callback)  # super() would be a tenth of the cost of a timer


class PersistentTimer(Event):
    """A repeating timer: `add(interval_s)` starts it, `delete` ends it.

    libevent schedules each turn from the time the last one was due, so lateness does not add up; after a
    turn that was missed altogether it counts from now (`event_persist_closure`).
    """

    __slots__ = ()

    def __init__(self, base: EventBase, callback: EventCallback) -> None:
        super().__init__(base, -1, PERSIST, callback)


class SignalEvent(Event):
    """A signal, caught by libevent's own handler: it takes the place of Python's until it is deleted.

    Only one base of a process can have signals at a time; with a second one they go to the last that
    added, and libevent logs it. Raises `LibeventError` for a number that cannot be caught.
    """

    __slots__ = ()

    def __init__(self, base: EventBase, number: int, callback: EventCallback) -> None:
        super().__init__(base, number, SIGNAL | PERSIST, callback)
