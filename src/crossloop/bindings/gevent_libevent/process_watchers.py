"""Signals, child processes and files: `loop.signal`, `loop.child`, `loop.stat`.

**Signals** are libevent's: its handler takes the place of Python's for as long as a watcher is started. One
base of a process can have signals at a time. libevent lets the last one take them all; here the second loop
is refused, because what it would take away belongs to somebody.

**Child processes** are found by SIGCHLD and `waitpid`, of the watched ones alone: libev reaps every child,
and a `waitpid` elsewhere in the program finds none. A watcher for pid 0 stands for any child. A child that
ended before its watcher was started is found, too: starting looks once. Callbacks run right after `waitpid`,
before anybody else has a turn: gevent's own `waitpid` would start a watcher for a child that is reaped and not
told yet, and wait for ever.

**Files** are looked at by a timer, as portable as `stat` itself. inotify would be quicker and Linux only.
"""

import os
import signal
import stat
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from crossloop.bindings.gevent_libevent.watcher import Watcher
from crossloop.bindings.libevent import PERSIST
from crossloop.bindings.libevent import SIGNAL as LIBEVENT_SIGNAL

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)
    from crossloop.bindings.gevent_libevent.timer_watcher import TimerWatcher

# libev's numbers.
SIGNAL = 0x400
CHILD = 0x800
STAT = 0x1000

DEFAULT_STAT_INTERVAL_S = 1.0
MIN_STAT_INTERVAL_S = 0.1


class SignalWatcher(Watcher):
    """Signal *signalnum*. Raises ValueError for a number that is none."""

    __slots__ = ("_key", "_memory", "added", "signalnum")

    EVENT = SIGNAL

    def __init__(self, loop: "Loop", signalnum: int, ref: bool = True, priority: int | None = None) -> None:
        if not 1 <= signalnum < signal.NSIG:
            raise ValueError(f"illegal signal number: {signalnum!r}")
        super().__init__(loop, ref, priority)
        self.signalnum = signalnum
        self._key = 0
        self._memory: Any = None
        self.added = False

    def _begin(self) -> None:
        loop = self._open_loop()
        try:
            loop.claim_signals()
            if self._memory is None:
                self._key, self._memory = loop.new_event(self, self.signalnum, LIBEVENT_SIGNAL | PERSIST)
            added = loop.give_to_libevent(self, self._key, self._memory)
        except BaseException:
            self.stop()
            raise
        if not added:
            error = loop.libevent_error("event_add")
            self.stop()
            raise error

    def _end(self) -> None:
        if self.added:
            self._open_loop().take_from_libevent(self, self._key, self._memory)

    def _release(self) -> None:
        self._memory = None

    def _details(self) -> tuple[str, ...]:
        return (f"signalnum={self.signalnum}",)


