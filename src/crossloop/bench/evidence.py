"""The evidence pass: how each row does what it does, after everything that is timed.

Of one comparison only, on connections that stay and of no ladder (`subject`). Each row gets two fresh servers. The
first says how long it takes to be there, and what idle connections hold. The second is asked from its first message on,
until it is warm, how much CPU a message takes; then how often it sleeps; then, under strace, which system calls it
makes. Nothing is compared by intervals: it explains figures and is none of them. What cannot be had is None, with its
reason.
"""

import contextlib
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

import msgspec

from crossloop.bench.beside import READY_LIMIT_S, Load
from crossloop.bench.measuring import visits
from crossloop.bench.plan import Plan
from crossloop.bench.progress import UNWATCHED, Watch
from crossloop.bench.results import Results
from crossloop.bench.rooms import Room
from crossloop.bench.site import Site
from crossloop.bench.stages import Comparison, Row, Stage, Step
from crossloop.bench.subjects import ServerLaunch, Subject, Subjects
from crossloop.bench.variants import request_of
from crossloop.bench.visits import FIRST_CONNECTIONS, connect_proven, opening_of, refuse_beyond
from crossloop.journal import (
    ConnectionMemory,
    EvidenceRecord,
    FigureName,
    Importing,
    Installed,
    SystemCalls,
    WarmUp,
    adapter_of,
)
from crossloop.journal.records import EVIDENCE
from crossloop.load.commands import Slice
from crossloop.load.walls import most_connections
from crossloop.measure import clocks
from crossloop.measure.syscalls import MAX_NAMES, TracingError, traced
from crossloop.outcomes import outcome_reason
from crossloop.statistics import LEAST_STRETCHES, Stretch, steady
from crossloop.supervise.answers import Imported, Serving, SliceAnswer
from crossloop.supervise.child import Child, ChildError

ROW_S = 1.5
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
    """The comparison that the pass is made of: the first of an echo that is not brief, or else the first; or None.

    Of its rows those that the profile has evidence of.
    """
    able = [
        (stage, shared)
        for stage in plan.stages
        for shared in stage.comparisons
        if stage.lasting and shared.scenario.about.drive == "exchange"
    ]
    chosen = min(
        able, key=lambda pair: (pair[1].scenario.about.brief, not pair[1].scenario.about.serves), default=None
    )
    if chosen is None or not plan.profile.evidence_of_first_styles:
        return chosen
    stage, comparison = chosen
    first = {row.adapter: row for row in reversed(comparison.rows)}
    return stage, replace(comparison, rows=tuple(first[name] for name in reversed(first)))


def seconds(plan: Plan) -> float:
    """Estimated time of the pass."""
    chosen = subject(plan)
    return ROW_S * len(chosen[1].rows) if chosen is not None else 0.0


def take_evidence(
    site: Site,
    stage: Stage,
    comparison: Comparison,
    rows: Collection[Row],
    watch: Watch = UNWATCHED,
) -> Iterator[EvidenceRecord]:
    """One record for each of *rows*; no server of a row outlives its record.

    Raises ChildError where no load can be started.
    """
    if not rows:
        return
    alone = replace(comparison, rows=tuple(rows), control=None, references=(), in_processes=())
    results = Results(replace(stage, comparisons=(alone,)))
    launch = ServerLaunch(site, stage, traced=True)
    load = Load(site)
    visit = EvidenceVisit(site, stage, load, Subjects(site, launch, Serving))
    with Room(site, Subjects(site, launch, Serving), visit, load, lasting=True) as room:
        for row, error in room.start(rows).items():
            results.note(row, alone, error)
        order = random.Random(0)  # noqa: S311
        for _row, records in visits(
            room, stage, alone, results.visitable(alone), results, order, site, watch
        ):
            watch.done(ROW_S)
            yield from records
    for row, outcome in results.of(alone)[1].items():  # its second server does not start
        yield _record(row, alone, {}, dict.fromkeys(EVIDENCE, outcome_reason(outcome)))


def _record(
    row: Row, comparison: Comparison, figures: Mapping[FigureName, Any], missing: Mapping[FigureName, str]
) -> EvidenceRecord:
    return EvidenceRecord(
        adapter=row.adapter,
        style=row.style,
        scenario=comparison.scenario.id,
        parameters=dict(comparison.parameters),
        missing={**missing},
        **{EVIDENCE[name]: figure for name, figure in figures.items()},
    )


