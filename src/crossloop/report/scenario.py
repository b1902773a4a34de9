"""The tables of one scenario: per parameter set the ranked rows, the offered rates, and the evidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.journal import (
    COMMON,
    LADDER_RUN_IN_MS,
    LADDER_SLICE_MS,
    Figures,
    Latency,
    MeasuredRow,
    MeasuredSet,
    RateFigures,
    Run,
    RunRecord,
)
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown
from crossloop.markup.tables import Column, Table, table
from crossloop.references import MARKED_SHARE
from crossloop.report.control import control_notes
from crossloop.report.ladder import connecting_table
from crossloop.report.modes import mode_lines
from crossloop.report.ranking import ranked, too_few_rounds
from crossloop.report.references import references_table
from crossloop.report.stopping import stopping_notes
from crossloop.report.tax import tax_table
from crossloop.report.texts import ScenarioTexts

BEYOND = 10
"""A percentile is printed when at least so many samples lie beyond it; fewer make it a matter of luck."""
SAMPLES = {"p50": 2 * BEYOND, "p90": 10 * BEYOND, "p99": 100 * BEYOND, "p99.9": 1000 * BEYOND}
"""Percentile → samples that it takes."""
_FIELDS = {"p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p99_9"}
KEPT_UP = 0.98
"""Achieved ÷ offered below which a row did not keep up: its queue, and so its latency, grew all the time."""
_US = 1e-3
_MEMORY = (
    "Memory: resident, of the whole tree after the last slice; of several processes a shared page counts once on Linux "
    "(PSS), once for each elsewhere."
)


@dataclass(frozen=True)
class SetTables:
    """The tables of one parameter set; all but the first may be left out of a long report, or be empty."""

    heading: str
    main: Table
    rates: Table
    evidence: Table
    connecting: Table
    modes: tuple[Markdown, ...]
    """A line for each figure of a row that has two modes."""
    references: Table
    tax: Table


def set_tables(measured: MeasuredSet, texts: ScenarioTexts, run: Run, *, detailed: bool = True) -> SetTables:
    """Build the tables of one parameter set; without *detailed* only the ranked one."""
    rows = measured.rows if detailed else ()
    return SetTables(
        heading=parameters_text(measured.parameters),
        main=_main(measured, texts, run.record),
        rates=_rates(rows, texts),
        evidence=_evidence(rows, texts),
        connecting=connecting_table(rows),
        modes=mode_lines(measured.rows, texts),
        references=references_table(measured, texts, run) if detailed else table([Column("Reference")], []),
        tax=tax_table(measured, texts, run) if detailed else table([Column("Library")], []),
    )


def percentile(latency: Latency | None, name: str) -> str:
    """One percentile in µs, or a dash when too few samples lie beyond it."""
    if latency is None:
        return MISSING
    value = getattr(latency, _FIELDS[name])
    return digits.number(value) if latency.count >= SAMPLES[name] else MISSING


def _main(measured: MeasuredSet, texts: ScenarioTexts, run: RunRecord) -> Table:
    rows = measured.rows
    open_loop = any(row.common_rate for row in rows)
    columns = [
        Column("Tier", "right"),
        Column("Adapter (style)"),
        Column(f"CPU µs per {texts.unit}", "right"),
        Column("÷ leanest", "right"),
        Column("user µs", "right", optional=True),
        Column("system µs", "right", optional=True),
        Column(f"{texts.units}/s", "right"),
        Column("regime (server / load CPU)"),
        Column("p50 µs", "right", optional=True),
        Column("p99 µs", "right", optional=True),
        Column("p99.9 µs", "right", optional=True),
        Column("memory MB", "right", optional=True),
        Column("slices (generations)", "right"),
    ]
    cells = [_main_row(row, open_loop, in_tiers=ranked(measured)) for row in rows]
    notes = [*_notes(rows, open_loop), *control_notes(measured.record), *stopping_notes(measured.record)]
    if not ranked(measured):
        notes.insert(0, f"No tiers: {too_few_rounds(measured)}. The order is that of the medians.")
    return table(columns, cells, _main_caption(rows, texts, run), notes)


def _main_row(row: MeasuredRow, open_loop: bool, *, in_tiers: bool) -> tuple[str, ...]:
    figures = row.figures
    cpu = figures.cpu_ns_per_operation
    rate = row.common_rate
    latency = shown_latency(row, open_loop)
    user, system = _split(cpu.value, figures.user_share)
    regime = figures.regime
    bound = "≥ " if _lower_bound(row) else ""
    shares = digits.share(regime.server_share)
    if regime.name != "self-driven":
        shares += f" / {digits.share(regime.load_share)}"
    return (
        digits.integer(figures.tier) if in_tiers else MISSING,
        row.label,
        digits.estimate(cpu, _US),
        digits.ratio(figures.ratio_to_best),
        user,
        system,
        bound + digits.number(figures.operations_per_s.value) + (" ‡" if near_the_load(figures) else ""),
        f"{regime.name} ({shares})",
        percentile(latency, "p50") + (" †" if rate is not None and not kept_up(rate) else ""),
        percentile(latency, "p99"),
        percentile(latency, "p99.9"),
        digits.megabytes(figures.rss_bytes),
        f"{digits.integer(cpu.slices)} ({digits.integer(cpu.generations)})",
    )


def shown_latency(row: MeasuredRow, open_loop: bool) -> Latency | None:
    """Latency at the common rate where the comparison has one, else the workload's own samples."""
    if not open_loop:
        return row.figures.latency_us
    rate = row.common_rate
    return rate.latency_us if rate else None


