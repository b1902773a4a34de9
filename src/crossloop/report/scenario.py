"""The tables of one scenario: per parameter set the ranked rows, the offered rates, and the evidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.journal import (
    COMMON,
    KNOWN_COUNTERS,
    LADDER_RUN_IN_MS,
    LADDER_SLICE_MS,
    Estimate,
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
from crossloop.markup.tables import Column, Field, Table, listing, number_field, table, text_field
from crossloop.references import MARKED_SHARE
from crossloop.report.certainty import control_notes, ranked, stopping_notes, too_few_rounds
from crossloop.report.fields import (
    BEYOND,
    KEPT_UP,
    LABEL,
    MEMORY,
    REGIME,
    SLICES,
    SYSTEM,
    US,
    USER,
    cpu,
    kept_up,
    lower_bound,
    near_the_load,
    own_samples,
    percentile,
    percentile_field,
    percentiles,
    regime,
    shown_latency,
    sleeps,
    web_server,
)
from crossloop.report.ladder import connecting_table
from crossloop.report.load_hosts import hosts_table
from crossloop.report.modes import mode_lines
from crossloop.report.processes import processes_table
from crossloop.report.references import references_table
from crossloop.report.tax import tax_table
from crossloop.report.texts import ScenarioTexts


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
    hosts: Table
    """Where the load came from."""
    processes: Table
    """Servers in several processes."""


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
        hosts=hosts_table(measured, texts),
        processes=processes_table(measured, texts, run),
    )


def _main(measured: MeasuredSet, texts: ScenarioTexts, run: RunRecord) -> Table:
    rows = measured.rows
    open_loop = any(row.common_rate for row in rows)
    in_tiers = ranked(measured)

    def latency(row: MeasuredRow) -> Latency | None:
        return shown_latency(row, open_loop)

    fields = [
        number_field("Tier", lambda row: digits.integer(row.figures.tier) if in_tiers else MISSING),
        LABEL,
        text_field("web server, parser", web_server, optional=True),
        cpu(texts.unit),
        number_field("÷ leanest", lambda row: digits.ratio(row.figures.ratio_to_best)),
        USER,
        SYSTEM,
        number_field(f"{texts.units}/s", _rate),
        REGIME,
        percentile_field("p50", latency, _overload),
        percentile_field("p99", latency),
        percentile_field("p99.9", latency),
        number_field("early (by at most µs)", lambda row: _early(latency(row)), optional=True),
        MEMORY,
        *map(_counter, _counters(rows, figures=True)),
        SLICES,
    ]
    notes = [*_notes(rows, open_loop), *control_notes(measured.record), *stopping_notes(measured.record)]
    if not in_tiers:
        notes.insert(
            0, f"No tiers: {too_few_rounds(measured)}. The order below the first is that of the medians."
        )
    return listing(rows, fields, _main_caption(rows, texts, run), notes)


def _rate(row: MeasuredRow) -> str:
    bound = "≥ " if lower_bound(row) else ""
    return (
        bound
        + digits.number(row.figures.operations_per_s.value)
        + (" ‡" if near_the_load(row.figures) else "")
    )


def _overload(row: MeasuredRow) -> str:
    return " †" if row.common_rate is not None and not kept_up(row.common_rate) else ""


def _early(latency: Latency | None) -> str:
    """`48 % (1,310)`: the share of samples that came before they were due, and the earliest."""
    if latency is None or not latency.early_share:
        return MISSING
    return f"{digits.percent(latency.early_share)} ({digits.number(-latency.min if latency.min else None)})"


def _counters(rows: Sequence[MeasuredRow], *, figures: bool) -> list[str]:
    """Counters of *rows*: those that are figures of their scenario, or those that are evidence."""
    names = dict.fromkeys(name for row in rows for name in row.figures.counters)
    known = [name for name in KNOWN_COUNTERS if name in names and KNOWN_COUNTERS[name].beside in {"", *names}]
    return known if figures else [name for name in names if name not in known]


def _meanings(names: Sequence[str]) -> list[str]:
    return [f"{counter.title}: {counter.meaning}." for name in names if (counter := KNOWN_COUNTERS.get(name))]


def _counter(name: str) -> Field[MeasuredRow]:
    known = KNOWN_COUNTERS.get(name)
    title = name if known is None else f"{known.title} {known.unit}".strip()
    shown = digits.megabytes if known is not None and known.unit == "MB" else digits.tally
    return number_field(title, lambda row: shown(row.figures.counters.get(name)), optional=True)


def _main_caption(rows: Sequence[MeasuredRow], texts: ScenarioTexts, run: RunRecord) -> str:
    fixed = [given for row in rows if (given := row.figures.offered_per_s) is not None]
    slice_ms, run_in_ms = run.slice_ms, run.run_in_ms
    if fixed:
        slice_ms, run_in_ms = (_number(run, name) for name in (LADDER_SLICE_MS, LADDER_RUN_IN_MS))
    parts = [
        f"CPU time of the whole measured process tree per {texts.unit}: median in µs, 95 % interval in brackets. "
        f"Slices of {digits.setting(slice_ms)} ms, each after {digits.setting(run_in_ms)} ms of run-in."
    ]
    samples = _span([float(row.figures.latency_us.count) for row in rows if row.figures.latency_us])
    offered = [rate for row in rows if (rate := row.common_rate)]
    if fixed:
        parts.append(
            f"Open loop at {_span(fixed)} {texts.units}/s in all, each on a connection drawn at random; "
            f"p50 to p99.9 from the scheduled time, {samples} samples a row."
        )
    elif offered:
        parts.append(
            f"p50 to p99.9: open loop at the common rate of {_span([rate.offered_per_s for rate in offered])} "
            f"{texts.units}/s, from the scheduled time; "
            f"{_span([float(rate.latency_us.count) for rate in offered])} samples a row."
        )
    elif any(row.figures.latency_us for row in rows):
        parts.append(f"p50 to p99.9: {own_samples(rows)}, {samples} a row.")
    return " ".join(parts)


def _number(run: RunRecord, name: str) -> float:
    """A number among the settings of a run; a journal from elsewhere may have anything there."""
    value = run.settings.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _span(values: Sequence[float]) -> str:
    low, high = digits.number(min(values, default=0.0)), digits.number(max(values, default=0.0))
    return low if low == high else f"{low} to {high}"


def _notes(rows: Sequence[MeasuredRow], open_loop: bool) -> list[str]:
    shown = [latency for row in rows if (latency := shown_latency(row, open_loop))]
    notes = []
    if any(map(lower_bound, rows)):
        notes.append("≥: the subject was not the limit; its capacity is at least this.")
    if any(near_the_load(row.figures) for row in rows):
        notes.append(
            f"‡: more than {digits.percent(MARKED_SHARE)} of the rate that the load reached against a native echo "
            "in the same rounds. The subject may be able to do more."
        )
    if open_loop and any(map(_overload, rows)):
        notes.append(
            f"†: answered less than {digits.percent(KEPT_UP)} of the offer; its latency grew with time."
        )
    if any(latency.early_share for latency in shown):
        notes.append(
            "Early: the share of samples that came before they were due, and by how much at most; a percentile below "
            "zero is one of them."
        )
    notes += _meanings(_counters(rows, figures=True))
    if any(percentile(latency, "p99.9") == MISSING for latency in shown):
        notes.append(
            f"{MISSING} among the percentiles: fewer than {BEYOND} samples lie beyond it "
            "(p99.9 takes 10,000 samples), or none were taken."
        )
    return notes


def _rates(rows: Sequence[MeasuredRow], texts: ScenarioTexts) -> Table:
    fields: list[Field[tuple[str, RateFigures]]] = [
        text_field("Adapter (style)", lambda labelled: labelled[0]),
        text_field(
            "rate",
            lambda labelled: labelled[1].label + ("" if labelled[1].label == COMMON else " of its capacity"),
        ),
        number_field("offered /s", lambda labelled: digits.number(labelled[1].offered_per_s)),
        number_field(
            "achieved /s",
            lambda labelled: (
                digits.number(labelled[1].achieved_per_s) + ("" if kept_up(labelled[1]) else " †")
            ),
        ),
        number_field(
            f"CPU µs per {texts.unit}", lambda labelled: digits.estimate(labelled[1].cpu_ns_per_operation, US)
        ),
        *percentiles(lambda labelled: labelled[1].latency_us),
        text_field("regime (server / load CPU)", lambda labelled: regime(labelled[1].regime)),
    ]
    rates = [(row.label, rate) for row in rows for rate in row.figures.rates]
    caption = (
        "Open loop: arrivals by a Poisson process; latency in µs from the scheduled time, "
        "so that waiting for a slow subject counts."
    )
    overloaded = any(not kept_up(rate) for _label, rate in rates)
    notes = [f"†: less than {digits.percent(KEPT_UP)} of what was offered."] if overloaded else []
    return listing(rates, fields, caption, notes)


def _evidence(rows: Sequence[MeasuredRow], texts: ScenarioTexts) -> Table:
    counters = _counters(rows, figures=False)
    fields: list[Field[MeasuredRow]] = [
        LABEL,
        sleeps(texts.units),
        number_field("steal", lambda row: _steal(row.figures.regime.steal_share), optional=True),
        number_field(f"{texts.units}/s (95 %)", lambda row: digits.estimate(row.figures.operations_per_s)),
        number_field("÷ native echo", lambda row: _ratio(row.figures.of_native), optional=True),
        *percentiles(lambda row: row.figures.latency_us),
        *map(_counter, counters),
    ]
    fixed = any(row.figures.offered_per_s is not None for row in rows)
    native = ", that rate ÷ the native echo's" if any(row.figures.of_native for row in rows) else ""
    load, loop = ("the fixed load", "open") if fixed else ("capacity", "closed")
    caption = (
        f"Evidence at {load}: {texts.units} per voluntary context switch of the subject, CPU time taken by "
        f"the hypervisor, the rate with its interval{native}, latencies of the {loop} loop or of the workload's own "
        "samples, and the scenario's counters."
    )
    return listing(rows, fields, caption, _meanings(counters))


def _steal(share: float | None) -> str:
    return MISSING if share is None else digits.percent(share)


def _ratio(ratio: Estimate | None) -> str:
    return MISSING if ratio is None else digits.ratio(ratio)
