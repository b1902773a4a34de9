"""The loop: gevent's idea of a turn, around one round of libevent's.

gevent's hub calls `run`, and everything else happens in there: greenlets are switched to by callbacks. One
turn is, in this order (libev's, which gevent's own code relies on):

1. fork watchers, in a child that was just forked; prepare watchers;
2. calls from `run_callback`, for no longer than the interpreter's switch interval;
3. `settle`: libevent is told of the watchers that were stopped and not started again;
4. `event_base_loop(EVLOOP_ONCE)`: wait, or only look if there is something to do already;
5. check watchers; then what was fed and what was seen, by priority; idle watchers if there was nothing.

**No callback runs inside C.** What libevent calls only takes a note of the watcher; its callback runs when
`event_base_loop` has returned. So no greenlet is switched to from within libevent, a callback may
destroy the loop or fork, an exception is an ordinary one, and a watcher that a callback stops is not called
any more in the same turn.

**Exceptions** of callbacks go to the hub (`handle_error`). So does what a handler of Python's signals raises
here, outside of any callback, with no context: the hub throws it into the main greenlet, which is how
Ctrl-C ends an idle program. libevent goes on waiting when a signal interrupts it; `PythonSignals` wakes it.

**Threads**: each has a loop of its own. From another one only `AsyncWatcher.send` and `run_callback_threadsafe`
may be called.
"""

import sys
import time as time_module
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial, partialmethod
from math import ceil
from types import TracebackType
from typing import Any

from gevent._ffi.callback import callback as Callback  # noqa: N812  (gevent's name for the class)
from gevent._ffi.loop import EVENTS
from gevent._interfaces import ILoop, IWatcher
from gevent.exceptions import HubDestroyed
from zope.interface import classImplements

from crossloop.bindings.gevent_libevent import forking
from crossloop.bindings.gevent_libevent.io_watcher import READ, WRITE, IoWatcher
from crossloop.bindings.gevent_libevent.process_watchers import (
    ChildWatcher,
    SignalWatcher,
    StatWatcher,
    changed_children,
)
from crossloop.bindings.gevent_libevent.timer_watcher import TimerWatcher
from crossloop.bindings.gevent_libevent.turn_watchers import TURNS, AsyncWatcher, TurnWatcher
from crossloop.bindings.gevent_libevent.watcher import MAX_PRIORITY, MIN_PRIORITY, Watcher
from crossloop.bindings.libevent import (
    EventBase,
    LibeventError,
    PythonSignals,
    SignalEvent,
    Wakeup,
    libevent_version,
    load,
)
from crossloop.bindings.libevent.events import LONGEST_S

__all__ = [
    "EVENTS",
    "READ",
    "WRITE",
    "get_header_version",
    "get_version",
    "loop",
    "supported_backends",
    "time",
]

CALLS_PER_LOOK_AT_THE_CLOCK = 64
_signals_owner: "list[weakref.ref[loop]]" = []
"""The loop that has the process's signals, if one has."""


def get_version() -> str:
    """`libevent-2.1.12-stable`: what the loaded library says. Raises `LibraryNotFoundError`."""
    return f"libevent-{libevent_version()}"


get_header_version = get_version
"""There is no header: the library is loaded at run time."""


def supported_backends() -> list[str]:
    """Mechanisms that the library was built with, best first: `epoll`, `poll`, `select`, …"""
    return list(load().methods)


def time() -> float:
    """The loop's clock: seconds since 1970."""
    return time_module.time()


class _QuietBase(EventBase):
    """A base that is closed without a word when nobody refers to it: hubs of threads end like that."""

    def note_in(self, seen: list[Watcher]) -> None:
        """Have *seen* filled with the watchers that C notes in a round. The list lives as long as the base."""
        assert self.library.calls is not None
        self._event_base_loop = partial(self.library.calls.round, id(seen))

    def __del__(self, _warn: Callable[..., None] | None = None) -> None:
        if not sys.is_finalizing():
            self.close()


