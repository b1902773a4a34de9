"""Carrying a plan out: generations, rounds in random order, one journal; and going on after an interruption."""

import contextlib
import dataclasses
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from crossloop.bench.cells import (
    capacity_estimate,
    cells_of,
    comparison_record,
    latencies,
    ratios_to_best,
    row_seed,
)
from crossloop.bench.evidence import subject, take_evidence
from crossloop.bench.headroom import with_headroom
from crossloop.bench.ladder import beyond_memory, judged, stops, too_slow
from crossloop.bench.late import late_rows
from crossloop.bench.length import FIXED, WORTH_STARTING, Length, allowance_s
from crossloop.bench.plan import Comparison, Excluded, Plan, Row, Stage, offered_rate
from crossloop.bench.rooms import Conditions, Room, Taken, open_room
from crossloop.bench.tax import tax_records
from crossloop.journal import (
    CellRecord,
    ComparisonRecord,
    EndRecord,
    Estimate,
    EvidenceRecord,
    JournalWriter,
    Record,
    SliceRecord,
    TaxRecord,
    UnfitRecordError,
    WarningRecord,
    parameters_key,
)
from crossloop.journal.records import EVIDENCE
from crossloop.outcomes import (
    Failed,
    Outcome,
    OutcomeName,
    outcome_beside,
    outcome_name,
    outcome_reason,
    outcome_stderr,
)
from crossloop.references import REFERENCES
from crossloop.statistics import noise_floor, precise
from crossloop.suite import Suite
from crossloop.supervise.child import ChildError

Progress = Callable[[str, int], object]
"""Called with what is being done and how many slices were finished by it."""

MOST_LOST = 3
"""Visits in a row that were lost to a process beside the measured one; after them a stage is given up."""

CellKey = tuple[str, str, str, str]


