"""Watchers of the loop's own turns, and of other threads: no event of libevent's stands behind them.

libevent knows descriptors, times and signals. libev has more kinds, and gevent uses them:

- *prepare* and *check* run before and after each wait. A socket that is closed while somebody waits for it is
  closed by a check watcher, hence before any event that was seen or fed.
- *idle* runs in a turn that found nothing else to run; the loop does not sleep while one is started.
- *fork* runs in a child process, in the first turn after the fork.
- *async* runs after a `send`, from any thread or signal handler; sends may fall together.
"""

from typing import TYPE_CHECKING

from crossloop.bindings.gevent_libevent.watcher import Watcher

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

# libev's numbers.
TURNS = {"idle": 0x2000, "prepare": 0x4000, "check": 0x8000, "fork": 0x20000}
ASYNC = 0x80000


class TurnWatcher(Watcher):
    """A watcher that the loop finds in one of its own sets, by the name *kind* of `TURNS`."""

    __slots__ = ("EVENT", "kind")

    def __init__(self, loop: "Loop", kind: str, ref: bool = True, priority: int | None = None) -> None:
        super().__init__(loop, ref, priority)
        self.kind = kind
        self.EVENT = TURNS[kind]

    def _begin(self) -> None:
        self._open_loop().turns[self.kind][self] = None

    def _end(self) -> None:
        self._open_loop().turns[self.kind].pop(self, None)

    def _details(self) -> tuple[str, ...]:
        return (self.kind,)


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
        if self.active and self.loop is not None:
            self.loop.queue(self, ASYNC)
