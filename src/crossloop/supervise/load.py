"""The typed client of a load process: what it is told, by the structs of `crossloop.load.commands`, and its answers."""

from typing import Self

import msgspec

from crossloop.load.commands import Close, Command, Engine, Open, Pin, Slice
from crossloop.outcomes import Failed
from crossloop.supervise.answers import (
    Closed,
    Connected,
    EngineTaken,
    Kind,
    LoadFaultError,
    Pinned,
    SliceAnswer,
)
from crossloop.supervise.child import Child, ChildError

LOAD = "load generator"
"""How it is called where it is to blame."""
ANSWER_LIMIT_S = 30.0
"""For what takes no time of its own: starting, pinning, closing, the engine."""
SLICE_LIMIT_S = 40.0


class LoadClient:
    """One load process; a context manager that leaves nothing of it behind.

    Each question raises LoadFaultError where the load reports an error of its own or of the server, after which it
    takes the next; and ChildError where the load itself is lost, after which every question raises it.
    """

    def __init__(self, engine: str = "", cpu: int | None = None, limit_s: float = SLICE_LIMIT_S):
        """Start it, on *cpu* where that is given. Raises ChildError, also where it cannot be pinned.

        *engine* is `native`, `python`, or empty for the best there is; *limit_s* is the longest a slice may take.
        """
        self._limit_s = limit_s
        self._child = Child(["-m", "crossloop.load.server", *([engine] if engine else [])], name=LOAD)
        self.pid = self._child.pid
        try:
            if cpu is not None:
                self._ask(Pin(cpu), Pinned, ANSWER_LIMIT_S)
        except LoadFaultError as error:
            self.end()
            raise ChildError(Failed(str(error))) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def engine(self) -> EngineTaken:
        """Which engine carries the load, and why it is not the native one."""
        return self._ask(Engine(), EngineTaken, ANSWER_LIMIT_S)

    def open(self, command: Open, beside: Child | None = None) -> Connected | SliceAnswer:
        """Connect; the figures of that where it is `proven`.

        *beside* is the server's process, which connections may take beyond its limits: raises BesideError then.
        """
        limit_s = max(self._limit_s, command.timeout_s + ANSWER_LIMIT_S)
        kind: type[Connected] | type[SliceAnswer] = SliceAnswer if command.proven else Connected
        return self._ask(command, kind, limit_s, beside)

    def slice(self, command: Slice) -> SliceAnswer:
        """One measured stretch."""
        return self._ask(command, SliceAnswer, self._limit_s)

    def close(self, target: str, *, reset: bool = False) -> None:
        """Close the connections of a target, which may have none."""
        self._ask(Close(target, reset), Closed, ANSWER_LIMIT_S)

    def end(self) -> None:
        """End the process. Idempotent."""
        self._child.end()

    def _ask(self, command: Command, kind: type[Kind], limit_s: float, beside: Child | None = None) -> Kind:
        return self._child.ask(msgspec.to_builtins(command), kind, limit_s, beside)
