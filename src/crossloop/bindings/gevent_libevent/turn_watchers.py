"""Watchers of the loop's own turns, and of other threads: no event of libevent's stands behind them.

libevent knows descriptors, times and signals. libev has more kinds, and gevent uses them:

- *prepare* and *check* run before and after each wait. A socket that is closed while somebody waits for it is
  closed by a check watcher, hence before any event that was seen or fed.
- *idle* runs in a turn that found nothing else to run.
- *fork* runs in a child process, in the first turn after the fork.
- *async* runs after a `send`, from any thread or signal handler; sends may fall together.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from crossloop.bindings.gevent_libevent.watcher import Watcher

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

# libev's numbers.
IDLE = 0x2000
PREPARE = 0x4000
CHECK = 0x8000
FORK = 0x20000
ASYNC = 0x80000


class TurnWatcher(Watcher):
    """A watcher that the loop finds in one of its own sets, by the name `KIND`."""

    __slots__ = ()

    KIND: ClassVar[str]

    def _begin(self) -> None:
        self._open_loop().turns[self.KIND][self] = None

    def _end(self) -> None:
        self._open_loop().turns[self.KIND].pop(self, None)


class IdleWatcher(TurnWatcher):
    """Runs in each turn that has nothing else to do; the loop does not sleep while one is started."""

    __slots__ = ()
    KIND = "idle"
    EVENT = IDLE


class PrepareWatcher(TurnWatcher):
    """Runs before the loop waits."""

    __slots__ = ()
    KIND = "prepare"
    EVENT = PREPARE


class CheckWatcher(TurnWatcher):
    """Runs after the loop waited, before everything else."""

    __slots__ = ()
    KIND = "check"
    EVENT = CHECK


class ForkWatcher(TurnWatcher):
    """Runs in the child after a fork."""

    __slots__ = ()
    KIND = "fork"
    EVENT = FORK


class AsyncWatcher(Watcher):
    """Runs after `send`, which may be called from anywhere."""

    __slots__ = ("_sent",)

    EVENT = ASYNC

    def __init__(self, loop: "Loop", ref: bool = True, priority: int | None = None) -> None:
        super().__init__(loop, ref, priority)
        self._sent = False

    def send(self) -> None:
        """Have the callback run soon. Raises ValueError once closed."""
        loop = self._open_loop()
        if not self._sent:
            self._sent = True
            loop.wake(self._arrived)

    def send_ignoring_arg(self, _ignored: object) -> None:
        """`send` with the signature of a greenlet's `switch`, for `rawlink`."""
        self.send()

    @property
    def pending(self) -> bool:
        return self._sent or bool(self.revents)

    def _arrived(self) -> None:
        """In the loop's thread."""
        # First: a `send` that comes after this line is a new one, one that came before is answered by it.
        self._sent = False
        if self._active and self.loop is not None:
            self.loop.queue(self, ASYNC)

    def _begin(self) -> None:
        pass

    def _end(self) -> None:
        pass


class Callback:
    """One call in a coming turn, as `loop.run_callback` returns it.

    True as long as it has not been run to its end; `pending` until it begins.
    """

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args: tuple[object, ...] | None = args

    def stop(self) -> None:
        """Do not call it, if that has not begun."""
        self.callback = self.args = None

    close = stop

    @property
    def pending(self) -> bool:
        return self.callback is not None

    def __bool__(self) -> bool:
        return self.args is not None

    def __repr__(self) -> str:
        state = "pending" if self.callback is not None else "running" if self.args is not None else "done"
        return f"<Callback {state} {self.callback!r}>"
