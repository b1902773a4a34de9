"""What a report says of a ladder: how far each adapter got, what grows with the rungs, and what connections cost."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from crossloop import statistics
from crossloop.journal import (
    Connecting,
    Estimate,
    MeasuredRow,
    MeasuredSet,
    RowKey,
    Run,
    parameters_key,
    row_key,
    row_label,
)
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Field, Table, listing, number_field, table, text_field
from crossloop.report.fields import US, percentile
from crossloop.report.texts import ScenarioTexts

KERNEL_FROM = 1000
"""Connections from which on the kernel's memory for each is shown: of fewer it drowns in what else the machine
does meanwhile."""
_HIGHEST = 1e12
"""A number beyond this is no rung: a journal from elsewhere may hold any."""
_MS = 1e-3


@dataclass(frozen=True)
class Ladder:
    """Comparisons of one scenario that differ in one number alone, from the lowest rung up."""

    parameter: str
    others: str
    """The other parameters in words; empty when there are none."""
    rungs: tuple[MeasuredSet, ...]

    def value(self, rung: MeasuredSet) -> float:
        """Where a rung stands."""
        return float(rung.parameters[self.parameter])

    @property
    def fixed_load(self) -> bool:
        """Whether its figures were made at a fixed rate: what is climbed until it fails."""
        return any(row.figures.offered_per_s is not None for rung in self.rungs for row in rung.rows)

    def rows(self) -> dict[tuple[str, str], list[tuple[float, MeasuredRow]]]:
        """(adapter, style) → its measured rungs."""
        by_row: dict[tuple[str, str], list[tuple[float, MeasuredRow]]] = {}
        for rung in self.rungs:
            for row in rung.rows:
                by_row.setdefault((row.adapter, row.style), []).append((self.value(rung), row))
        return by_row


@dataclass(frozen=True)
class LadderTables:
    """The tables of one ladder; either may be empty."""

    parameter: str
    heading: str
    how_far: Table
    slopes: Table


def ladders_of(sets: Sequence[MeasuredSet], parameter: str) -> tuple[Ladder, ...]:
    """Ladders of two rungs and more among the parameter sets of one scenario."""
    groups: dict[str, list[MeasuredSet]] = {}
    for measured in sets:
        if parameter and _is_rung(measured.parameters.get(parameter)):
            others = {name: value for name, value in measured.parameters.items() if name != parameter}
            groups.setdefault(parameters_key(others), []).append(measured)
    return tuple(
        Ladder(
            parameter=parameter,
            others=_others(rungs[0], parameter),
            rungs=tuple(sorted(rungs, key=lambda measured: float(measured.parameters[parameter]))),
        )
        for rungs in groups.values()
        if len(rungs) > 1
    )


def _is_rung(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _HIGHEST


def _others(rung: MeasuredSet, parameter: str) -> str:
    others = {name: value for name, value in rung.parameters.items() if name != parameter}
    return parameters_text(others) if others else ""


def from_the_top(run: Run, about: Mapping[str, ScenarioTexts]) -> Run:
    """*run* with the highest rung that anybody was measured on first, where a scenario is one fixed load's ladder.

    That rung is what its question asks for; who did not get there stands in the table of how far all got.
    """
    sets = dict(run.sets)
    for scenario, of_scenario in run.sets.items():
        for ladder in ladders_of(of_scenario, about[scenario].ladder):
            if ladder.fixed_load and len(ladder.rungs) == len(of_scenario):
                top = max((rung for rung in ladder.rungs if rung.rows), key=ladder.value)
                sets[scenario] = (top, *(rung for rung in ladder.rungs if rung is not top))
    return replace(run, sets=sets)


def ladder_tables(ladder: Ladder, texts: ScenarioTexts) -> LadderTables:
    """Both tables of one ladder."""
    empty = table([Column("Adapter")], [])
    return LadderTables(
        parameter=ladder.parameter,
        heading=ladder.others or "all sets",
        how_far=_how_far(ladder) if ladder.fixed_load else empty,
        slopes=_slopes(ladder, texts),
    )


# How far each got ---------------------------------------------------------------------------------


def _how_far(ladder: Ladder) -> Table:
    cells = [cell for rung in ladder.rungs for cell in rung.cells]
    keys = dict.fromkeys(row_key(cell) for cell in cells if cell.style or cell.figures)
    climbs = [_Climb.of(ladder, key) for key in keys]
    climbs.sort(key=lambda climb: (-climb.reached, climb.label))
    columns = [
        Column("Adapter (style)"),
        *(Column(digits.setting(ladder.value(rung)), "right") for rung in ladder.rungs),
        Column("got to", "right"),
        Column("what stopped it"),
    ]
    rows = [
        (climb.label, *climb.cells, digits.setting(climb.reached) if climb.reached else "none", climb.stop)
        for climb in climbs
    ]
    objectives = [cell.figures.objective for cell in cells if cell.figures and cell.figures.objective]
    longest_us = max((climb.allowed_p99_us for climb in objectives), default=0.0)
    allowed = f" Allowed: {digits.number(longest_us * _MS)} ms." if objectives else ""
    caption = (
        f"How far each got, by {ladder.parameter}: p99 of the answers in ms, the median of the slices'. "
        f"A climb ends on the first rung that fails or is too slow.{allowed}"
    )
    return table(columns, rows, caption, [f"{MISSING}: not tried, because the climb had ended."])


@dataclass(frozen=True)
class _Climb:
    """One row's way up."""

    label: str
    cells: tuple[str, ...]
    reached: float
    """The highest rung that it did; 0 for none."""
    stop: str

    @classmethod
    def of(cls, ladder: Ladder, key: RowKey) -> "_Climb":
        """Read off the cells of a row, rung by rung."""
        cells: list[str] = []
        reached, stop = 0.0, ""
        for rung in ladder.rungs:
            text, why = _rung_cell(rung, key)
            cells.append(MISSING if stop else text)
            if why:
                stop = stop or why
            elif not stop:
                reached = ladder.value(rung)
        return cls(row_label(*key), tuple(cells), reached, stop or "the ladder ends")


