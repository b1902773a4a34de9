"""Rooms: the live processes of one stage and generation, and how one slice is taken in them.

Kinds with one face: `ServedRoom` (servers in workers, the load from a process beside them), `LadderRoom` (the
same, with a fresh server for each visit) and `WorkRoom` (workers that drive themselves). Outside its slice
every worker is stopped, so that one that spins or ticks disturbs nobody.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from crossloop.bench.plan import Comparison, Row, Stage
from crossloop.bench.variants import request_of
from crossloop.journal import SliceRecord
from crossloop.journal.naming import adapter_of, is_variant
from crossloop.load.errors import PortsError
from crossloop.outcomes import (
    Failed,
    Outcome,
    OverLimit,
    TimedOut,
    Unsupported,
    outcome_beside,
    outcome_reason,
    outcome_stderr,
)
from crossloop.references import REFERENCES
from crossloop.suite import Suite
from crossloop.supervise.answers import (
    Closed,
    Connected,
    EngineTaken,
    Kind,
    LoadFault,
    LoadFaultError,
    Pinned,
    Ready,
    Serving,
    SliceAnswer,
)
from crossloop.supervise.child import (
    MEMORY_BYTES,
    BesideError,
    Child,
    ChildError,
    suite_paths,
    worker,
)
from crossloop.supervise.probe import exchanges_of
from crossloop.supervise.references import reference_server

READY_LIMIT_S = 30.0
SLICE_LIMIT_S = 40.0
"""Longest a slice may take, unless `--limit` says otherwise; a worker that needs longer hangs."""
LOAD = "load generator"
COMPANION = "companion"
FIRST_CONNECTIONS = 8
"""Connections that a server of a ladder has had before it is measured."""


@dataclass(frozen=True)
class Conditions:
    """CPUs of the measured processes and of the load (None: no pinning), and what a worker may take."""

    server_cpu: int | None
    load_cpu: int | None
    limit_s: float = SLICE_LIMIT_S
    limit_bytes: int = MEMORY_BYTES
    engine: str = ""
    """Of the load generator: `native`, `python`, or empty for the best there is."""


@dataclass(frozen=True)
class Taken:
    """One slice of a visit: its phase, as a slice record names it, and what was measured."""

    phase: str
    figures: SliceAnswer

    def record(self, row: Row, comparison: Comparison, generation: int, turn: int) -> SliceRecord:
        """What a journal keeps of it; *turn* is the round."""
        figures = self.figures
        return SliceRecord(
            adapter=row.adapter,
            style=row.style,
            scenario=comparison.scenario.id,
            parameters=dict(comparison.parameters),
            phase=self.phase,
            generation=generation,
            round=turn,
            operations=figures.operations,
            elapsed_ns=figures.elapsed_ns,
            cpu_ns=figures.cpu_ns,
            load_cpu_ns=figures.load_cpu_ns,
            sleeps=figures.sleeps,
            steal_ns=figures.steal_ns,
            offered_per_s=figures.offered_per_s,
            user_ns=figures.user_ns,
            system_ns=figures.system_ns,
            rss_bytes=figures.rss_bytes,
            latency=figures.latency,
            counters=figures.counters,
            run_in_wait_ns=figures.run_in_wait_ns,
        )


class Room(ABC):
    """The processes of one stage in one generation."""

    def __init__(self, suite: Suite, stage: Stage, conditions: Conditions):
        self._suite = suite
        self._stage = stage
        self._conditions = conditions
        self._workers: dict[Row, Child] = {}
        for row in stage.rows:  # a row measured as what it is not would be a wrong figure under a right name
            if is_variant(row.adapter) and row.adapter not in stage.variants:
                raise ValueError(f"{row} names a variant, and the stage does not say what it stands for")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(self, row: Row) -> None:
        """Start the worker of a row and stop it until its first slice. Raises ChildError."""
        self.launch(row).suspend()

    def launch(self, row: Row) -> Child:
        """Start the worker of a row, which then runs. Raises ChildError."""
        child = self._workers[row] = self._child(row)
        try:
            request = request_of(self._request(row), self._stage.variants.get(row.adapter))
            self._ask_ready(row, child, request)
        except ChildError:
            self.drop(row)
            self._look_beside()
            raise
        return child

    def drop(self, row: Row) -> None:
        """End the worker of a row, if it has one."""
        child = self._workers.pop(row, None)
        if child is not None:
            child.end()

    def slices(
        self, row: Row, comparison: Comparison, phases: Sequence[tuple[str, float]], seed: int
    ) -> list[Taken]:
        """Take one slice for each (phase, offered rate).

        Starts the row's worker when it is not there (after a failure on other parameters). When a process
        beside it is lost, they are taken once more with a new one. Raises ChildError; the row's worker is gone
        then, unless it only cannot do what *comparison* asks for.
        """
        try:
            return self._visit(row, comparison, phases, seed)
        except ChildError as error:
            if not outcome_beside(error.outcome):
                raise
        try:
            return self._visit(row, comparison, phases, seed)
        except ChildError:
            self.drop(row)
            raise

    def _visit(
        self, row: Row, comparison: Comparison, phases: Sequence[tuple[str, float]], seed: int
    ) -> list[Taken]:
        if row not in self._workers:
            self.start(row)
        beyond = self._beyond(row, comparison)
        if beyond is not None:
            raise ChildError(beyond)
        child = self._workers[row]
        child.resume()
        try:
            answers = self._take(row, child, comparison, phases, seed)
        except ChildError as error:
            if not outcome_beside(error.outcome):
                self.drop(row)
                self._look_beside()
            raise
        child.suspend()
        return answers

    def _child(self, row: Row) -> Child:
        """The process of a row, not yet asked for anything. Raises ChildError."""
        return worker(adapter_of(row.adapter), limit_bytes=self._conditions.limit_bytes)

    @abstractmethod
    def _request(self, row: Row) -> dict[str, Any]: ...

    @abstractmethod
    def _ask_ready(self, row: Row, child: Child, request: Mapping[str, Any]) -> None:
        """Have a worker get ready, and note what it says then. Raises ChildError."""

    def _look_beside(self) -> None:  # noqa: B027  (a hook, not a duty)
        """A row has failed: raise ChildError when a process beside it is gone, for then that has."""

    def _beyond(self, row: Row, comparison: Comparison) -> Outcome | None:
        """Why a worker that is ready cannot do what *comparison* asks for, as far as it has said."""
        return None

    @abstractmethod
    def _take(
        self,
        row: Row,
        child: Child,
        comparison: Comparison,
        phases: Sequence[tuple[str, float]],
        seed: int,
    ) -> list[Taken]: ...

    def close(self) -> None:
        """End every process of the room."""
        for row in list(self._workers):
            self.drop(row)

    def _module_of(self, row: Row) -> str:
        return self._suite.adapters[adapter_of(row.adapter)].module

    def _paths(self) -> list[str]:
        return suite_paths(self._suite.paths)


class WorkRoom(Room):
    """Workers that drive themselves, and the companion that they talk to, if the scenario has one."""

    def __init__(self, suite: Suite, stage: Stage, conditions: Conditions):
        super().__init__(suite, stage, conditions)
        self._companion: Child | None = None
        self._server: tuple[str, int] | None = None
        self._see_to_companion()

    def _see_to_companion(self) -> None:
        """Start the companion where there is one to be and none is. Raises ChildError."""
        if not self._stage.scenario.about.companion or self._companion is not None:
            return
        request = {
            "do": "companion",
            "scenario": self._stage.scenario.module,
            "paths": self._paths(),
            "cpu": self._conditions.load_cpu,
        }
        name = f"{self._stage.scenario.id}-companion"
        self._companion, answer = started_beside(COMPANION, lambda: worker(name), request, Serving)
        self._server = (answer.host, answer.port)

    def _look_beside(self) -> None:
        if self._companion is None:
            return
        try:
            self._companion.check(0.0)
        except ChildError as error:
            self._companion = None
            for row in list(self._workers):  # each knows the address of the one that is gone
                self.drop(row)
            raise lost(COMPANION, error.outcome) from error

    def _request(self, row: Row) -> dict[str, Any]:
        self._see_to_companion()
        return {
            "do": "work",
            "module": self._module_of(row),
            "scenario": self._stage.scenario.module,
            "style": row.style,
            "paths": self._paths(),
            "cpu": self._conditions.server_cpu,
            "server": self._server,
        }

    def _ask_ready(self, row: Row, child: Child, request: Mapping[str, Any]) -> None:
        child.ask(request, Ready, READY_LIMIT_S)

    def _take(
        self,
        row: Row,
        child: Child,
        comparison: Comparison,
        phases: Sequence[tuple[str, float]],
        seed: int,
    ) -> list[Taken]:
        answers = []
        for phase, _rate in phases:
            order = {
                "do": "slice",
                "parameters": comparison.parameters,
                "run_in_ms": self._stage.pace.run_in_ms,
                "duration_ms": self._stage.pace.slice_ms,
            }
            answer = child.ask(order, SliceAnswer, self._conditions.limit_s)
            answers.append(Taken(phase, msgspec.structs.replace(answer, rss_bytes=child.rss_bytes())))
        return answers

    def close(self) -> None:
        super().close()
        if self._companion is not None:
            self._companion.end()


class ServedRoom(Room):
    """Servers in workers or in C, and the load generator in a process of its own on the other CPU."""

    def __init__(self, suite: Suite, stage: Stage, conditions: Conditions):
        super().__init__(suite, stage, conditions)
        self._addresses: dict[Row, tuple[str, int]] = {}
        self._bounds: dict[Row, tuple[int, str]] = {}
        self._references = {row for one in stage.comparisons for row in one.references}
        sets = [one.parameters for one in stage.comparisons]
        exchanges = exchanges_of(suite, stage.scenario, sets)
        self._exchanges = {
            one.key: exchange for one, exchange in zip(stage.comparisons, exchanges, strict=True)
        }
        self._load: Child | None = self._start_load()

    def _start_load(self) -> Child:
        """A load generator, pinned. Raises ChildError."""
        engine, cpu = self._conditions.engine, self._conditions.load_cpu
        command = ["-m", "crossloop.load.server", *([engine] if engine else [])]
        if cpu is None:
            return started_beside(LOAD, lambda: Child(command, name=LOAD), {"do": "engine"}, EngineTaken)[0]
        return started_beside(LOAD, lambda: Child(command, name=LOAD), {"do": "pin", "cpu": cpu}, Pinned)[0]

    def _child(self, row: Row) -> Child:
        if row not in self._references:
            return super()._child(row)
        return reference_server(
            REFERENCES[row.adapter], self._conditions.server_cpu, self._conditions.limit_bytes
        )

    def _request(self, row: Row) -> dict[str, Any]:
        if row in self._references:
            return {}  # its command line said it all
        return {
            "do": "serve",
            "module": self._module_of(row),
            "scenario": self._stage.scenario.module,
            "style": row.style,
            "paths": self._paths(),
            "cpu": self._conditions.server_cpu,
            "parameters": self._stage.comparisons[0].parameters,
        }

    def _ask_ready(self, row: Row, child: Child, request: Mapping[str, Any]) -> None:
        answer = child.ask(request, Serving, READY_LIMIT_S)
        self._addresses[row] = (answer.host, answer.port)
        if answer.most_connections is not None:
            self._bounds[row] = answer.most_connections

    def _beyond(self, row: Row, comparison: Comparison) -> Outcome | None:
        return beyond_bound(int(comparison.parameters["connections"]), self._bounds.get(row))

    def _take(
        self,
        row: Row,
        child: Child,
        comparison: Comparison,
        phases: Sequence[tuple[str, float]],
        seed: int,
    ) -> list[Taken]:
        # Connections live for one visit: what another set of parameters watches would be in the way of
        # this one's, most of all for select and poll, whose cost grows with the number watched.
        self._ask_load(child, self._opening(row, child, comparison), Connected)
        answers = []
        for number, (phase, rate) in enumerate(phases):
            order = {
                "do": "slice",
                "target": str(row),
                "phase": "rate" if rate else "capacity",
                "rate": rate,
                "run_in_ms": self._stage.pace.run_in_ms,
                "duration_ms": self._stage.pace.slice_ms,
                "seed": seed + number,
            }
            answers.append(Taken(phase, self._ask_load(child, order, SliceAnswer)))
        self._ask_load(child, {"do": "close", "target": str(row)}, Closed)
        return answers

    def _opening(self, row: Row, child: Child, comparison: Comparison, **more: Any) -> dict[str, Any]:
        host, port = self._addresses[row]
        return {
            "do": "open",
            "target": str(row),
            "address": {"transport": comparison.scenario.about.transport, "host": host, "port": port},
            "connections": comparison.parameters["connections"],
            "exchange": msgspec.to_builtins(self._exchanges[comparison.key]),
            "drive": comparison.scenario.about.drive,
            "pid": child.pid,
            **more,
        }

    def _ask_load(self, server: Child, order: Mapping[str, Any], kind: type[Kind]) -> Kind:
        """Ask the load process, a new one when the last was lost. Raises ChildError with what the culprit did."""
        self._load = self._load or self._start_load()
        try:
            # Only while connections are made can a server outgrow its limit; a slice is left in peace.
            beside = server if order["do"] == "open" else None
            limit_s = max(self._conditions.limit_s, order.get("timeout_s", 0.0) + READY_LIMIT_S)
            return self._load.ask(order, kind, limit_s, beside)
        except LoadFaultError as error:
            fault = error.fault
        except BesideError:
            self._load = None
            raise
        except ChildError as error:
            self._load = None
            server.check()
            raise lost(LOAD, error.outcome) from error
        self._forget(order["target"])
        server.check()
        raise ChildError(self._blame(server, fault))

    def _forget(self, target: str, *, reset: bool = False) -> None:
        """Have the load drop its connections to *target*; a load that is lost has none."""
        if self._load is not None:
            try:
                self._load.ask({"do": "close", "target": target, "reset": reset}, Closed, READY_LIMIT_S)
            except ChildError:
                self._load = None

    def _blame(self, server: Child, fault: LoadFault) -> Outcome:
        if fault.kind == "limit":
            return TimedOut(fault.error, self._conditions.limit_s, server.tail())
        if fault.kind == PortsError.kind:
            return OverLimit(fault.error)
        return Failed(fault.error, server.tail())

    def close(self) -> None:
        super().close()
        if self._load is not None:
            self._load.end()


def started_beside(
    process: str, start: Callable[[], Child], request: Mapping[str, Any], kind: type[Kind]
) -> tuple[Child, Kind]:
    """A child that works beside the measured ones, and its answer to *request*; tried twice. Raises ChildError."""
    try:
        return _answering(start(), request, kind)
    except ChildError:
        pass  # whatever ended the first may be over
    try:
        return _answering(start(), request, kind)
    except ChildError as error:
        raise lost(process, error.outcome, "does not start, ") from error


def _answering(child: Child, request: Mapping[str, Any], kind: type[Kind]) -> tuple[Child, Kind]:
    try:
        return child, child.ask(request, kind, READY_LIMIT_S)
    except LoadFaultError as error:
        child.end()
        raise ChildError(Failed(str(error))) from error


def lost(process: str, outcome: Outcome, does: str = "") -> ChildError:
    """What is to be raised when *process*, beside the measured one, was lost: not a word on the measured one."""
    reason = f"the {process} {does}{outcome_reason(outcome)}; nothing is known of this row"
    return ChildError(Failed(reason, outcome_stderr(outcome), process))


def beyond_bound(connections: int, bound: tuple[int, str] | None) -> Outcome | None:
    """`Unsupported`, with the reason, when an adapter holds fewer than *connections* (`most_connections`)."""
    if bound is None or connections <= bound[0]:
        return None
    return Unsupported(f"{connections} connections are more than the {bound[0]} it can hold: {bound[1]}")


class LadderRoom(ServedRoom):
    """A served room in which each visit has a server of its own, on as many connections as the rung has.

    Fresh processes, because memory per connection is a difference: what a rung before has left in the heap
    would be taken for free. A few connections come and go first, so that what a server allocates only once is
    there before the difference begins.
    """

    def _visit(
        self, row: Row, comparison: Comparison, phases: Sequence[tuple[str, float]], seed: int
    ) -> list[Taken]:
        """Takes an answer of phase `connect` before the others; the worker is gone after it."""
        try:
            return super()._visit(row, comparison, phases, seed)
        finally:
            self.drop(row)

    def _take(
        self,
        row: Row,
        child: Child,
        comparison: Comparison,
        phases: Sequence[tuple[str, float]],
        seed: int,
    ) -> list[Taken]:
        self._connect(row, child, comparison, FIRST_CONNECTIONS)
        answers = [
            Taken("connect", self._connect(row, child, comparison, comparison.parameters["connections"]))
        ]
        for number, (phase, rate) in enumerate(phases):
            order = {
                "do": "slice",
                "target": str(row),
                "phase": "rate",
                "rate": rate,
                "choice": "random",
                "run_in_ms": self._stage.pace.run_in_ms,
                "duration_ms": self._stage.pace.slice_ms,
                "seed": seed + number,
            }
            answers.append(Taken(phase, self._ask_load(child, order, SliceAnswer)))
        self._ask_load(child, {"do": "close", "target": str(row), "reset": True}, Closed)
        return answers

    def _connect(self, row: Row, child: Child, comparison: Comparison, connections: int) -> SliceAnswer:
        """Connect, in place of what was connected before; each connection is answered once."""
        self._ask_load(child, {"do": "close", "target": str(row), "reset": True}, Closed)
        more = {"timeout_s": self._stage.pace.connect_s, "proven": True, "connections": connections}
        return self._ask_load(child, self._opening(row, child, comparison, **more), SliceAnswer)


def open_room(suite: Suite, stage: Stage, conditions: Conditions) -> Room:
    """The room that a stage needs. Raises ChildError when its companion or load cannot be started."""
    if stage.climbs:
        return LadderRoom(suite, stage, conditions)
    served = "StreamServer" in stage.scenario.about.levels
    return (ServedRoom if served else WorkRoom)(suite, stage, conditions)
