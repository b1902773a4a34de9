"""The evidence pass: how each row does what it does, after everything that is timed.

Of one comparison only, the first of the first scenario that is served over connections and is no ladder. Each row
gets two fresh servers. The first says how long it takes to be there, and what idle connections hold. The second
is asked from its first message on, until it is warm, how much CPU a message takes; then how often it sleeps; then,
under strace, which system calls it makes. Nothing here is interleaved with other rows, and nothing is compared by
intervals: it explains figures and is none of them. What cannot be had is None, with its reason.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from crossloop.bench.plan import Comparison, Plan, Row, Stage
from crossloop.bench.rooms import FIRST_CONNECTIONS, READY_LIMIT_S, Conditions, ServedRoom
from crossloop.bench.variants import request_of
from crossloop.journal import (
    ConnectionMemory,
    EvidenceRecord,
    FigureName,
    Importing,
    Installed,
    SystemCalls,
    WarmUp,
)
from crossloop.journal.naming import adapter_of
from crossloop.load.target import most_connections
from crossloop.measure import clocks
from crossloop.measure.syscalls import MAX_NAMES, TracingError, traced
from crossloop.outcomes import outcome_reason
from crossloop.statistics import LEAST_STRETCHES, Stretch, steady
from crossloop.suite import Suite
from crossloop.supervise.answers import Closed, Connected, Imported, SliceAnswer
from crossloop.supervise.child import Child, ChildError, suite_paths

ROW_S = 1.8
"""Time that one row takes, for the estimate; measured on two CPUs of a virtual machine."""
IMPORTS = 3
IDLE_CONNECTIONS = 500
CONNECT_LIMIT_S = 15.0
WARM_UP_MS = (5,) * 3 + (10,) * 3 + (20,) * 2 + (40,) * 6
"""Stretches of a fresh process; each takes about 10 ms more for asking and reading clocks."""
WIDEST_BAND = 0.25
"""A level that is known no better says nothing about when it was reached."""
IDLE_SHARE, IDLE_S = 0.25, 0.03
"""A server that uses more of a CPU than this in so many seconds in which nothing is asked of it does not wait, but
looks."""
SLEEPS_MS = 100
TRACED_MS = 200
MOST_TRACED = 256
"""strace attaches to one process after the other; a row with more of them is beyond what it is for."""
MAX_PARTS = 32


class NoFigureError(Exception):
    """A figure cannot be had, for the reason that is said."""


def subject(plan: Plan) -> tuple[Stage, Comparison] | None:
    """The comparison that the pass is made of; None for a plan without one."""
    for stage in plan.stages:
        if "StreamServer" in stage.scenario.about.levels and not stage.climbs:
            return stage, stage.comparisons[0]
    return None


def seconds(plan: Plan) -> float:
    """Estimated time of the pass."""
    found = subject(plan)
    return ROW_S * len(found[1].rows) if found is not None else 0.0


def take_evidence(
    suite: Suite, plan: Plan, conditions: Conditions, rows: Collection[Row], tell: Callable[[str], object]
) -> Iterator[EvidenceRecord]:
    """One record for each of *rows* of the plan's `subject`; no server of a row outlives its record.

    Raises ChildError where no load can be started.
    """
    found = subject(plan)
    wanted = [row for row in found[1].rows if row in rows] if found is not None else []
    if found is None or not wanted:
        return
    stage, comparison = found
    imports: dict[str, _Imported] = {}
    with EvidenceRoom(suite, stage, conditions) as room:
        for row in wanted:
            tell(f"evidence: {row}")
            if row.adapter not in imports:
                imports[row.adapter] = _imported(suite, stage, row.adapter, conditions)
            yield _record(room, row, comparison, imports[row.adapter])


def _record(room: "EvidenceRoom", row: Row, comparison: Comparison, imported: "_Imported") -> EvidenceRecord:
    figures: dict[FigureName, Any] = {}
    missing = dict(imported.missing)
    for names in (("cold-start", "connection-memory"), ("warm-up", "wake-ups", "system-calls")):
        try:
            _take(room, row, comparison, names, figures, missing)
        except ChildError as error:
            reason = outcome_reason(error.outcome)
            missing |= {name: reason for name in names if name not in figures and name not in missing}
        finally:
            room.leave(row)
    return EvidenceRecord(
        adapter=row.adapter,
        style=row.style,
        scenario=comparison.scenario.id,
        parameters=dict(comparison.parameters),
        system_calls=figures.get("system-calls"),
        sleeps_per_operation=figures.get("wake-ups"),
        connection_memory=figures.get("connection-memory"),
        importing=imported.importing,
        cold_start_ms=figures.get("cold-start"),
        installed=imported.installed,
        warm_up=figures.get("warm-up"),
        missing=missing,
    )


def _take(
    room: "EvidenceRoom",
    row: Row,
    comparison: Comparison,
    names: Sequence[FigureName],
    figures: dict[FigureName, Any],
    missing: dict[FigureName, str],
) -> None:
    """Take *names* from one fresh server, in their order. Raises ChildError when it, or the load, is gone."""
    means: Mapping[str, Callable[[Row, Comparison], object]] = {
        "cold-start": room.cold_start_ms,
        "connection-memory": room.connection_memory,
        "warm-up": room.warm_up,
        "wake-ups": room.sleeps_per_operation,
        "system-calls": room.system_calls,
    }
    for name in names:
        try:
            figures[name] = means[name](row, comparison)
        except (NoFigureError, TracingError) as error:
            missing[name] = str(error)


class EvidenceRoom(ServedRoom):
    """One fresh server at a time, which strace may attach to, and the load beside it."""

    def _request(self, row: Row) -> dict[str, Any]:
        return {**super()._request(row), "traced": True}

    def cold_start_ms(self, row: Row, comparison: Comparison) -> float:
        """From starting the server's interpreter until it has answered one message. It is left running."""
        start = time.perf_counter()
        child = self.launch(row)
        self._ask_load(child, self._opening(row, child, comparison, connections=1, proven=True), SliceAnswer)
        return (time.perf_counter() - start) * 1e3

    def connection_memory(self, row: Row, comparison: Comparison) -> ConnectionMemory:
        """What connections hold that were answered once and are idle.

        A few come and go first, so that what is allocated only once is there before the difference begins.
        """
        child = self._workers[row]
        most = [IDLE_CONNECTIONS]
        if row in self._bounds:
            most.append(self._bounds[row][0])
        if (possible := most_connections()) is not None:
            most.append(possible[0])
        for connections in (min(FIRST_CONNECTIONS, *most), min(most)):
            self._ask_load(child, {"do": "close", "target": str(row), "reset": True}, Closed)
            more = {"connections": connections, "proven": True, "timeout_s": CONNECT_LIMIT_S}
            opening = self._opening(row, child, comparison, **more)
            answer = self._ask_load(child, opening, SliceAnswer)
        counters, connections = answer.counters, answer.operations
        kernel = None
        if "kernel_bytes" in counters:
            kernel = (counters["kernel_bytes"] - counters["kernel_before_bytes"]) / connections
        return ConnectionMemory(
            connections=connections,
            rss_bytes_per_connection=((answer.rss_bytes or 0) - counters["rss_before_bytes"]) / connections,
            kernel_bytes_per_connection=kernel,
        )

    def warm_up(self, row: Row, comparison: Comparison) -> WarmUp:
        """CPU per message of a fresh process, from its first message on; its connections stay."""
        child = self.launch(row)
        beyond = self._beyond(row, comparison)
        if beyond is not None:
            raise ChildError(beyond)
        self._ask_load(child, self._opening(row, child, comparison, timeout_s=CONNECT_LIMIT_S), Connected)
        idle = self._idle_share(child)
        # The server sleeps at both readings, so that they are exact: the kernel adds to the CPU clock of a process
        # that runs only at its tick, 4 ms or so, which would be much of such a stretch.
        stretches = []
        for duration_ms in WARM_UP_MS:
            before_ns = _cpu_ns(child)
            answer = self._closed_loop(row, comparison, duration_ms)
            cpu_ns = _cpu_ns(child) - before_ns
            if answer.answered and cpu_ns > 0:  # a coarse clock (Windows: 15.6 ms) may not have moved
                stretches.append(Stretch(answer.answered, cpu_ns, answer.elapsed_ns))
        if idle > IDLE_SHARE:
            raise NoFigureError(
                f"it used {100 * idle:.0f} % of a CPU while nothing was asked of it, so that the CPU it uses while it "
                "is asked says nothing about messages"
            )
        if len(stretches) < LEAST_STRETCHES:
            raise NoFigureError(
                f"in only {len(stretches)} of {len(WARM_UP_MS)} stretches was a message answered and CPU time counted"
            )
        found = steady(stretches)
        if found.band > WIDEST_BAND:
            raise NoFigureError(
                f"its last stretches vary so much that more than ± {100 * WIDEST_BAND:.0f} % would be called steady; "
                "a machine that does nothing else helps"
            )
        return WarmUp(
            first_ns_per_operation=found.first_ns,
            steady_ns_per_operation=found.level_ns,
            band=found.band,
            observed_s=found.observed_s,
            steady_s=found.after_s,
            steady_operations=found.after_operations,
        )

    def sleeps_per_operation(self, row: Row, comparison: Comparison) -> float:
        """Voluntary context switches ÷ messages of the warm server."""
        answer = self._closed_loop(row, comparison, SLEEPS_MS)
        if answer.sleeps is None:
            raise NoFigureError("the platform does not count a process's voluntary context switches")
        if not answer.operations:
            raise NoFigureError(f"no message was answered within {SLEEPS_MS} ms")
        return answer.sleeps / answer.operations

    def system_calls(self, row: Row, comparison: Comparison) -> SystemCalls:
        """Calls by name ÷ messages, of the warm server under strace. Raises TracingError."""
        pids = clocks.tree(self._workers[row].pid)
        if len(pids) > MOST_TRACED:
            raise NoFigureError(f"{len(pids)} processes are more than the {MOST_TRACED} that are traced")
        with traced(pids) as tracing:
            messages = self._closed_loop(row, comparison, TRACED_MS).answered
        most = sorted(tracing.counts.items(), key=lambda item: (-item[1].calls, item[0]))[:MAX_NAMES]
        return SystemCalls(
            operations=messages,
            per_operation={name: count.calls / messages for name, count in most},
            failed_per_operation={name: count.errors / messages for name, count in most if count.errors},
        )

    def leave(self, row: Row) -> None:
        """End the server of *row* and drop its connections."""
        self.drop(row)
        self._forget(str(row), reset=True)

    def _idle_share(self, child: Child) -> float:
        """CPU time ÷ elapsed time of a server that nothing is asked of."""
        before_ns, before = _cpu_ns(child), time.perf_counter()
        time.sleep(IDLE_S)
        return (_cpu_ns(child) - before_ns) / (time.perf_counter() - before) / 1e9

    def _closed_loop(self, row: Row, comparison: Comparison, duration_ms: float) -> SliceAnswer:
        order = {
            "do": "slice",
            "target": str(row),
            "phase": "capacity",
            "run_in_ms": 0,
            "duration_ms": duration_ms,
            "seed": 0,
        }
        return self._ask_load(self._workers[row], order, SliceAnswer)