class EvidenceVisit:
    """What is found of one row, in two fresh servers: the one that is visited, and before it another."""

    def __init__(self, site: Site, stage: Stage, load: Load, first: Subjects[Serving]):
        self._site = site
        self._stage = stage
        self._load = load
        self._first = first
        self._imports: dict[str, _Imported] = {}

    def __call__(
        self, row: Row, subject: Subject[Serving], comparison: Comparison, steps: Sequence[Step], seed: int
    ) -> list[EvidenceRecord]:
        """One record; what goes wrong is in it."""
        subject.child.suspend()
        if row.adapter not in self._imports:
            self._imports[row.adapter] = _imported(self._site, self._stage, row.adapter)
        imported = self._imports[row.adapter]
        figures, missing = dict(imported.figures), dict(imported.missing)
        fresh: dict[FigureName, Callable[[], object]] = {
            "cold-start": lambda: self._cold_start_ms(row, comparison),
            "connection-memory": lambda: self._connection_memory(row, comparison),
        }
        _take(fresh, figures, missing)
        self._first.drop(row)
        self._load.forget(str(row), reset=True)
        subject.child.resume()
        server = _FreshServer(self._site, self._load, row, subject, comparison)
        warm: dict[FigureName, Callable[[], object]] = {
            "warm-up": server.warm_up,
            "wake-ups": server.sleeps_per_operation,
            "system-calls": server.system_calls,
        }
        _take(warm, figures, missing)
        self._load.forget(str(row), reset=True)
        return [_record(row, comparison, figures, missing)]

    def _cold_start_ms(self, row: Row, comparison: Comparison) -> float:
        """From starting the server's interpreter until it has answered one message. It is left running."""
        start = time.perf_counter()
        server = self._first.start(row)
        connect_proven(self._site, self._load, row, server, comparison, 1, CONNECT_LIMIT_S)
        return (time.perf_counter() - start) * 1e3

    def _connection_memory(self, row: Row, comparison: Comparison) -> ConnectionMemory:
        """What connections hold that were answered once and are idle.

        A few come and go first, so that what is allocated only once is there before the difference begins.
        """
        server = self._first.of(row)
        held = server.said.most_connections
        bounds = (None if held is None else held[0], most_connections())
        most = min([IDLE_CONNECTIONS, *(bound for bound in bounds if bound is not None)])
        for connections in (min(FIRST_CONNECTIONS, most), most):
            answer = connect_proven(
                self._site, self._load, row, server, comparison, connections, CONNECT_LIMIT_S
            )
        counters, connections = answer.counters, answer.operations
        kernel = None
        if "kernel_bytes" in counters:
            kernel = (counters["kernel_bytes"] - counters["kernel_before_bytes"]) / connections
        return ConnectionMemory(
            connections=connections,
            rss_bytes_per_connection=((answer.rss_bytes or 0) - counters["rss_before_bytes"]) / connections,
            kernel_bytes_per_connection=kernel,
        )


def _take(
    means: Mapping[FigureName, Callable[[], object]],
    figures: dict[FigureName, Any],
    missing: dict[FigureName, str],
) -> None:
    """Take figures from one server, in their order; where it, or the load, is gone, the rest has that reason."""
    for name, take in means.items():
        try:
            figures[name] = take()
        except (NoFigureError, TracingError) as error:
            missing[name] = str(error)
        except ChildError as error:
            reason = outcome_reason(error.outcome)
            missing |= {other: reason for other in means if other not in figures and other not in missing}
            return