class ChildWatcher(Watcher):
    """The end of child process *pid*; with *trace* also its stops and continuations.

    Raises TypeError on a loop that is not the default one, as all of gevent's do: SIGCHLD belongs to the process.
    """

    __slots__ = ("_trace", "pid", "rpid", "rstatus")

    EVENT = CHILD

    def __init__(self, loop: "Loop", pid: int, trace: int = 0, ref: bool = True) -> None:
        if not loop.default:
            raise TypeError("child watchers are only available on the default loop")
        if sys.platform != "win32":
            loop.install_sigchld()
        super().__init__(loop, ref)
        self.pid = pid
        self.rpid: int | None = None
        """The pid that was found."""
        self.rstatus = 0
        """Its status, as `os.waitpid` gives it."""
        self._trace = trace

    def takes(self, pid: int, status: int) -> bool:
        """*pid* has changed; whether that is what is waited for."""
        if sys.platform != "win32" and (self._trace or os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            self.rpid, self.rstatus = pid, status
            return True
        return False

    @property
    def flags(self) -> int:
        """What `waitpid` is to look for."""
        if sys.platform == "win32":
            return 0  # gevent has no child watchers there
        return os.WNOHANG | ((os.WUNTRACED | os.WCONTINUED) if self._trace else 0)

    def _begin(self) -> None:
        loop = self._open_loop()
        loop.children[self] = None
        loop.look_for_children()

    def _end(self) -> None:
        self._open_loop().children.pop(self, None)

    def _details(self) -> tuple[str, ...]:
        return (f"pid={self.pid}", f"rstatus={self.rstatus}")


def changed_children(watchers: Iterable[ChildWatcher]) -> tuple[list[ChildWatcher], bool]:
    """Those of *watchers* whose children have changed, and whether there may be more to find.

    The watched ones first, each by its own pid; then one of whatever there is, if somebody waits for any: a
    watcher has room for one at a time.
    """
    by_pid: dict[int, list[ChildWatcher]] = {}
    for watcher in watchers:
        by_pid.setdefault(watcher.pid, []).append(watcher)
    for_any = by_pid.pop(0, [])
    notified: list[ChildWatcher] = []
    any_notified = not for_any
    for pid, of_pid in (*by_pid.items(), (-1, for_any)):
        if pid == -1 and any_notified:
            continue
        changed = _waitpid(pid, of_pid)
        if changed is not None:
            notified += [watcher for watcher in of_pid if watcher.takes(*changed)]
            if not any_notified and pid != -1:
                notified += [watcher for watcher in for_any if watcher.takes(*changed)]
            any_notified = True
    return notified, bool(for_any and notified)


def _waitpid(pid: int, watchers: Iterable[ChildWatcher]) -> tuple[int, int] | None:
    if sys.platform == "win32":
        return None
    import posix  # not os: gevent's patch puts a waitpid there that waits for these watchers

    flags = 0
    for watcher in watchers:
        flags |= watcher.flags
    try:
        changed = posix.waitpid(pid, flags)
    except ChildProcessError:  # none, or somebody else was quicker
        return None
    return changed if changed[0] else None


class StatWatcher(Watcher):
    """Changes of the file at *path*, looked for every *interval* seconds; 0 or less is a default."""

    __slots__ = ("_paths", "_timer", "attr", "interval", "path", "prev")

    EVENT = STAT

    def __init__(
        self,
        loop: "Loop",
        path: str | bytes | os.PathLike[str],
        interval: float = 0.0,
        ref: bool = True,
        priority: int | None = None,
    ) -> None:
        super().__init__(loop, ref, priority)
        self.path = path
        self._paths = os.fsencode(path)
        self.interval = interval
        """Seconds between two looks, once it is started."""
        self._timer: TimerWatcher | None = None
        self.attr: os.stat_result | None = None
        """The file as it was last seen; None where there was none."""
        self.prev: os.stat_result | None = None
        """The file as it was before that."""

    def _begin(self) -> None:
        loop = self._open_loop()
        if self.interval <= 0:
            self.interval = DEFAULT_STAT_INTERVAL_S
        self.interval = max(self.interval, MIN_STAT_INTERVAL_S)
        self.attr = self.prev = self._look()
        # Not referenced: this watcher is, if it is to be.
        self._timer = loop.timer(self.interval, self.interval, ref=False)
        self._timer.start(self._compare)

    def _end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()

    def _compare(self) -> None:
        state = self._look()
        if _identity(state) != _identity(self.attr):
            self.prev, self.attr = self.attr, state
            self._open_loop().queue(self, STAT)

    def _look(self) -> os.stat_result | None:
        try:
            return os.stat(self._paths)  # noqa: PTH116  (bytes, which pathlib does not take)
        except OSError:
            return None

    def _details(self) -> tuple[str, ...]:
        return (f"path={self.path!r}",)


def _identity(state: os.stat_result | None) -> tuple[float, ...] | None:
    """All that tells two states of a file apart, the time of access left out."""
    if state is None:
        return None
    return (*state[: stat.ST_SIZE + 1], state.st_mtime_ns, state.st_ctime_ns)
