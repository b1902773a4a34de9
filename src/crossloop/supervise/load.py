"""The typed client of a load process: what it is told, by the structs of `crossloop.load.commands`, and its answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import msgspec

from crossloop.load.commands import Clock, Close, Command, Engine, Open, Pin, Slice, Trust
from crossloop.outcomes import Failed
from crossloop.supervise.answers import (
    ClockRead,
    Closed,
    Connected,
    EngineTaken,
    Kind,
    LoadFaultError,
    Pinned,
    SliceAnswer,
    Trusted,
)
from crossloop.supervise.child import Child, ChildError
from crossloop.supervise.hosts import LoadHost, load_command

LOAD = "load generator"
"""How it is called where it is to blame."""
ANSWER_LIMIT_S = 30.0
"""For what takes no time of its own: starting, pinning, the engine."""
CLOSE_LIMIT_S = 300.0
"""1,000,000 connections take 14 s on a machine that does nothing else."""
SLICE_LIMIT_S = 40.0
CLOCK_READS = 5
"""The quickest of so many round trips says how far two clocks are apart."""


class LoadGenerator(Protocol):
    """What connects to a server and drives it: one load process, or several that do it together.

    Each question raises LoadFaultError where the load reports an error of its own or of the server, after which it
    takes the next; and ChildError where the load itself is lost, after which every question raises it.
    """

    def engine(self) -> EngineTaken:
        """Which engine carries the load, and why it is not the native one."""

    def open(self, command: Open, beside: Sequence[Child] = ()) -> Connected | SliceAnswer:
        """Connect; the figures of that where it is `proven`.

        *beside* are the server's processes, which connections may take beyond their limits: raises BesideError then.
        """

    def slice(self, command: Slice) -> SliceAnswer:
        """One measured stretch."""

    def close(self, target: str, *, reset: bool = False) -> None:
        """Close the connections of a target, which may have none."""

    def end(self) -> None:
        """End every process of it. Idempotent."""


@dataclass(frozen=True)
class ClockOffset:
    """How a load's clock stands to this process's (perf_counter_ns)."""

    ahead_ns: int
    error_ns: int
    """Half of the round trip that it was read in: it lies within ± this."""


class LoadClient:
    """One load process, here or on another host; a context manager that leaves nothing of it behind here.

    A `LoadGenerator`.
    """

    def __init__(
        self,
        engine: str = "",
        cpu: int | None = None,
        limit_s: float = SLICE_LIMIT_S,
        host: LoadHost | None = None,
        ssh_config: str = "",
    ):
        """Start it, on *cpu* where that is given. Raises ChildError, also where it cannot be pinned.

        *engine* is `native`, `python`, or empty for the best there is; *limit_s* is the longest a slice may take.
        """
        self._limit_s = limit_s
        self.name = LOAD if host is None else f"{LOAD} on {host.name}"
        program, arguments = load_command(host, engine, ssh_config)
        self._child = Child(arguments, name=self.name, program=program)
        self.pid = self._child.pid
        try:
            if cpu is not None:
                self.pin(cpu)
        except LoadFaultError as error:
            self.end()
            raise ChildError(Failed(str(error))) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def engine(self) -> EngineTaken:
        """As `LoadGenerator` says."""
        return self._ask(Engine(), EngineTaken, ANSWER_LIMIT_S)

    def pin(self, cpu: int) -> None:
        """Keep it on one CPU of its host."""
        self._ask(Pin(cpu), Pinned, ANSWER_LIMIT_S)

    def trust(self, ca: str) -> str:
        """Give it the certificate in the file *ca* of this machine; returns the file that it keeps it in."""
        return self._ask(Trust(Path(ca).read_text("ascii")), Trusted, ANSWER_LIMIT_S).ca

    def clock(self) -> ClockOffset:
        """How its clock stands to ours."""
        offsets = []
        for _read in range(CLOCK_READS):
            before = time.perf_counter_ns()
            theirs = self._ask(Clock(), ClockRead, ANSWER_LIMIT_S).now_ns
            after = time.perf_counter_ns()
            offsets.append(ClockOffset(theirs - (before + after) // 2, (after - before + 1) // 2))
        return min(offsets, key=lambda offset: offset.error_ns)

    def open(self, command: Open, beside: Sequence[Child] = ()) -> Connected | SliceAnswer:
        """As `LoadGenerator` says."""
        self.send(command)
        return self.opened(command, beside)

    def opened(self, command: Open, beside: Sequence[Child] = ()) -> Connected | SliceAnswer:
        """The answer to an `Open` that was sent."""
        limit_s = max(self._limit_s, command.timeout_s + ANSWER_LIMIT_S)
        kind: type[Connected] | type[SliceAnswer] = SliceAnswer if command.proven else Connected
        return self._child.receive(kind, limit_s, beside)

    def slice(self, command: Slice) -> SliceAnswer:
        """As `LoadGenerator` says."""
        self.send(command)
        return self.sliced()

    def sliced(self) -> SliceAnswer:
        """The answer to a `Slice` that was sent."""
        return self._child.receive(SliceAnswer, self._limit_s)

    def close(self, target: str, *, reset: bool = False) -> None:
        """As `LoadGenerator` says."""
        self._ask(Close(target, reset), Closed, CLOSE_LIMIT_S)

    def send(self, command: Command) -> None:
        """Send a command without waiting for its answer, which is to be taken before the next question."""
        self._child.send(msgspec.to_builtins(command))

    def end(self) -> None:
        """End the process. Idempotent."""
        self._child.end()

    def _ask(self, command: Command, kind: type[Kind], limit_s: float) -> Kind:
        self.send(command)
        return self._child.receive(kind, limit_s)
