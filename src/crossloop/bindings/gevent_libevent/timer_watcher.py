"""Timers: `loop.timer(after, repeat)`, on libevent's own.

A one-shot timer is stopped before its callback runs, so that the callback can start it again. A repeating
one is added anew each turn, for the time at which it is due next: lateness does not add up, and a turn that
was missed altogether is not made up for (libev's rule).

The loop's clock is not cached: a delay counts from the moment of `start`, also within a callback that took
long. So `update`, by which gevent asks libev to look at the clock first, changes nothing here.
"""

from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from crossloop.bindings.gevent_libevent.watcher import Watcher

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

TIMER = 0x100
"""The event of a timer, by libev's number."""


class TimerWatcher(Watcher):
    """After *after* seconds, and then every *repeat* seconds if that is not 0.

    Raises ValueError for a negative *repeat*. A negative *after* counts as 0.
    """

    __slots__ = ("_after_s", "_due_s", "_key", "_memory", "_repeat_s", "added")

    EVENT = TIMER

    def __init__(
        self,
        loop: "Loop",
        after: float = 0.0,
        repeat: float = 0.0,
        ref: bool = True,
        priority: int | None = None,
    ) -> None:
        if repeat < 0:
            raise ValueError(f"repeat must be positive or zero: {repeat!r}")
        super().__init__(loop, ref, priority)
        self._after_s = after
        self._repeat_s = repeat
        self._due_s = 0.0
        self._key = 0
        self._memory: Any = None
        self.added = False
        """Whether libevent has it; False from the moment at which it fired."""

    @property
    def at(self) -> float:
        """When a repeating timer is due next, by the clock of `time.monotonic`."""
        return self._due_s

    def start(self, callback: Callable[..., object], *args: Any, update: bool | None = None) -> None:
        """As every watcher's; *update* is taken and not needed. Started again, it keeps its due time."""
        del update
        self._set(callback, args)
        if not self.active:
            self._activate()
            self._add(self._after_s)

    def again(self, callback: Callable[..., object], *args: Any, update: bool | None = None) -> None:
        """Start it, or push it back, to be due after *repeat* seconds; without *repeat* it is stopped."""
        del update
        self._set(callback, args)
        self.revents = 0
        if not self._repeat_s:
            self.stop()
            return
        if not self.active:
            self._activate()
        self._add(self._repeat_s)

    def run(self) -> None:
        """Call back; a one-shot timer is stopped by then."""
        callback, args = self._callback, self._args
        self.revents = 0
        if self._repeat_s:
            if not self.added and self.active:
                self._add(max(0.0, self._due_s + self._repeat_s - monotonic()))
        elif self.active:
            self._deactivate()
            self._callback = self._args = None
        if callback is not None:
            callback(*(args or ()))

    def _fire(self, _fd: int, _what: int) -> None:
        self._open_loop().timer_fired(self, self._key)

    def _failed(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        """What C says of an exception, of a signal's handler, that came while it was called."""
        if (base := self._open_loop().base) is not None:
            base.callback_failed(kind, error, traceback)

    def _add(self, delay_s: float) -> None:
        loop = self._open_loop()
        if self._memory is None:
            self._key, self._memory = loop.new_event(self, -1, 0)
        if self._repeat_s:
            self._due_s = monotonic() + delay_s
        loop.give_timer_to_libevent(self, self._key, self._memory, delay_s)

    def _end(self) -> None:
        if self.added:
            self._open_loop().take_from_libevent(self, self._key, self._memory)

    def _release(self) -> None:
        self._memory = None

    def _details(self) -> tuple[str, ...]:
        return (f"after={self._after_s}", *((f"repeat={self._repeat_s}",) if self._repeat_s else ()))