def _rung_cell(rung: MeasuredSet, key: RowKey) -> tuple[str, str]:
    """What stands for a row on one rung, and why its climb ends there; empty when it does not."""
    cell = next((value for value in rung.cells if row_key(value) == key), None)
    if cell is None:
        return MISSING, "not part of this run"
    if cell.figures is None:
        return cell.outcome, f"{cell.outcome}: {cell.reason}" if cell.reason else cell.outcome
    objective = cell.figures.objective
    if objective is None:
        return "measured", ""
    p99, allowed = (digits.number(value * _MS) for value in (objective.p99_us, objective.allowed_p99_us))
    if objective.met:
        return p99, ""
    return Markdown(f"**{inline(p99)}**"), f"too slow: p99 {p99} ms where {allowed} ms are allowed"


# What grows with the rungs ------------------------------------------------------------------------


def _slopes(ladder: Ladder, texts: ScenarioTexts) -> Table:
    columns = [
        Column("Adapter (style)"),
        Column("rungs", "right"),
        Column(f"CPU µs per {texts.unit}, lowest rung", "right"),
        Column("highest rung", "right"),
        Column("slope", "right"),
        Column("slope of the last step", "right"),
    ]
    rows = sorted(_slope_rows(ladder), key=lambda row: (row[0], row[1][0]))
    caption = (
        f"Slope of CPU per {texts.unit} over {ladder.parameter}, both logarithmic: 0 is level (the cost is that of "
        "what is active), 1 grows in proportion (the cost is that of what is watched). Least squares over the "
        "rungs, with the 95 % interval that follows from those of the rungs. Computed, and asserted nowhere."
    )
    return table(columns, [row for _slope, row in rows], caption)


def _slope_rows(ladder: Ladder) -> Iterator[tuple[float, tuple[str, ...]]]:
    for (adapter, style), rungs in ladder.rows().items():
        points = [(value, row.figures.cpu_ns_per_operation) for value, row in rungs]
        slope, last = statistics.log_slope(points), statistics.log_slope(points[-2:])
        if slope is not None and last is not None:
            yield (
                slope.value,
                (
                    row_label(adapter, style),
                    f"{digits.setting(points[0][0])} to {digits.setting(points[-1][0])}",
                    digits.number(points[0][1].value / 1000),
                    digits.number(points[-1][1].value / 1000),
                    _slope_text(slope),
                    _slope_text(last) if len(points) > 2 else MISSING,
                ),
            )


def _slope_text(slope: Estimate) -> str:
    value, low, high = (f"{round(part, 2) + 0.0:.2f}" for part in (slope.value, slope.low, slope.high))
    return f"{value} ({low} to {high})" if all(map(math.isfinite, (slope.low, slope.high))) else value


# What connections cost ----------------------------------------------------------------------------


def connecting_table(rows: Sequence[MeasuredRow]) -> Table:
    """Making and holding connections, on one rung."""
    connected = [(row.label, connecting) for row in rows if (connecting := row.figures.connecting)]
    fields: list[Field[tuple[str, Connecting]]] = [
        text_field("Adapter (style)", lambda row: row[0]),
        number_field("accepted /s", lambda row: digits.estimate(row[1].accepted_per_s)),
        number_field("CPU µs per connection", lambda row: digits.estimate(row[1].cpu_ns_per_connection, US)),
        number_field("p50 µs", lambda row: digits.number(row[1].latency_us.p50)),
        number_field("p99 µs", lambda row: percentile(row[1].latency_us, "p99")),
        number_field(
            "process bytes per connection", lambda row: digits.number(row[1].rss_bytes_per_connection)
        ),
        number_field(
            "kernel bytes per connection", lambda row: digits.number(kernel_bytes(row[1])), optional=True
        ),
        number_field("visits", lambda row: digits.integer(row[1].accepted_per_s.slices)),
    ]
    caption = (
        "Making and holding the connections: each was answered one verified message, a hundred at most under way "
        "at a time, so that the rate holds the load's work as well; p50 and p99 are the time from before a "
        "connection was made until its answer. Bytes: what the measured processes had more with all "
        "connections than before the first; of the kernel (Linux: Slab, KernelStack and PageTables of "
        "/proc/meminfo, TCP mem of /proc/net/sockstat) what the machine had more, both ends of each connection."
    )
    notes = []
    if any(connecting.connections < KERNEL_FROM for _label, connecting in connected):
        notes.append(
            f"Kernel bytes are shown from {digits.integer(KERNEL_FROM)} connections on, and where there are any."
        )
    return listing(connected, fields, caption, notes)


def kernel_bytes(connecting: Connecting) -> float | None:
    """The kernel's memory per connection, where it can be seen beside what else the machine does."""
    size = connecting.kernel_bytes_per_connection
    return size if size is not None and size > 0 and connecting.connections >= KERNEL_FROM else None
