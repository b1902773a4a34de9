"""Carrying a plan out: stage by stage into one journal, and going on after an interruption."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from crossloop.bench.cells import cells_of, comparison_record, ratios_to_best
from crossloop.bench.evidence import seconds as evidence_seconds
from crossloop.bench.evidence import subject, take_evidence
from crossloop.bench.headroom import with_headroom
from crossloop.bench.host_figures import lost_warning, with_hosts
from crossloop.bench.in_processes import process_cells
from crossloop.bench.late import late_rows
from crossloop.bench.length import FIXED, Length, allowance_s
from crossloop.bench.measuring import Measuring
from crossloop.bench.past import Past
from crossloop.bench.plan import Excluded, Plan
from crossloop.bench.progress import EVIDENCE_KIND, UNWATCHED, Watch
from crossloop.bench.results import Results
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Row, Stage
from crossloop.bench.tax import tax_records
from crossloop.journal import (
    CellRecord,
    ComparisonRecord,
    EndRecord,
    Estimate,
    EvidenceRecord,
    JournalWriter,
    Record,
    SetKey,
    SliceRecord,
    UnfitRecordError,
    processes_of,
    row_key,
    set_key,
)
from crossloop.journal.records import EVIDENCE
from crossloop.outcomes import Outcome, outcome_reason, outcome_stderr
from crossloop.references import REFERENCES
from crossloop.statistics import noise_floor, precise
from crossloop.suite import Suite
from crossloop.supervise.child import ChildError


def planned_seconds(plan: Plan, past: Past, *, evidence: bool) -> dict[str, float]:
    """Estimated time of what is still to be done, by kind of stage."""
    seconds: Counter[str] = Counter()
    for stage in plan.stages:
        if (rest := _rest(stage, past)) is not None:
            seconds[rest.kind] += rest.seconds  # type: ignore[assignment]  # a Counter of floats
    return {**seconds, EVIDENCE_KIND: evidence_seconds(plan) if evidence else 0.0}


def planned_parts(plan: Plan, past: Past, *, evidence: bool) -> int:
    """Stages that are still to be measured, and the evidence pass."""
    stages = sum(_rest(stage, past) is not None for stage in plan.stages)
    return stages + (evidence and subject(plan) is not None)


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
        past: Past = Past(),  # noqa: B008  (frozen)
        watch: Watch = UNWATCHED,
        length: Length = FIXED,
        evidence: bool = True,
    ):
        self._suite = suite
        self._plan = plan
        self._journal = journal
        self._conditions = conditions
        self._seed = seed
        self._past = past
        self._watch = watch
        self._length = length
        self._evidence = evidence
        self._measured = {(set_key(cell), row_key(cell)) for cell in past.cells if cell.outcome == "measured"}
        self._outcomes = Counter(cell.outcome for cell in past.cells if _counts(cell))
        self._comparisons = {set_key(comparison): comparison for comparison in past.comparisons}
        self._headlines: dict[str, SetKey] = {}
        for comparison in plan.comparisons:
            self._headlines.setdefault(comparison.scenario.id, comparison.place)
        self._in_slices_s = self._in_rounds_s = 0.0
        self._lost_hosts: dict[str, Outcome] = {}
        """Those that a warning was written of."""

    def run(self) -> EndRecord:
        """Measure everything that is not in the journal yet; a complete run stays as it is.

        Raises `JournalError` where the journal cannot be written, and KeyboardInterrupt as it comes.
        """
        start = time.monotonic()
        for excluded in self._plan.excluded:
            if not self._past.has_excluded(excluded):
                self._write_cell(_excluded_cell(excluded))
        with Site(self._suite, self._conditions) as site:
            rest = [
                open_stage
                for stage in self._plan.stages
                if (open_stage := _rest(stage, self._past)) is not None
            ]
            for index, stage in enumerate(rest):
                now = time.monotonic()
                self._run_stage(site, stage, now + allowance_s(self._length, now - start, rest[index:]))
            if self._evidence:
                self._take_evidence(site)
        if self._past.end is not None and not self._journal.written:
            return self._past.end
        end = EndRecord(
            elapsed_s=round(time.monotonic() - start, 1),
            cells=dict(sorted(self._outcomes.items())),
            resumed=len(self._past.slices),
            peak_rss_bytes=peak_rss_bytes(),
            noise_floor=highest_floor(list(self._comparisons.values())),
            in_slices_share=min(1.0, self._in_slices_s / self._in_rounds_s) if self._in_rounds_s else None,
        )
        self._journal.write(end)
        return end

    def _run_stage(self, site: Site, stage: Stage, deadline: float) -> None:
        start = time.monotonic()
        self._watch.begin(stage.kind, stage.seconds)
        results = Results(stage, self._past.slices)
        measuring = Measuring(site, stage, results, self._seed, self._watch)
        wanted = self._length.precision
        is_precise = partial(self._is_precise, results, wanted) if wanted is not None else None
        try:
            keeps_plan = self._length.keeps_plan
            for record in measuring.slices(deadline=deadline, keeps_plan=keeps_plan, is_precise=is_precise):
                self._write_slice(record, results)
                if stage.narrows:
                    self._in_slices_s += record.elapsed_ns / 1e9 + stage.pace.run_in_ms / 1e3
        except ChildError as error:  # the companion or the load cannot be had: no cell of this stage can
            results.fail_all(error.outcome)
        self._watch.end()
        if stage.narrows:
            self._in_rounds_s += time.monotonic() - start
        for comparison in stage.comparisons:
            self._conclude(stage, comparison, results, site.lost_hosts)
        self._warn_of_lost(site)

    def _warn_of_lost(self, site: Site) -> None:
        """Of load hosts that are gone."""
        new = {host: outcome for host, outcome in site.lost_hosts.items() if host not in self._lost_hosts}
        self._lost_hosts |= new
        left = [host.name for host in self._conditions.load_hosts if host.name not in site.lost_hosts]
        for host, outcome in new.items():
            self._journal.write(lost_warning(host, outcome, left))

    def _is_precise(self, results: Results, wanted: float, comparison: Comparison) -> bool:
        """Whether nothing more is to be found out about a comparison: its intervals are narrow, or it has none."""
        return precise(ratios_to_best(comparison, *results.of(comparison), self._seed), wanted)

    def _write_slice(self, record: SliceRecord, results: Results) -> None:
        """It need not reach the disk at once: it outlives this process as it is."""
        try:
            self._journal.write(record, sync=False)
        except UnfitRecordError as error:
            results.refuse(record, error)

    def _conclude(
        self, stage: Stage, comparison: Comparison, results: Results, lost_hosts: Mapping[str, Outcome]
    ) -> None:
        """Write what holds for a comparison as a whole, its cells, and what was found beside them."""
        slices, failures = results.of(comparison)
        headline = self._headlines[comparison.scenario.id]
        known = self._comparisons.get(headline)
        precision = self._length.precision if stage.narrows else None
        record = comparison_record(
            comparison,
            slices,
            failures,
            self._seed,
            known.noise_floor if known is not None else None,
            precision,
        )
        self._comparisons[comparison.place] = record
        self._journal.write(record)
        floor = record.noise_floor or 0.0
        cells = cells_of(comparison, slices, failures, self._seed, stage.objective_p99_ms, floor)
        cells += process_cells(comparison, slices, failures, self._seed)
        hosts = [host.name for host in self._conditions.load_hosts] if comparison.driven else []
        cells = with_hosts(cells, slices, hosts, lost_hosts)
        for cell in with_headroom(cells, comparison, slices, self._seed):
            self._write_cell(cell)
        beside: list[Record] = [*self._references(comparison, slices, failures)]
        whole = [row for row in comparison.measured if row not in failures]
        beside += tax_records(comparison, whole, slices, stage.libraries, self._seed)
        if comparison.place == headline:
            beside += late_rows(comparison, slices)
        for record_beside in beside:
            self._journal.write(record_beside)

    def _references(
        self, comparison: Comparison, slices: Sequence[SliceRecord], failures: Mapping[Row, Outcome]
    ) -> list[CellRecord]:
        """The cells of native references, which are ranked apart."""
        apart = replace(comparison, rows=comparison.references, control=None, references=(), in_processes=())
        return cells_of(apart, slices, failures, self._seed)

    def _write_cell(self, cell: CellRecord) -> None:
        try:
            self._journal.write(cell)
        except UnfitRecordError as error:
            reason = f"its figures cannot be recorded: {error}"
            cell = msgspec.structs.replace(cell, outcome="failed", reason=reason, figures=None)
            self._journal.write(cell)
        self._outcomes[cell.outcome] += _counts(cell)
        if cell.outcome == "measured":
            self._measured.add((set_key(cell), row_key(cell)))

    def _take_evidence(self, site: Site) -> None:
        """Of the rows that have figures, and no evidence yet."""
        chosen = subject(self._plan)
        if chosen is None:
            return
        stage, comparison = chosen
        have = {(set_key(record), row_key(record)) for record in self._past.evidence}
        wanted = self._measured - have
        rows = [row for row in comparison.rows if (comparison.place, row) in wanted]
        self._watch.begin(EVIDENCE_KIND, evidence_seconds(self._plan))
        with contextlib.suppress(ChildError):  # no load can be started: what was measured stands without
            for record in take_evidence(site, stage, comparison, rows, self._watch):
                self._write_evidence(record)
        self._watch.end()

    def _write_evidence(self, record: EvidenceRecord) -> None:
        try:
            self._journal.write(record)
        except UnfitRecordError as error:
            reason = f"what was found cannot be recorded: {error}"
            none = EvidenceRecord(record.adapter, record.style, record.scenario, record.parameters)
            self._journal.write(msgspec.structs.replace(none, missing=dict.fromkeys(EVIDENCE, reason)))


def _rest(stage: Stage, past: Past) -> Stage | None:
    """What of a stage is still to be concluded."""
    open_comparisons = tuple(comparison for comparison in stage.comparisons if not past.has(comparison))
    return replace(stage, comparisons=open_comparisons) if open_comparisons else None


def _counts(cell: CellRecord) -> bool:
    """Whether a cell is one of an adapter's row, and of none that is measured beside."""
    return cell.adapter not in REFERENCES and processes_of(cell.adapter) == 1


def _excluded_cell(excluded: Excluded) -> CellRecord:
    return CellRecord(
        adapter=excluded.row.adapter,
        style=excluded.row.style,
        scenario=excluded.scenario,
        parameters=dict(excluded.parameters),
        outcome=excluded.outcome.name,
        reason=outcome_reason(excluded.outcome),
        stderr_tail=outcome_stderr(excluded.outcome),
    )


def highest_floor(comparisons: Sequence[ComparisonRecord]) -> Estimate | None:
    """The A/A ratio of the comparison whose noise floor is highest; None without any control."""
    ratios = [comparison.control.ratio for comparison in comparisons if comparison.control is not None]
    return max(ratios, key=noise_floor, default=None)


def peak_rss_bytes() -> int | None:
    """Highest resident memory of this process so far (getrusage(2)); None where the platform has none."""
    if sys.platform == "win32":
        return None
    import resource  # POSIX only

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