def _cpu_ns(child: Child) -> int:
    """CPU time of a child's whole tree so far."""
    total = 0
    for pid in clocks.tree(child.pid):
        with contextlib.suppress(ProcessLookupError):
            total += clocks.process_cpu_ns(pid)
    return total


class _Imported(NamedTuple):
    """What is the same for all styles of an adapter."""

    importing: Importing | None
    installed: Installed | None
    missing: Mapping[FigureName, str]


def _imported(suite: Suite, stage: Stage, adapter: str, conditions: Conditions) -> _Imported:
    """Import an adapter in fresh interpreters, one after the other; the first compiles what is not compiled yet."""
    entry = suite.adapters[adapter_of(adapter)]
    paths = request_of({"paths": suite_paths(suite.paths)}, stage.variants.get(adapter))["paths"]
    cpu = "-" if conditions.server_cpu is None else str(conditions.server_cpu)
    answers = []
    try:
        for number in range(IMPORTS):
            size = "size" if number == IMPORTS - 1 else "time"
            arguments = [entry.module, entry.about.library, cpu, size, *paths]
            with Child(["-m", "crossloop.worker.importing", *arguments], name=f"{adapter}-import") as child:
                answers.append(child.receive(Imported, READY_LIMIT_S))
    except ChildError as error:
        reason = outcome_reason(error.outcome)
        return _Imported(None, None, {"importing": reason, "installed": reason})
    importing = Importing(
        imports=len(answers),
        cpu_ms=median(answer.cpu_ns for answer in answers) / 1e6,
        wall_ms=median(answer.wall_ns for answer in answers) / 1e6,
    )
    parts = answers[-1].parts
    if parts is None:
        return _Imported(importing, None, {"installed": answers[-1].why})
    kept = dict(sorted(parts.items())[:MAX_PARTS])
    return _Imported(importing, Installed(sum(parts.values()), kept), {})