def _lower_bound(row: MeasuredRow) -> bool:
    """Whether its rate is only a lower bound of what it can do; of a fixed load nobody asks for that."""
    return row.figures.offered_per_s is None and row.figures.regime.name in {"client-bound", "idle"}


def near_the_load(figures: Figures) -> bool:
    """Whether a rate takes so much of the load's reach that it is marked."""
    return figures.of_native is not None and figures.of_native.value > MARKED_SHARE


def _split(cpu_ns: float, user_share: float | None) -> tuple[str, str]:
    if user_share is None or not math.isfinite(user_share):
        return MISSING, MISSING
    return digits.number(cpu_ns * user_share * _US), digits.number(cpu_ns * (1 - user_share) * _US)


def kept_up(rate: RateFigures) -> bool:
    """Whether the row answered as fast as it was asked."""
    return rate.achieved_per_s >= KEPT_UP * rate.offered_per_s


def _main_caption(rows: Sequence[MeasuredRow], texts: ScenarioTexts, run: RunRecord) -> str:
    memory = _MEMORY if any(row.figures.rss_bytes for row in rows) else ""
    fixed = [given for row in rows if (given := row.figures.offered_per_s) is not None]
    slice_ms, run_in_ms = run.slice_ms, run.run_in_ms
    if fixed:
        slice_ms, run_in_ms = (_number(run, name) for name in (LADDER_SLICE_MS, LADDER_RUN_IN_MS))
    parts = [
        f"CPU time of the whole measured process tree per {texts.unit} (µs, median, 95 % interval "
        f"in brackets) in slices of {digits.setting(slice_ms)} ms, each after "
        f"{digits.setting(run_in_ms)} ms unmeasured."
    ]
    if fixed:
        counts = _span([float(row.figures.latency_us.count) for row in rows if row.figures.latency_us])
        parts.append(
            f"Open loop at {_span(fixed)} {texts.units}/s in all, each on a connection drawn at random; "
            f"p50 to p99.9 from the scheduled time, {counts} samples a row."
        )
        return " ".join([*parts, memory]).strip()
    offered = [rate for row in rows if (rate := row.common_rate)]
    if offered:
        rates = _span([rate.offered_per_s for rate in offered])
        counts = _span([float(rate.latency_us.count) for rate in offered])
        parts.append(
            f"p50 to p99.9: open loop at the common rate of {rates} {texts.units}/s, "
            f"from the scheduled time; {counts} samples a row."
        )
    elif own := [float(row.figures.latency_us.count) for row in rows if row.figures.latency_us]:
        parts.append(f"p50 to p99.9: the workload's own samples, {_span(own)} a row.")
    return " ".join([*parts, memory]).strip()


def _number(run: RunRecord, name: str) -> float:
    """A number among the settings of a run; a journal from elsewhere may have anything there."""
    value = run.settings.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _span(values: Sequence[float]) -> str:
    low, high = digits.number(min(values, default=0.0)), digits.number(max(values, default=0.0))
    return low if low == high else f"{low} to {high}"