@dataclass(frozen=True)
class Past:
    """What an earlier, interrupted run of the same journal already has."""

    slices: tuple[SliceRecord, ...] = ()
    cells: tuple[CellRecord, ...] = ()
    comparisons: tuple[ComparisonRecord, ...] = ()
    evidence: tuple[EvidenceRecord, ...] = ()
    end: EndRecord | None = None
    """Where the run was complete."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Past":
        """The slices, cells and evidence among *records*. Of slices that are there twice the last counts."""
        slices = {_slice_key(one): one for one in records if isinstance(one, SliceRecord)}
        ends = [one for one in records if isinstance(one, CellRecord | EndRecord)][-1:]
        return cls(
            tuple(slices.values()),
            tuple(one for one in records if isinstance(one, CellRecord)),
            tuple(one for one in records if isinstance(one, ComparisonRecord)),
            tuple(one for one in records if isinstance(one, EvidenceRecord)),
            next((one for one in ends if isinstance(one, EndRecord)), None),
        )

    def has(self, comparison: Comparison) -> bool:
        """Whether every cell of a comparison is there."""
        done = {(one.adapter, one.style) for one in self._cells_of(comparison)}
        return all((row.adapter, row.style) in done for row in (*comparison.rows, *comparison.references))

    def slices_of(self, comparison: Comparison) -> list[SliceRecord]:
        """Slices of an unfinished comparison."""
        return [one for one in self.slices if _belongs(one, comparison)]

    def _cells_of(self, comparison: Comparison) -> Iterator[CellRecord]:
        return (one for one in self.cells if _belongs(one, comparison))

    def has_excluded(self, one: Excluded) -> bool:
        """Whether the cell of *one* is there."""
        key = (one.row.adapter, one.row.style, one.scenario, parameters_key(one.parameters))
        return any(
            key == (cell.adapter, cell.style, cell.scenario, parameters_key(cell.parameters))
            for cell in self.cells
        )


def _cell_key(one: CellRecord | EvidenceRecord) -> CellKey:
    return one.adapter, one.style, one.scenario, parameters_key(one.parameters)


def _slice_key(one: SliceRecord) -> tuple[str | int, ...]:
    place = one.phase, one.generation, one.round
    return one.adapter, one.style, one.scenario, parameters_key(one.parameters), *place


def _belongs(one: SliceRecord | CellRecord | ComparisonRecord, comparison: Comparison) -> bool:
    return one.scenario == comparison.scenario.id and parameters_key(one.parameters) == comparison.key


class Bench:
    """One run of a plan into one journal."""

    def __init__(
        self,
        suite: Suite,
        plan: Plan,
        journal: JournalWriter,
        *,
        conditions: Conditions,
        seed: int,
        past: Past,
        progress: Progress,
        length: Length = FIXED,
        evidence: bool = True,
    ):
        self._suite = suite
        self._plan = plan
        self._journal = journal
        self._conditions = conditions
        self._seed = seed
        self._past = past
        self._progress = progress
        self._length = length
        self._evidence = evidence
        self._measured = {_cell_key(one) for one in past.cells if one.outcome == "measured"}
        self._outcomes: Counter[OutcomeName] = Counter()
        self._comparisons = list(past.comparisons)

    def run(self) -> EndRecord:
        """Measure everything that is not in the journal yet; a complete run stays as it is.

        Raises `JournalError` where the journal cannot be written, and KeyboardInterrupt as it comes.
        """
        start = time.monotonic()
        for one in self._plan.excluded:
            if not self._past.has_excluded(one):
                self._write_cell(_excluded_cell(one))
        for index, stage in enumerate(self._plan.stages):
            now = time.monotonic()
            self._run_stage(stage, now + allowance_s(self._length, now - start, self._plan.stages[index:]))
        if self._evidence:
            self._take_evidence()
        if self._past.end is not None and not self._journal.written:
            return self._past.end
        outcomes = Counter(one.outcome for one in self._past.cells if one.adapter not in REFERENCES)
        outcomes.update(self._outcomes)
        end = EndRecord(
            elapsed_s=round(time.monotonic() - start, 1),
            cells=dict(sorted(outcomes.items())),
            resumed=len(self._past.slices),
            peak_rss_bytes=peak_rss_bytes(),
            noise_floor=highest_floor(self._comparisons),
        )
        self._journal.write(end)
        return end

    def _write_cell(self, cell: CellRecord) -> None:
        try:
            self._journal.write(cell)
        except UnfitRecordError as error:
            reason = f"its figures cannot be recorded: {error}"
            cell = msgspec.structs.replace(cell, outcome="failed", reason=reason, figures=None)
            self._journal.write(cell)
        self._outcomes[cell.outcome] += 1
        if cell.outcome == "measured":
            self._measured.add(_cell_key(cell))

    def _take_evidence(self) -> None:
        """Of the rows that have figures, and no evidence yet."""
        found = subject(self._plan)
        if found is None:
            return
        comparison = found[1]
        have = {_cell_key(one) for one in self._past.evidence}
        rows = {
            row
            for row in comparison.rows
            if (key := (row.adapter, row.style, comparison.scenario.id, comparison.key)) in self._measured
            and key not in have
        }
        with contextlib.suppress(ChildError):  # no load can be started: what was measured stands without
            for record in take_evidence(
                self._suite, self._plan, self._conditions, rows, lambda text: self.tell(text, 0)
            ):
                self._write_evidence(record)

    def _write_evidence(self, record: EvidenceRecord) -> None:
        try:
            self._journal.write(record)
        except UnfitRecordError as error:
            reason = f"what was found cannot be recorded: {error}"
            none = EvidenceRecord(record.adapter, record.style, record.scenario, record.parameters)
            self._journal.write(msgspec.structs.replace(none, missing=dict.fromkeys(EVIDENCE, reason)))

    def _run_stage(self, stage: Stage, deadline: float) -> None:
        open_ones = [one for one in stage.comparisons if not self._past.has(one)]
        if not open_ones:
            return
        session = _StageSession(self, dataclasses.replace(stage, comparisons=tuple(open_ones)), deadline)
        try:
            session.run()
        except ChildError as error:  # the companion or the load cannot be had: no cell of this stage can
            session.fail_all(error.outcome)
        for comparison in open_ones:
            record = session.summary(comparison, self._headline_floor(stage))
            self._comparisons.append(record)
            self._journal.write(record)
            for cell in session.cells(comparison, record.noise_floor or 0.0):
                self._write_cell(cell)
            for beside in session.beside(comparison):
                self._journal.write(beside)
            for warning in session.late(comparison):
                self._journal.write(warning)

    def _headline_floor(self, stage: Stage) -> float | None:
        """Noise floor of the stage's first comparison, once it is known; it stands in where there is no control."""
        first = stage.comparisons[0]
        found = [one.noise_floor for one in self._comparisons if _belongs(one, first)]
        return found[-1] if found else None

    # What a session needs of its bench.

    def open_room(self, stage: Stage) -> Room:
        """Processes for one generation of *stage*."""
        return open_room(self._suite, stage, self._conditions)

    def record(self, one: SliceRecord) -> None:
        """Write a slice. It need not reach the disk at once: it outlives this process as it is."""
        self._journal.write(one, sync=False)

    @property
    def length(self) -> Length:
        """What ends the run beside its plan."""
        return self._length

    @property
    def limit_bytes(self) -> int:
        """Memory that a worker may take."""
        return self._conditions.limit_bytes

    @property
    def seed(self) -> int:
        """Seed of every random choice."""
        return self._seed

    @property
    def past(self) -> Past:
        """What the journal already had."""
        return self._past

    def tell(self, text: str, slices: int) -> None:
        """Report progress."""
        self._progress(text, slices)


