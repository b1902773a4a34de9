"""The event base: libevent's loop, driven so that Python's exceptions and signals come through.

**Exceptions.** A callback is called from C, through which no exception passes. The first one that a
callback raises is kept, the loop is told to break, and the Python method that drives the loop raises it.
What else was active stays so and runs when the loop is entered again.

**Keys.** `live` holds every event that libevent may still call, each by a key. So an event that nobody else refers to
stays alive for as long as it is pending. A one-shot event leaves `live` just before its callback runs, so it can be
added again from within. libevent hands each callback one pointer-sized argument. With the part in C (`calls`) it is the
address of the event itself, whose `callback` C calls. Without that part it is the key: one dictionary lookup and one
call are all that Python does per event.

**Signals.** When a system call is interrupted, libevent waits again (`epoll_dispatch` and its like return
0 on EINTR and the loop goes round), so the interpreter would run no signal handler until some event
comes. `run` therefore has the interpreter write to a socket that the base watches
(`signal.set_wakeup_fd`), for as long as it runs in the main thread: Ctrl-C ends an idle loop.

**Threads.** A base is used by one thread at a time: `libevent_core` brings no locks, so none are asked for
(`EVENT_BASE_FLAG_NOLOCK`). The one thread-safe way in is `Wakeup`.
"""

import itertools
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from crossloop.bindings.libevent.errors import LibeventError
from crossloop.bindings.libevent.library import Library, load

if TYPE_CHECKING:
    from crossloop.bindings.libevent.wakeup import PythonSignals

# event2/event.h: enum event_base_config_flag, EVLOOP_*.
FLAG_NOLOCK = 0x01
FLAG_NO_CACHE_TIME = 0x08
FLAG_PRECISE_TIMER = 0x20
LOOP_ONCE = 0x01
LOOP_NONBLOCK = 0x02
LOOP_NO_EXIT_ON_EMPTY = 0x04


class Attachment(Protocol):
    """What belongs to a base and has sockets or memory beside its events."""

    def after_fork(self) -> None:
        """In the child: part from what is shared with the parent."""

    def close(self) -> None:
        """Release it, and take it out of the base's `attachments`; the base is still whole."""