def _notes(rows: Sequence[MeasuredRow], open_loop: bool) -> list[str]:
    notes = []
    if any(map(_lower_bound, rows)):
        notes.append("≥: the load, not the subject, was the limit; the subject's capacity is at least this.")
    if any(near_the_load(row.figures) for row in rows):
        notes.append(
            f"‡: more than {digits.percent(MARKED_SHARE)} of the rate that the load reached against a native echo "
            "in the same rounds; how much more the subject could do, this load does not tell."
        )
    if open_loop and any(row.common_rate and not kept_up(row.common_rate) for row in rows):
        notes.append(
            f"†: answered less than {digits.percent(KEPT_UP)} of the offer; its latency grew with time."
        )
    shown = [latency for row in rows if (latency := shown_latency(row, open_loop))]
    if any(percentile(latency, "p99.9") == MISSING for latency in shown):
        notes.append(
            f"{MISSING} among the percentiles: fewer than {BEYOND} samples lie beyond it "
            "(p99.9 takes 10,000 samples), or none were taken."
        )
    return notes


_PERCENTILES = (
    Column("p50 µs", "right"),
    Column("p90 µs", "right"),
    Column("p99 µs", "right"),
    Column("p99.9 µs", "right"),
    Column("max µs", "right"),
    Column("samples", "right"),
)


def _percentile_cells(latency: Latency | None) -> tuple[str, ...]:
    if latency is None:
        return (MISSING,) * len(_PERCENTILES)
    return (
        *(percentile(latency, name) for name in ("p50", "p90", "p99", "p99.9")),
        digits.number(latency.max) if latency.count else MISSING,
        digits.integer(latency.count),
    )


def _rates(rows: Sequence[MeasuredRow], texts: ScenarioTexts) -> Table:
    columns = (
        Column("Adapter (style)"),
        Column("rate"),
        Column("offered /s", "right"),
        Column("achieved /s", "right"),
        Column(f"CPU µs per {texts.unit}", "right"),
        *_PERCENTILES,
        Column("regime (server / load CPU)"),
    )
    cells = [
        (
            row.label,
            rate.label if rate.label == COMMON else f"{rate.label} of its capacity",
            digits.number(rate.offered_per_s),
            digits.number(rate.achieved_per_s) + ("" if kept_up(rate) else " †"),
            digits.estimate(rate.cpu_ns_per_operation, _US),
            *_percentile_cells(rate.latency_us),
            f"{rate.regime.name} ({digits.share(rate.regime.server_share)}"
            f" / {digits.share(rate.regime.load_share)})",
        )
        for row in rows
        for rate in row.figures.rates
    ]
    caption = (
        "Open loop: arrivals by a Poisson process; latency in µs from the scheduled time, "
        "so that waiting for a slow subject counts."
    )
    overloaded = any(not kept_up(rate) for row in rows for rate in row.figures.rates)
    notes = [f"†: less than {digits.percent(KEPT_UP)} of what was offered."] if overloaded else []
    return table(columns, cells, caption, notes)


def _evidence(rows: Sequence[MeasuredRow], texts: ScenarioTexts) -> Table:
    names = tuple(dict.fromkeys(name for row in rows for name in row.figures.counters))
    columns = (
        Column("Adapter (style)"),
        Column(f"{texts.units} per sleep", "right", optional=True),
        Column("steal", "right", optional=True),
        Column(f"{texts.units}/s (95 %)", "right"),
        Column("÷ native echo", "right", optional=True),
        *(Column(column.title, "right", optional=True) for column in _PERCENTILES),
        *(Column(name, "right", optional=True) for name in names),
    )
    cells = []
    for row in rows:
        figures = row.figures
        regime = figures.regime
        cells.append(
            (
                row.label,
                digits.number(regime.operations_per_sleep),
                MISSING if regime.steal_share is None else digits.percent(regime.steal_share),
                digits.estimate(figures.operations_per_s),
                digits.ratio(figures.of_native) if figures.of_native else MISSING,
                *_percentile_cells(figures.latency_us),
                *(digits.tally(figures.counters.get(name)) for name in names),
            )
        )
    fixed = any(row.figures.offered_per_s is not None for row in rows)
    native = ", that rate ÷ the native echo's" if any(row.figures.of_native for row in rows) else ""
    load, loop = ("the fixed load", "open") if fixed else ("capacity", "closed")
    caption = (
        f"Evidence at {load}: {texts.units} per voluntary context switch of the subject, CPU time taken by "
        f"the hypervisor, the rate with its interval{native}, latencies of the {loop} loop or of the workload's own "
        "samples, and the scenario's counters."
    )
    return table(columns, cells, caption)