class _StageSession:
    """One stage under way: its slices so far and the rows that failed. After *deadline* no round is begun."""

    def __init__(self, bench: Bench, stage: Stage, deadline: float):
        self._bench = bench
        self._stage = stage
        self._deadline = deadline
        self._slices = {one.key: bench.past.slices_of(one) for one in stage.comparisons}
        self._failures: dict[str, dict[Row, Outcome]] = {one.key: {} for one in stage.comparisons}
        self._lost: dict[str, dict[Row, Outcome]] = {one.key: {} for one in stage.comparisons}
        """Rows of which a visit was lost to a process beside theirs; that is what became of those without slices."""
        self._lost_running = 0
        # Generations are numbered on from those of an interrupted run: fresh processes are a new one.
        before = [one.generation for found in self._slices.values() for one in found]
        self._first_generation = max(before, default=-1) + 1
        self._done = {one.key: self._rounds_done(one) for one in stage.comparisons}

    def _rounds_done(self, comparison: Comparison) -> int:
        """Rounds that an interrupted run completed for every row."""
        rows = {(row.adapter, row.style) for row in comparison.measured}
        seen: dict[tuple[int, int], set[tuple[str, str]]] = {}
        for one in self._slices[comparison.key]:
            seen.setdefault((one.generation, one.round), set()).add((one.adapter, one.style))
        return sum(found >= rows for found in seen.values())

    def run(self) -> None:
        """All generations. Raises ChildError when the stage as such cannot be run."""
        for generation in range(self._stage.pace.generations):
            turns = self._turns(generation)
            if turns:
                self._run_generation(self._first_generation + generation, turns)
        if self._bench.length.adaptive and not self._stage.climbs:
            self._go_on()

    def _go_on(self) -> None:
        """Further generations of what is not known precisely enough, as long as the time allowed holds one.

        Ladders have none: their slices are taken in one visit, and most of their time is connecting.
        """
        generation, took_s = self._stage.pace.generations, 0.0
        while open_ones := [one for one in self._stage.comparisons if not self._precise(one)]:
            start = time.monotonic()
            if self._deadline - start <= WORTH_STARTING * took_s:
                return
            turns = self._turns(generation)
            turns = [(turn, one) for turn, one in turns if one in open_ones]
            if turns:  # none are left of a generation that an interrupted run has taken already
                self._run_generation(self._first_generation + generation, turns)
            generation, took_s = generation + 1, time.monotonic() - start

    def _precise(self, comparison: Comparison) -> bool:
        """Whether nothing more is to be found out about a comparison: its intervals are narrow, or it has none."""
        slices, failures = self._found(comparison)
        ratios = ratios_to_best(comparison, slices, failures, self._bench.seed)
        wanted = self._bench.length.precision
        return wanted is None or precise(ratios, wanted)

    def _turns(self, generation: int) -> list[tuple[int, Comparison]]:
        """(round, comparison) of a generation in random order within each round, less what is done."""
        if self._stage.climbs:  # from the lowest rung up; all rounds of a rung are taken in one visit
            return [
                (0, one) for one in self._stage.comparisons if generation * one.rounds >= self._done[one.key]
            ]
        order = random.Random(row_seed(self._bench.seed, self._stage.scenario.id, str(generation)))  # noqa: S311
        turns = []
        for turn in range(max(one.rounds for one in self._stage.comparisons)):
            due = [one for one in self._stage.comparisons if turn < one.rounds]
            due = [one for one in due if generation * one.rounds + turn >= self._done[one.key]]
            order.shuffle(due)
            turns += [(turn, one) for one in due]
        return turns

    def _run_generation(self, generation: int, turns: Sequence[tuple[int, Comparison]]) -> None:
        order = random.Random(row_seed(self._bench.seed, self._stage.scenario.id, "rows", str(generation)))  # noqa: S311
        with self._bench.open_room(self._stage) as room:
            if not self._stage.climbs:
                self._start_all(room, list(dict.fromkeys(row for _, one in turns for row in one.measured)))
            for turn, comparison in turns:
                if turn and time.monotonic() > self._deadline:  # its first round each generation gets
                    break
                out = {*self._failures[comparison.key], *self._stops()[comparison.key]}
                rows = [row for row in comparison.measured if row not in out and self._fits(row, comparison)]
                order.shuffle(rows)
                for row in rows:
                    self._visit(room, row, comparison, generation, turn, order.randrange(2**31))
                # A neighbour on the machine can make anybody late: who was gets one chance more, some time after.
                for row in rows if self._stage.climbs else ():
                    if row in self._too_slow(comparison):
                        again = turn + comparison.rounds
                        self._visit(room, row, comparison, generation, again, order.randrange(2**31))

    def _start_all(self, room: Room, rows: Sequence[Row]) -> None:
        """Start and warm every row, so that no first slice pays for what happens once."""
        for row in rows:
            self._bench.tell(f"{self._stage.scenario.id}: starting {row}", 0)
            comparison = next(one for one in self._stage.comparisons if row in one.measured)
            if row in self._failures[comparison.key]:
                continue
            try:
                room.slices(row, comparison, (self._main_phase(comparison),), 0)
            except ChildError as error:
                self._note(row, comparison, error)
            else:
                self._lost_running = 0

    def _note(self, row: Row, comparison: Comparison, error: ChildError) -> None:
        """Note what became of a row. Raises ChildError when the processes beside the rows fail again and again."""
        if not outcome_beside(error.outcome):
            self._failures[comparison.key][row] = error.outcome
            return
        self._lost[comparison.key][row] = error.outcome
        self._lost_running += 1
        if self._lost_running == MOST_LOST:
            raise error

    def _visit(
        self, room: Room, row: Row, comparison: Comparison, generation: int, turn: int, seed: int
    ) -> None:
        self._bench.tell(f"{self._stage.scenario.id} {_words(comparison)}: {row}", 0)
        phases = self._phases(row, comparison)
        try:
            answers = room.slices(row, comparison, phases, seed)
            taken = self._record(row, comparison, generation, turn, answers)
        except ChildError as error:
            self._note(row, comparison, error)
            return
        except UnfitRecordError as error:
            self._failures[comparison.key][row] = Failed(f"its figures cannot be recorded: {error}")
            return
        self._lost_running = 0
        slices = len(answers) - taken["connect"]
        self._bench.tell(f"{self._stage.scenario.id} {_words(comparison)}: {row}", slices)

    def _record(
        self,
        row: Row,
        comparison: Comparison,
        generation: int,
        turn: int,
        answers: Sequence[Taken],
    ) -> Counter[str]:
        """Record the slices of a visit; returns their number by phase. Raises `UnfitRecordError`."""
        taken: Counter[str] = Counter()
        for answer in answers:
            record = answer.record(row, comparison, generation, turn + taken[answer.phase])
            taken[answer.phase] += 1
            self._bench.record(record)
            self._slices[comparison.key].append(record)
        return taken

    def _fits(self, row: Row, comparison: Comparison) -> bool:
        """Whether the next rung of a ladder may fit into the memory that a worker may take; notes it where not."""
        if not self._stage.climbs:
            return True
        below = [
            one
            for rung in self._stage.comparisons
            for one in self._slices[rung.key]
            if one.phase == "connect" and Row(one.adapter, one.style) == row
        ]
        ladder = self._stage.scenario.about.ladder
        beyond = beyond_memory(comparison, ladder, below, self._bench.limit_bytes)
        if beyond is not None:
            self._failures[comparison.key][row] = beyond
        return beyond is None

    def _stops(self) -> dict[str, dict[Row, Outcome]]:
        """By comparison: rows that climb no further than a rung below it, by all that is known so far."""
        if not self._stage.climbs:
            return {one.key: {} for one in self._stage.comparisons}
        ended = {
            one.key: {**self._too_slow(one), **self._failures[one.key]} for one in self._stage.comparisons
        }
        return stops(self._stage.comparisons, self._stage.scenario.about.ladder, ended)

    def _too_slow(self, comparison: Comparison) -> dict[Row, Outcome]:
        found: dict[Row, list[SliceRecord]] = {}
        for one in self._slices[comparison.key]:
            if one.phase == "load":
                found.setdefault(Row(one.adapter, one.style), []).append(one)
        allowed_ms = self._stage.objective_p99_ms
        slow = {row: too_slow(judged(latencies(slices), allowed_ms)) for row, slices in found.items()}
        return {row: outcome for row, outcome in slow.items() if outcome is not None}

    def _main_phase(self, comparison: Comparison) -> tuple[str, float]:
        return ("capacity" if "StreamServer" in comparison.scenario.about.levels else "work", 0.0)

    def _phases(self, row: Row, comparison: Comparison) -> list[tuple[str, float]]:
        """Capacity first, then the offered loads that are known: shares need a capacity to be shares of.

        On a ladder: the scenario's own load, as often as there are rounds.
        """
        if self._stage.climbs:
            return [("load", float(comparison.parameters["rate"]))] * comparison.rounds
        phases = [self._main_phase(comparison)]
        if row in comparison.references:
            return phases
        known = capacity_estimate(self._slices[comparison.key], row) if comparison.rates else None
        for label in comparison.rates:
            if label == "common" or known is not None:
                capacity = known.value if known is not None else 0.0
                phases.append((f"rate:{label}", offered_rate(label, comparison.parameters, capacity)))
        return phases

    def fail_all(self, outcome: Outcome) -> None:
        """No row of the stage can be measured any more; what was measured stands."""
        for comparison in self._stage.comparisons:
            for row in comparison.measured:
                self._lost[comparison.key].setdefault(row, outcome)

    def summary(self, comparison: Comparison, headline_floor: float | None) -> ComparisonRecord:
        """What holds for a comparison as a whole, from everything that was measured of it."""
        slices, failures = self._found(comparison)
        precision = None if self._stage.climbs else self._bench.length.precision
        return comparison_record(comparison, slices, failures, self._bench.seed, headline_floor, precision)

    def cells(self, comparison: Comparison, floor: float) -> list[CellRecord]:
        """The cells of a comparison, likewise."""
        slices, failures = self._found(comparison)
        seed = self._bench.seed
        cells = cells_of(comparison, slices, failures, seed, self._stage.objective_p99_ms, floor)
        return with_headroom(cells, comparison, slices, seed)

    def late(self, comparison: Comparison) -> list[WarningRecord]:
        """Rows of the stage's headline that were late in what is not measured."""
        return (
            late_rows(comparison, self._slices[comparison.key])
            if comparison is self._stage.comparisons[0]
            else []
        )

    def _found(self, comparison: Comparison) -> tuple[list[SliceRecord], dict[Row, Outcome]]:
        """Slices, and the rows that have no figure."""
        key = comparison.key
        measured = {Row(one.adapter, one.style) for one in self._slices[key]}
        lost = {row: outcome for row, outcome in self._lost[key].items() if row not in measured}
        return self._slices[key], {**lost, **self._failures[key], **self._stops()[key]}

    def beside(self, comparison: Comparison) -> list[CellRecord | TaxRecord]:
        """What the native references of a comparison show: their cells, and each library's binding tax."""
        slices, failures = self._found(comparison)
        apart = dataclasses.replace(comparison, rows=comparison.references, control=None, references=())
        whole = [row for row in comparison.measured if row not in failures]
        return [
            *cells_of(apart, slices, failures, self._bench.seed),
            *tax_records(comparison, whole, slices, self._stage.libraries, self._bench.seed),
        ]


def _excluded_cell(one: Excluded) -> CellRecord:
    return CellRecord(
        adapter=one.row.adapter,
        style=one.row.style,
        scenario=one.scenario,
        parameters=dict(one.parameters),
        outcome=outcome_name(one.outcome),
        reason=outcome_reason(one.outcome),
        stderr_tail=outcome_stderr(one.outcome),
    )


def _words(comparison: Comparison) -> str:
    return " ".join(f"{name}={value}" for name, value in comparison.parameters.items())


def highest_floor(comparisons: Sequence[ComparisonRecord]) -> Estimate | None:
    """The A/A ratio of the comparison whose noise floor is highest; None without any control."""
    ratios = [one.control.ratio for one in comparisons if one.control is not None]
    return max(ratios, key=noise_floor, default=None)


def peak_rss_bytes() -> int | None:
    """Highest resident memory of this process so far (getrusage(2)); None where the platform has none."""
    if sys.platform == "win32":
        return None
    import resource  # POSIX only

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
