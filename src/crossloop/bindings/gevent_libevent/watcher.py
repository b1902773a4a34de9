"""What all watchers have in common: the life between `start` and `stop`, as gevent's hub expects it.

A watcher is *active* from `start` to `stop`, and while it is, the loop keeps it alive: programs write
`loop.timer(1).start(f)` and let go of it. It is *pending* from the moment at which its event was seen
until its callback runs. `stop` ends both: a callback that stops another watcher of the same turn is
not followed by that one's callback.

`ref` says whether the loop's `run` waits for it. The loop counts the active watchers with `ref`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

MIN_PRIORITY = -2
MAX_PRIORITY = 2
"""As libev has them, whose numbers gevent's code and programs use."""


class Watcher:
    """One event of *loop*; not started yet. Subclasses tell how it is awaited."""

    # What the loop reads for each event is plain: a property is a call.
    __slots__ = ("__weakref__", "_args", "_callback", "_ref", "active", "loop", "rank", "revents")

    EVENT = 0
    """What `revents` holds when it is pending, unless the subclass knows more."""

    def __init__(self, loop: "Loop", ref: bool = True, priority: int | None = None) -> None:
        self.loop: Loop | None = loop
        self.revents = 0
        """The events seen; 0 when it is not pending. Set by the loop and its subclasses alone."""
        self.active = False
        """Whether it is started and not stopped. Set by its own methods alone."""
        self._callback: Callable[..., object] | None = None
        self._args: tuple[Any, ...] | None = None
        self._ref = bool(ref)
        self.rank = _rank(0 if priority is None else priority)
        """The place of its queue in the loop: its priority, counted from 0."""

    # For gevent and programs

    def start(self, callback: Callable[..., object], *args: Any) -> None:
        """Have `callback(*args)` called in the hub whenever the event happens; replaces an earlier callback.

        Raises TypeError for what cannot be called, ValueError once the loop is destroyed.
        """
        self._set(callback, args)
        if not self.active:
            self._activate()
            self._begin()

    def stop(self) -> None:
        """Await nothing any more, and do not call; harmless when stopped already."""
        if self.active:
            self._deactivate()
            self._end()
        self.revents = 0
        self._callback = self._args = None

    def close(self) -> None:
        """Stop, and let go of what belongs to the C library. The watcher cannot be started again."""
        self.stop()
        self._release()
        self.loop = None

    def feed(self, revents: int, callback: Callable[..., object], *args: Any) -> None:
        """Have `callback(*args)` called in the next turn as if *revents* had happened."""
        self._set(callback, args)
        if not self.active:
            self._activate()
        self._open_loop().queue(self, revents)

    @property
    def pending(self) -> bool:
        return bool(self.revents)

    @property
    def callback(self) -> Callable[..., object] | None:
        return self._callback

    @callback.setter
    def callback(self, callback: Callable[..., object] | None) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"expected a callable or None, not {callback!r}")
        self._callback = callback

    @property
    def args(self) -> tuple[Any, ...] | None:
        return self._args

    @args.setter
    def args(self, args: tuple[Any, ...] | None) -> None:
        if args is not None and not isinstance(args, tuple):
            raise TypeError(f"expected a tuple or None, not {args!r}")
        self._args = args

    @property
    def ref(self) -> bool:
        return self._ref

    @ref.setter
    def ref(self, value: bool) -> None:
        value = bool(value)
        if value != self._ref:
            self._ref = value
            if self.active and self.loop is not None:
                self.loop.references += 1 if value else -1

    @property
    def priority(self) -> int:
        return self.rank + MIN_PRIORITY

    @priority.setter
    def priority(self, value: int) -> None:
        self._refuse_while_active("priority")
        self._release()
        self.rank = _rank(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.loop is None else "active" if self.active else "stopped"
        parts = [type(self).__name__, f"at {id(self):#x}", state, *self._details()]
        if self.revents:
            parts.append("pending")
        if not self._ref:
            parts.append("ref=False")
        if self._callback is not None:
            parts.append(f"callback={_name_of(self._callback, self)}")
        return f"<{' '.join(parts)}>"

    # For the loop

    def run(self) -> None:
        """Call back, once; the loop does it for what is pending. Raises what the callback raises."""
        self.revents = 0
        if self._callback is not None:
            self._callback(*(self._args or ()))

    # For subclasses

    def _begin(self) -> None:
        """Start waiting for the event."""

    def _end(self) -> None:
        """Stop waiting for the event."""

    def _release(self) -> None:
        """Let go of what the C library knows of it; it is not active."""

    def _details(self) -> tuple[str, ...]:
        """What `repr` says of this kind."""
        return ()

    def _set(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not callable(callback):
            raise TypeError(f"expected a callable, not {callback!r}")
        if self.loop is None or self.loop.destroyed:
            raise ValueError("operation on a closed watcher or a destroyed loop")
        self._callback = callback
        self._args = args

    def _activate(self) -> None:
        self.active = True
        if self._ref:
            self._open_loop().references += 1

    def _deactivate(self) -> None:
        self.active = False
        if self._ref:
            self._open_loop().references -= 1

    def _open_loop(self) -> "Loop":
        if self.loop is None:
            raise ValueError("operation on a closed watcher")
        return self.loop

    def _refuse_while_active(self, what: str) -> None:
        if self.active:
            raise ValueError(f"{what} cannot be changed while the watcher is active")


def _rank(priority: int) -> int:
    return max(MIN_PRIORITY, min(MAX_PRIORITY, priority)) - MIN_PRIORITY


def _name_of(callback: Callable[..., object], watcher: Watcher) -> str:
    """*callback* for `repr`, without going round in a circle for a method of the watcher itself."""
    if getattr(callback, "__self__", None) is watcher:
        return f"its own {getattr(callback, '__name__', 'method')}"
    return repr(callback)