@dataclass(frozen=True)
class _FreshServer:
    """A fresh server that is asked from its first message on."""

    site: Site
    load: Load
    row: Row
    subject: Subject[Serving]
    comparison: Comparison

    def warm_up(self) -> WarmUp:
        """CPU per message of a fresh process, from its first message on; its connections stay."""
        child, children = self.subject.child, self.subject.children
        refuse_beyond(self.comparison.connections, self.subject.said)
        opening = opening_of(self.site, self.row, self.subject, self.comparison)
        opening = msgspec.structs.replace(opening, timeout_s=CONNECT_LIMIT_S)
        self.load.ask(str(self.row), children, lambda load: load.open(opening, children))
        idle = self._idle_share()
        # The server sleeps at both readings, so that they are exact: the kernel adds to the CPU clock of a process
        # that runs only at its tick, 4 ms or so, which would be much of such a stretch.
        stretches = []
        for duration_ms in WARM_UP_MS:
            before_ns = _cpu_ns(child)
            answer = self._closed_loop(duration_ms)
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
        judged = steady(stretches)
        if judged.band > WIDEST_BAND:
            raise NoFigureError(
                f"its last stretches vary so much that more than ± {100 * WIDEST_BAND:.0f} % would be called steady; "
                "a machine that does nothing else helps"
            )
        return WarmUp(
            first_ns_per_operation=judged.first_ns,
            steady_ns_per_operation=judged.level_ns,
            band=judged.band,
            observed_s=judged.observed_s,
            steady_s=judged.after_s,
            steady_operations=judged.after_operations,
        )

    def sleeps_per_operation(self) -> float:
        """Voluntary context switches ÷ messages of the warm server."""
        answer = self._closed_loop(SLEEPS_MS)
        if answer.sleeps is None:
            raise NoFigureError("the platform does not count a process's voluntary context switches")
        if not answer.operations:
            raise NoFigureError(f"no message was answered within {SLEEPS_MS} ms")
        return answer.sleeps / answer.operations

    def system_calls(self) -> SystemCalls:
        """Calls by name ÷ messages, of the warm server under strace. Raises TracingError."""
        pids = clocks.tree(self.subject.child.pid)
        if len(pids) > MOST_TRACED:
            raise NoFigureError(f"{len(pids)} processes are more than the {MOST_TRACED} that are traced")
        with traced(pids) as counts:
            messages = self._closed_loop(TRACED_MS).answered
        most = sorted(counts.items(), key=lambda item: (-item[1].calls, item[0]))[:MAX_NAMES]
        return SystemCalls(
            operations=messages,
            per_operation={name: count.calls / messages for name, count in most},
            failed_per_operation={name: count.errors / messages for name, count in most if count.errors},
        )

    def _idle_share(self) -> float:
        """CPU time ÷ elapsed time of a server that nothing is asked of."""
        child = self.subject.child
        before_ns, before = _cpu_ns(child), time.perf_counter()
        time.sleep(IDLE_S)
        return (_cpu_ns(child) - before_ns) / (time.perf_counter() - before) / 1e9

    def _closed_loop(self, duration_ms: float) -> SliceAnswer:
        order = Slice(target=str(self.row), phase="capacity", run_in_ms=0, duration_ms=duration_ms, seed=0)
        return self.load.ask(order.target, self.subject.children, lambda load: load.slice(order))


def _cpu_ns(child: Child) -> int:
    """CPU time of a child's whole tree so far."""
    total = 0
    for pid in clocks.tree(child.pid):
        with contextlib.suppress(ProcessLookupError):
            total += clocks.process_cpu_ns(pid)
    return total


class _Imported(NamedTuple):
    """What is the same for all styles of an adapter."""

    figures: Mapping[FigureName, Any]
    missing: Mapping[FigureName, str]


def _imported(site: Site, stage: Stage, adapter: str) -> _Imported:
    """Import an adapter in fresh interpreters, one after the other; the first compiles what is not compiled yet."""
    entry = site.suite.adapters[adapter_of(adapter)]
    paths = request_of({"paths": site.paths}, stage.variants.get(adapter))["paths"]
    cpu = "-" if site.conditions.server_cpu is None else str(site.conditions.server_cpu)
    answers = []
    try:
        for number in range(IMPORTS):
            size = "size" if number == IMPORTS - 1 else "time"
            arguments = [entry.module, entry.about.library, cpu, size, *paths]
            with Child(["-m", "crossloop.worker.importing", *arguments], name=f"{adapter}-import") as child:
                answers.append(child.receive(Imported, READY_LIMIT_S))
    except ChildError as error:
        reason = outcome_reason(error.outcome)
        return _Imported({}, {"importing": reason, "installed": reason})
    importing = Importing(
        imports=len(answers),
        cpu_ms=median(answer.cpu_ns for answer in answers) / 1e6,
        wall_ms=median(answer.wall_ns for answer in answers) / 1e6,
    )
    parts = answers[-1].parts
    if parts is None:
        return _Imported({"importing": importing}, {"installed": answers[-1].why})
    installed = Installed(sum(parts.values()), dict(sorted(parts.items())[:MAX_PARTS]))
    return _Imported({"importing": importing, "installed": installed}, {})