class EventBase:
    """A set of events and the loop that waits for them (`event_base`); also a context manager.

    *precise_timers*: wait by the fine monotonic clock; on epoll by a timerfd, which costs one
    `timerfd_settime` per wait. Without it timers have the step of the kernel's tick (4 ms at 250 Hz).
    *avoid*: methods not to use, of `Library.methods`.

    The clock is asked each time that a timer is added (`EVENT_BASE_FLAG_NO_CACHE_TIME`). By libevent's default
    one that is added within a callback counts from the time at which the loop woke up, so it is early by
    what the callbacks before took.

    Raises `LibraryNotFoundError`, and `LibeventError` when no method remains.
    """

    def __init__(self, *, precise_timers: bool = True, avoid: Sequence[str] = ()) -> None:
        self.pointer: Any = None
        """The `event_base *`; None once closed. `opened()` is the checked way to it."""
        library = load()
        self.library: Library = library
        self.live: dict[int, Any] = {}
        """Key → `Event` (or `BufferEvent`), for all that libevent may call. Read it, do not change it."""
        self.next_key = itertools.count(1).__next__
        self.attachments: dict[Attachment, None] = {}
        """In the order in which they were made; each takes itself out on `close`."""
        self.c_functions: dict[object, tuple[Any, ...]] = {}
        """Function pointers that kinds of attachments have made for this base, one set for each kind."""
        self._error: BaseException | None = None
        self._running = False
        self._signals: PythonSignals | None = None
        flags = FLAG_NOLOCK | FLAG_NO_CACHE_TIME | (FLAG_PRECISE_TIMER if precise_timers else 0)
        self.pointer = _new_base(library, flags, avoid)
        self.event_memory: Callable[[], Any] = partial(library.ffi.new, library.event_memory)
        self.event_assign: Callable[..., int] = library.lib.event_assign
        self.event_add: Callable[[Any, Any], int] = library.lib.event_add
        self.event_del: Callable[[Any], int] = library.lib.event_del
        self._event_base_loop = library.lib.event_base_loop
        self._loopbreak = library.lib.event_base_loopbreak
        self.calls_directly = library.calls is not None
        """Whether the argument of an event's callback is its address, and not its key."""
        self.on_persistent, self.on_once = self._trampolines()
        self.null = library.ffi.NULL
        self.timeval = library.ffi.new("struct timeval *")
        """What `Event.add` hands over, and libevent copies."""
        self.timeval_s: float = 0.0
        """The seconds that `timeval` holds."""

    def _trampolines(self) -> tuple[Any, Any]:
        """The two functions that libevent calls: for events that persist, and for those that end."""
        calls = self.library.calls
        if calls is not None:
            return calls.persistent, calls.once
        live = self.live

        def persistent(fd: int, what: int, key: int) -> None:
            event = live[key]
            event.callback(fd, what)

        def once(fd: int, what: int, key: int) -> None:
            live[key]._fire(fd, what)

        return self.c_callback("event_callback", persistent), self.c_callback("event_callback", once)

    def c_callback(self, c_type: str, function: Callable[..., object]) -> Any:
        """A C function pointer to *function*, whose exceptions reach the caller of the loop.

        cffi calls `onerror` for whatever is raised, also for what a signal handler raises in the
        trampoline itself, which no `try` inside it could catch.
        """
        return self.library.ffi.callback(c_type, function, onerror=self.callback_failed)

    def callback_failed(
        self, _kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        """End the loop by *error*, which a callback has raised."""
        if self._error is None:
            self._error = error.with_traceback(traceback)
        else:  # libevent calls some pairs (bufferevents) without looking at the break in between
            self._error.add_note(f"then another callback raised {error!r}")
        self._loopbreak(self.opened())

    def opened(self) -> Any:
        """The `event_base *`; raises `LibeventError` once closed."""
        if self.pointer is None:
            raise LibeventError("event_base", "this base is closed")
        return self.pointer

    @property
    def closed(self) -> bool:
        return self.pointer is None

    @property
    def method(self) -> str:
        """Mechanism in use (`event_base_get_method`): `epoll`, `kqueue`, `poll`, `select`, `win32`, …"""
        return str(self.library.ffi.string(self.library.lib.event_base_get_method(self.opened())).decode())

    def loop(self, *, block: bool = True) -> bool:
        """One round: wait for something to become active (or only look), run it; False if nothing is pending.

        Always with `EVLOOP_ONCE`: `EVLOOP_NONBLOCK` alone goes on until a look finds nothing active.
        Raises what a callback raised, or `LibeventError`, also when called from within a callback.
        """
        return self._enter(LOOP_ONCE if block else LOOP_ONCE | LOOP_NONBLOCK) == 0

    def run(self) -> None:
        """Run until `loopbreak`, also while nothing is pending; raises what a callback raised."""
        from crossloop.bindings.libevent.wakeup import PythonSignals  # it imports this module

        self.opened()
        signals = self._signals = self._signals or PythonSignals(self)
        added = signals.add()
        try:
            # The rounds stay in C: a break ends them, and so does an exception, by a break of its own.
            self._enter(LOOP_NO_EXIT_ON_EMPTY)
        finally:
            if added:
                signals.delete()

    def _enter(self, flags: int) -> int:
        pointer = self.opened()
        nested, self._running = self._running, True
        try:
            result = self._event_base_loop(pointer, flags)
        finally:
            self._running = nested
        if self._error is not None and not nested:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error  # the traceback refers to this frame
        if result < 0:
            raise self.library.error("event_base_loop")
        return int(result)

    def loopbreak(self) -> None:
        """From within a callback: end the loop once this callback returns (`event_base_loopbreak`).

        Outside of the loop it has no effect: libevent forgets it when the loop is entered.
        """
        if self._loopbreak(self.opened()):
            raise self.library.error("event_base_loopbreak")

    def reinit(self) -> None:
        """In the child of a fork, before anything is added or deleted: make the kernel's objects anew.

        The epoll set is shared with the parent: what the child deletes from it is gone for the parent. All
        events stay in place, in both processes. May be called from within a callback.
        """
        if self.library.lib.event_reinit(self.opened()):
            raise self.library.error("event_reinit")
        for attachment in tuple(self.attachments):
            attachment.after_fork()

    def close(self) -> None:
        """Free the base; events that are pending end without a call. Harmless when closed already.

        Raises `LibeventError` within the loop.
        """
        if self.pointer is None:
            return
        if self._running:
            raise LibeventError("event_base_free", "the loop is running; loopbreak first, then close")
        for attachment in tuple(self.attachments):
            attachment.close()
        self._signals = None
        pointer, self.pointer = self.pointer, None
        self.event_assign = self.event_add = _refuse
        # It deletes what is still added, so the events' memory, which `live` holds, goes after it.
        self.library.lib.event_base_free(pointer)
        self.live.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        # Runs before anything in a cycle with it is cleared (PEP 442), so the events are still whole.
        if self.pointer is not None:
            unclosed = repr(self)
            self.close()
            _warn(f"unclosed {unclosed}", ResourceWarning, source=self)

    def __repr__(self) -> str:
        return f"<EventBase {'closed' if self.pointer is None else self.method}, {len(self.live)} events>"


def _refuse(*_arguments: object) -> NoReturn:
    raise LibeventError("event_base", "this base is closed")


def _new_base(library: Library, flags: int, avoid: Sequence[str]) -> Any:
    lib, ffi = library.lib, library.ffi
    config = lib.event_config_new()
    if config == ffi.NULL:
        raise library.error("event_config_new")
    try:
        for method in avoid:
            lib.event_config_avoid_method(config, method.encode())
        lib.event_config_set_flag(config, flags)
        pointer = lib.event_base_new_with_config(config)
    finally:
        lib.event_config_free(config)
    if pointer == ffi.NULL:
        raise library.error("event_base_new_with_config")
    return pointer