class loop:  # noqa: N801  (gevent's name: ILoop)
    """gevent's event loop on libevent (`gevent._interfaces.ILoop`).

    *flags*: names of mechanisms to choose from, as a list or with commas between (GEVENT_BACKEND); None: any.
    *default*: whether it is the one that watches child processes; None means yes.

    Raises `LibraryNotFoundError`, an `ImportError`, without libevent; ValueError for mechanisms that it lacks.
    """

    approx_timer_resolution = 0.00001
    """Seconds; a guess, as libev's: what a precise timer of the kernel is late by."""

    error_handler: Any = None
    """The hub, while it runs the loop."""

    MAXPRI = MAX_PRIORITY
    MINPRI = MIN_PRIORITY

    def __init__(self, flags: str | Iterable[str] | None = None, default: bool | None = None) -> None:
        self.base: EventBase | None = None  # first: `__del__` looks at it
        self.references = 0
        """Active watchers with `ref`, and what `ref` and `unref` add: `run` goes on while there are any."""
        self.unwanted: list[IoWatcher] = []
        """Stopped since the last turn, and still known to libevent; some may have been started again."""
        self.always_ready: dict[IoWatcher, None] = {}
        self.children: dict[ChildWatcher, None] = {}
        self.turns: dict[str, dict[Watcher, None]] = {kind: {} for kind in TURNS}
        self.thread = forking.this_thread()
        self._default = default is None or bool(default)
        self._calls: deque[Callback] = deque()
        self._queues = tuple(deque[Watcher]() for _ in range(MIN_PRIORITY, MAX_PRIORITY + 1))
        self._live: dict[int, Any] = {}
        """Key → watcher, for all that libevent may call about: what holds their memory."""
        self._seen: list[Watcher] = []
        """What C has noted in the present round, in its order; `revents` is set."""
        self._watchers_of: dict[int, list[IoWatcher]] = {}
        self._stopping = False
        self._forked = False
        self.iteration = 0
        """Turns taken."""
        self.depth = 0
        """How often `run` was entered and not left."""
        self._sigchld: SignalEvent | None = None
        self._open_base(flags)
        forking.know(self)

    def _open_base(self, flags: str | Iterable[str] | None) -> None:
        self.base = base = _QuietBase(precise_timers=True, avoid=_to_avoid(flags))
        self._event_add = base.event_add
        self._event_del = base.event_del
        self._null = base.null
        calls = base.library.calls
        if calls is None:
            self._on_event, self._on_timer = (
                base.c_callback("event_callback", function) for function in self._notes()
            )
        else:
            self._on_event, self._on_timer = calls.note, calls.once
            base.note_in(self._seen)
        # gevent's thread pool counts on it that a worker which reports a result gets on to say that it is free,
        # before the hub asks for another one.
        self._wakeup = Wakeup(base, keep_lock=True)
        self._signals = PythonSignals(base)

    def _notes(self) -> tuple[Callable[..., None], ...]:
        """What libevent calls without the part in C. No reference to the loop: it would be a cycle through C."""
        live = self._live
        queues = self._queues

        def event(_fd: int, what: int, key: int) -> None:
            watcher = live[key]
            watcher.revents = what >> 1  # libevent's READ and WRITE are twice gevent's
            queues[watcher.rank].append(watcher)

        def timer(fd: int, what: int, key: int) -> None:
            live[key]._fire(fd, what)

        return event, timer

    # Running

    def run(self, nowait: bool = False, once: bool = False) -> None:
        """Take turns until nothing is left to wait for; one turn with *once*, and without waiting with *nowait*.

        Raises ValueError once destroyed.
        """
        self._open()
        self.thread = forking.this_thread()
        self._stopping = False
        self.depth += 1
        self._signals.add()
        try:
            while True:
                try:
                    self._turn(nowait)
                except (
                    BaseException
                ):  # a signal's handler raised between two callbacks: for the main greenlet
                    self.handle_error(None, *sys.exc_info())
                if self._stopping or once or nowait or self.base is None or not self._has_more():
                    return
        finally:
            self.depth -= 1
            if not self.depth and self.base is not None:
                self._signals.delete()

    def _has_more(self) -> bool:
        return bool(self.references > 0 or self._calls or any(self._queues))

    def _turn(self, nowait: bool) -> None:
        self.iteration += 1
        turns = self.turns
        if self._forked:
            self._forked = False
            self._run_at_once(turns["fork"])
        if turns["prepare"]:
            self._run_at_once(turns["prepare"])
        if self._calls:
            self._run_calls()
        if self._stopping or self.base is None:
            return
        if self.unwanted:
            self.settle()
        idle = turns["idle"]
        busy = nowait or idle or self._calls or self.always_ready or any(self._queues)
        self.base.loop(block=not busy and self.references > 0)
        if self._seen:
            self._queue_seen()
        if self.always_ready:
            for watcher in tuple(self.always_ready):
                if watcher.active:
                    self.queue(watcher, watcher.events)
        if turns["check"]:
            self._run_at_once(turns["check"])
        if any(self._queues):
            self._run_queues()
        elif idle:
            self._run_at_once(idle)

    def _queue_seen(self) -> None:
        seen, queues = self._seen, self._queues
        for watcher in seen:
            queues[watcher.rank].append(watcher)
        seen.clear()

    def _run_at_once(self, watchers: Iterable[Watcher]) -> None:
        """Run what is started in *watchers*, without those that are started meanwhile."""
        for watcher in tuple(watchers):
            if watcher.active:
                watcher.revents = watcher.EVENT
                try:
                    watcher.run()
                except BaseException:
                    self.handle_error(watcher, *sys.exc_info())

    def _run_queues(self) -> None:
        for queue in reversed(self._queues):
            popleft = queue.popleft
            while queue:
                watcher = popleft()
                if watcher.revents:  # else it was stopped meanwhile
                    try:
                        watcher.run()
                    except BaseException:
                        self._callback_failed(watcher)

    def _callback_failed(self, watcher: Watcher) -> None:
        """A callback raised. What would call it again at once, and mostly fail again, is stopped (libev's core too)."""
        kind_error_traceback = sys.exc_info()
        if isinstance(watcher, IoWatcher):
            watcher.stop()
        self.handle_error(watcher, *kind_error_traceback)

    def _run_calls(self) -> None:
        calls = self._calls
        until_s = time_module.monotonic() + sys.getswitchinterval()
        left = CALLS_PER_LOOK_AT_THE_CLOCK
        while calls:
            call = calls.popleft()
            callback, args = call.callback, call.args
            call.callback = None
            if callback is not None and args is not None:
                try:
                    callback(*args)
                except BaseException:
                    self.handle_error(call, *sys.exc_info())
                finally:
                    call.args = None
            left -= 1
            if not left:
                if time_module.monotonic() >= until_s:
                    return
                left = CALLS_PER_LOOK_AT_THE_CLOCK

    def break_(self, how: int = 1) -> None:
        """End `run` once the present turn is over."""
        del how  # libev can also end only the innermost of nested runs
        self._stopping = True

    def handle_error(
        self,
        context: object,
        type: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Hand what was raised to the hub, or print it without one; never raises.

        With *context* None the hub throws it into the main greenlet; else it prints it and goes on.
        """
        try:
            if type is not HubDestroyed:
                handler = self.error_handler
                if handler is None:
                    traceback.print_exception(type, value, tb)
                    self.break_()
                else:
                    # Looked up each time: programs set a `handle_error` of their own on the hub.
                    getattr(handler, "handle_error", handler)(context, type, value, tb)
                return
        except HubDestroyed:
            pass
        except BaseException:
            _print_exception("the hub failed to handle an error")
            return
        self._calls.clear()
        self.break_()

    def run_callback(self, func: Callable[..., object], *args: object) -> Callback:
        """Call `func(*args)` in the next turn, or in this one; in the order of the calls."""
        self._open()
        call = Callback(func, args)
        self._calls.append(call)
        return call

    def run_callback_threadsafe(self, func: Callable[..., object], *args: object) -> Callback:
        """`run_callback` from another thread: wakes the loop."""
        call = self.run_callback(func, *args)
        self.wake(_nothing)
        return call

    # The clock

    def now(self) -> float:
        """Seconds since 1970, at this moment: nothing is cached."""
        return time_module.time()

    def update_now(self) -> None:
        """Nothing: the clock is looked at whenever it is needed."""

    update = update_now

    # What watchers need

    def queue(self, watcher: Watcher, revents: int) -> None:
        """Make *watcher* pending; its callback runs in this turn if it is not too late, else in the next one."""
        if not watcher.revents:
            self._queues[watcher.rank].append(watcher)
        watcher.revents |= revents

    def wake(self, callback: Callable[..., object]) -> None:
        """From any thread: run *callback* in the loop's. Raises ValueError once destroyed."""
        try:
            self._wakeup.wake(callback)
        except (LibeventError, OSError) as error:  # closed, before or just now
            raise ValueError("operation on a destroyed loop") from error

    def new_event(self, watcher: Watcher, fd: int, what: int) -> tuple[int, Any]:
        """(key, memory) of an event of libevent's that makes *watcher* pending; not added."""
        base = self._open()
        key = base.next_key()
        memory = base.event_memory()
        function = self._on_timer if isinstance(watcher, TimerWatcher) else self._on_event
        if base.event_assign(
            memory, base.pointer, fd, what, function, id(watcher) if base.calls_directly else key
        ):
            raise base.library.error("event_assign")
        return key, memory

    def give_to_libevent(self, watcher: IoWatcher | SignalWatcher, key: int, memory: Any) -> bool:
        """`event_add`; False where libevent or the kernel refuses."""
        self._live[key] = watcher
        if self._event_add(memory, self._null):
            del self._live[key]
            return False
        watcher.added = True
        if isinstance(watcher, IoWatcher):
            self._watchers_of.setdefault(watcher.fd, []).append(watcher)
        return True

    def timer_fired(self, watcher: TimerWatcher, key: int) -> None:
        """libevent has called a timer's event, which ended with that."""
        del self._live[key]
        watcher.added = False
        watcher.revents = watcher.EVENT
        self._queues[watcher.rank].append(watcher)

    def give_timer_to_libevent(self, watcher: TimerWatcher, key: int, memory: Any, delay_s: float) -> None:
        """`event_add` with a time; an event that is added already is pushed back."""
        base = self._open()
        if delay_s != base.timeval_s:  # programs use few different times
            # Rounded up, so that no timer fires before its time. NaN is a ValueError.
            microseconds = 0 if delay_s <= 0 else ceil(min(delay_s, LONGEST_S) * 1e6)
            base.timeval.tv_sec, base.timeval.tv_usec = divmod(microseconds, 1_000_000)
            base.timeval_s = delay_s
        self._live[key] = watcher
        if self._event_add(memory, base.timeval):
            del self._live[key]
            raise base.library.error("event_add")
        watcher.added = True

    def take_from_libevent(
        self, watcher: IoWatcher | SignalWatcher | TimerWatcher, key: int, memory: Any
    ) -> None:
        """`event_del`: what libevent has seen of it and not called yet is forgotten as well."""
        watcher.added = False
        if isinstance(watcher, IoWatcher):
            if watcher.always:
                watcher.always = False
                self.always_ready.pop(watcher, None)
                return
            watchers = self._watchers_of[watcher.fd]
            watchers.remove(watcher)
            if not watchers:
                del self._watchers_of[watcher.fd]
        self._event_del(memory)
        self._live.pop(key, None)

    def libevent_error(self, call: str) -> LibeventError:
        """The error of *call*, which has just failed."""
        return self._open().library.error(call)

    def settle(self) -> None:
        """Take from libevent what was stopped and is still stopped."""
        unwanted, self.unwanted = self.unwanted, []
        for watcher in unwanted:
            if watcher.added and not watcher.active:
                watcher.detach()

    def make_way_for(self, watcher: IoWatcher) -> None:
        """Another watcher of the same descriptor is about to be added: see the head of `io_watcher`."""
        others = self._watchers_of.get(watcher.fd)
        if not others:
            return
        again = []
        for other in tuple(others):
            if not other.active:
                other.detach()
            elif other.events & watcher.events:
                other.detach()
                again.append(other)
        for other in again:
            other.attach()

    def closing_fd(self, fd: int) -> bool:
        """*fd* is about to be closed; True if somebody waits for it, who is then told as if it were ready.

        The number may be another file's afterwards, so nothing of it stays in libevent.
        """
        waiting = False
        for watcher in tuple(self._watchers_of.get(fd, ())):
            watcher.detach()
            if watcher.active:
                self.queue(watcher, watcher.events)
                waiting = True
        return waiting

    def claim_signals(self) -> None:
        """Have the process's signals for this loop. Raises RuntimeError where another loop has them."""
        owner = _signals_owner[0]() if _signals_owner else None
        if owner is not None and owner is not self and not owner.destroyed:
            raise RuntimeError(
                f"libevent gives signals to one loop of a process, and {owner!r} has them; "
                f"watch signals in the main thread's hub"
            )
        _signals_owner[:] = [weakref.ref(self)]

    # Kinds of watchers

    def io(self, fd: int, events: int, ref: bool = True, priority: int | None = None) -> IoWatcher:
        return IoWatcher(self, fd, events, ref, priority)

    def timer(
        self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> TimerWatcher:
        return TimerWatcher(self, after, repeat, ref, priority)

    def signal(self, signum: int, ref: bool = True, priority: int | None = None) -> SignalWatcher:
        return SignalWatcher(self, signum, ref, priority)

    def _turn_watcher(self, kind: str, ref: bool = True, priority: int | None = None) -> TurnWatcher:
        return TurnWatcher(self, kind, ref, priority)

    idle = partialmethod(_turn_watcher, "idle")
    prepare = partialmethod(_turn_watcher, "prepare")
    check = partialmethod(_turn_watcher, "check")
    fork = partialmethod(_turn_watcher, "fork")

    def async_(self, ref: bool = True, priority: int | None = None) -> AsyncWatcher:
        return AsyncWatcher(self, ref, priority)

    def stat(
        self, path: str, interval: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> StatWatcher:
        return StatWatcher(self, path, interval, ref, priority)

    if sys.platform != "win32":

        def child(self, pid: int, trace: int = 0, ref: bool = True) -> ChildWatcher:
            return ChildWatcher(self, pid, trace, ref)

        def install_sigchld(self) -> None:
            """Learn of SIGCHLD from now on; only on the default loop."""
            if self.default and self._sigchld is None:
                import signal  # not on Windows, where it has no SIGCHLD

                self.claim_signals()
                self._sigchld = SignalEvent(self._open(), signal.SIGCHLD, self._on_sigchld)
                self._sigchld.add()

        def reset_sigchld(self) -> None:
            """Leave SIGCHLD to whoever had it before."""
            sigchld, self._sigchld = self._sigchld, None
            if sigchld is not None:
                sigchld.delete()

    def look_for_children(self) -> None:
        """Look in the next turn whether a watched child has changed."""
        self.run_callback(self._look_for_children)

    def _on_sigchld(self, _fd: int, _what: int) -> None:
        self._calls.append(Callback(self._look_for_children, ()))

    def _look_for_children(self) -> None:
        changed, may_be_more = changed_children(tuple(self.children))
        if may_be_more:
            self.look_for_children()
        self._run_at_once(changed)

    # Life

    def _open(self) -> EventBase:
        if self.base is None:
            raise ValueError("operation on a destroyed loop")
        return self.base

    @property
    def destroyed(self) -> bool:
        return self.base is None

    def destroy(self) -> bool | None:
        """Free the base; watchers that are started end without a call. None if it was destroyed already."""
        base = self.base
        if base is None:
            return None
        forking.forget(self)
        self._part_from_watchers()
        base.close()
        return True

    def abandon(self) -> None:
        """In the child of a fork: this loop was another thread's. Count as destroyed, and touch nothing in C."""
        base = self.base
        if base is not None:
            forking.forget(self)
            self._part_from_watchers()
            base.pointer = None  # never freed: it may have been in the middle of a change

    def _part_from_watchers(self) -> None:
        self.base = None
        self._stopping = True
        for watcher in self._live.values():
            watcher.added = False
        for watcher in self.always_ready:
            watcher.added = watcher.always = False
        self._watchers_of.clear()
        self.always_ready.clear()
        self.unwanted.clear()
        self._seen.clear()
        self._calls.clear()
        for queue in self._queues:
            queue.clear()
        self._sigchld = None

    def reinit(self) -> None:
        """After a fork, in the child; the interpreter's hook has done it by then (`forking`)."""

    def reinit_in_child(self) -> None:
        """Give this process a poller of its own, and run the fork watchers in the next turn."""
        base = self.base
        if base is None:
            return
        self._forked = True
        try:
            base.reinit()
        except LibeventError:
            # A descriptor was closed under a started watcher. Everything else is in place.
            for attachment in tuple(base.attachments):
                attachment.after_fork()

    def __del__(self) -> None:
        if self.base is not None and not sys.is_finalizing():
            self.destroy()

    # What it says of itself

    @property
    def default(self) -> bool:
        """Whether child processes are watched here; False once destroyed."""
        return self._default and self.base is not None

    @property
    def ptr(self) -> Any:
        """The `event_base *`; None once destroyed."""
        return None if self.base is None else self.base.pointer

    @property
    def backend(self) -> str:
        """Mechanism in use: `epoll`, `kqueue`, `poll`, `select`, …"""
        return self._open().method

    @property
    def backend_int(self) -> int:
        """Its place in `supported_backends`, from 1."""
        return supported_backends().index(self.backend) + 1

    @property
    def activecnt(self) -> int:
        """What `run` waits for. Raises ValueError once destroyed."""
        self._open()
        return self.references

    @property
    def pendingcnt(self) -> int:
        """Watchers whose callbacks are due."""
        return sum(map(len, self._queues))

    def ref(self) -> None:
        """Count one more thing to wait for."""
        self.references += 1

    def unref(self) -> None:
        """Take back one `ref`."""
        self.references -= 1

    def verify(self) -> None:
        """Nothing: libev checks its own structures here."""

    def fileno(self) -> int | None:
        """None: libevent does not tell its poller's descriptor."""
        return None

    def _format(self) -> str:
        """What gevent's hub shows of its loop."""
        if self.base is None:
            return "destroyed"
        default = " default" if self.default else ""
        return f"backend={self.backend}{default} pending={self.pendingcnt} ref={self.references}"

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} at {id(self):#x} {self._format()}>"


classImplements(loop, ILoop)
classImplements(Watcher, IWatcher)
setattr(loop, "async", loop.async_)  # its name before Python 3.7 made that a keyword; gevent keeps it


def _nothing() -> None:
    """What a wake-up calls that has nothing to add."""


def _to_avoid(flags: str | Iterable[str] | None) -> tuple[str, ...]:
    """The mechanisms that *flags* leaves out. Raises ValueError for one that is not there, TypeError for no names."""
    if not flags:
        return ()
    if isinstance(flags, bytes | int):
        raise TypeError(f"expected names of mechanisms, not {flags!r}")
    given = flags.split(",") if isinstance(flags, str) else list(flags)
    names = [name.strip().lower() for name in given]
    known = supported_backends()
    for name in names:
        if name not in known:
            raise ValueError(f"libevent has no mechanism {name!r} here; expected one of {', '.join(known)}")
    return tuple(name for name in known if name not in names)


def _print_exception(what: str) -> None:
    """To standard error if that is still there; never raises."""
    try:
        print(f"crossloop's libevent loop: {what}:", file=sys.stderr)
        traceback.print_exc()
    except Exception:  # noqa: S110  (there is nobody left to tell)
        pass
