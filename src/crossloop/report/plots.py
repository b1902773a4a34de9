"""What the plots show, as data: which parameter sets, which rows, which values. No drawing here.

The number of plots, panels and rows is bounded, so that any journal gives a page that can be read; what
was left out is said under the plot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.journal import Latency
from crossloop.report.digits import integer, number
from crossloop.report.escaping import file_stem, plot_text
from crossloop.report.run import Comparison, Row, Run, ScenarioTexts
from crossloop.report.scenario import SAMPLES, shown_latency

CPU_PANELS = 6
LATENCY_PANELS = 2
ROWS = 30


@dataclass(frozen=True)
class Point:
    """One row of a panel. `low` and `high` are the ends of the whisker."""

    label: str
    family: str
    value: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, ...]:
        """What is drawn, as values."""
        return self.low, self.value, self.high


@dataclass(frozen=True)
class Percentiles:
    """One row of a latency panel: (name, µs) of each percentile that rests on enough samples."""

    label: str
    family: str
    values: tuple[tuple[str, float], ...]

    @property
    def ends(self) -> tuple[float, ...]:
        """What is drawn, as values."""
        return tuple(value for _name, value in self.values)


@dataclass(frozen=True)
class Panel:
    """One parameter set."""

    title: str
    points: tuple[Point | Percentiles, ...]

    @property
    def ends(self) -> list[float]:
        """Every value that must lie within the scale."""
        return [end for point in self.points for end in point.ends]


@dataclass(frozen=True)
class Plot:
    """One picture."""

    file: str
    title: str
    axis: str
    panels: tuple[Panel, ...]
    families: tuple[str, ...]
    """Families in the order of the legend."""
    alternative: str
    """What the picture shows, for those who do not see it."""
    left_out: str = ""
    shared_scale: bool = True
    """Whether all panels have one scale; otherwise each its own."""


def family_of(adapter: str, run: Run) -> str:
    """The C library under an adapter, or its family where there is none."""
    record = run.adapters.get(adapter)
    if record is None:
        return "other"
    return plot_text(record.family if record.library in {"none", ""} else record.library, 24)


def scenario_plots(
    comparisons: Sequence[Comparison], texts: ScenarioTexts, run: Run, stem: str
) -> tuple[Plot, ...]:
    """The plots of one scenario: CPU per operation, and latency where it was measured."""
    plots = (_cpu(comparisons, texts, run, stem), _latency(comparisons, texts, run, stem))
    return tuple(plot for plot in plots if plot is not None)


def stems(scenarios: Sequence[str]) -> dict[str, str]:
    """Scenario → stem of its files' names, unlike for all of them."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for scenario in scenarios:
        stem = file_stem(scenario)
        number = 2
        while stem in taken:
            stem = f"{file_stem(scenario)}-{number}"
            number += 1
        taken.add(stem)
        found[scenario] = stem
    return found


def _cpu(comparisons: Sequence[Comparison], texts: ScenarioTexts, run: Run, stem: str) -> Plot | None:
    chosen = [(one, [point for row in one.rows if (point := _point(row, run))]) for one in comparisons]
    usable = [(one, points) for one, points in chosen if points]
    if not usable:
        return None
    panels = tuple(
        Panel(
            plot_text(one.heading), tuple(sorted(points, key=lambda point: (point.value, point.label))[:ROWS])
        )
        for one, points in usable[:CPU_PANELS]
    )
    shared = not wide([end for panel in panels for end in panel.ends])
    scale = "" if shared else "; each panel has its own scale"
    return Plot(
        file=f"{stem}-cpu.svg",
        title=plot_text(f"{texts.title}: which library takes the least CPU per {texts.unit}?", 110),
        axis=plot_text(f"CPU per {texts.unit} [µs], median and 95 % interval; left is better{scale}", 100),
        panels=panels,
        families=_families(panels),
        alternative=f"CPU time per {texts.unit} of every row, with intervals, one panel a parameter set",
        left_out=_left_out(panels, [len(points) for _one, points in usable]),
        shared_scale=shared,
    )


def _point(row: Row, run: Run) -> Point | None:
    figure = row.figures.cpu_ns_per_operation
    value, low, high = (part / 1000 for part in (figure.value, figure.low, figure.high))
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high) and 0 < value < 1e12):
        return None
    return Point(
        plot_text(row.label, 36),
        family_of(row.adapter, run),
        value,
        min(max(low, value / 1000), value),
        min(max(high, value), value * 1000),
    )


def wide(values: Sequence[float]) -> bool:
    """Whether a linear scale from zero would press the lean rows together."""
    return max(values) > 8 * min(values)


def _latency(comparisons: Sequence[Comparison], texts: ScenarioTexts, run: Run, stem: str) -> Plot | None:
    open_loop = any(row.common_rate for one in comparisons for row in one.rows)
    usable = [(one, rows) for one in comparisons if (rows := _percentile_rows(one, run, open_loop))]
    if not usable:
        return None
    panels = tuple(
        Panel(plot_text(one.heading + _rate_text(one, texts)), tuple(rows[:ROWS]))
        for one, rows in usable[:LATENCY_PANELS]
    )
    question = "how long does an answer take at a common rate?" if open_loop else "how late does it come?"
    source = "from the scheduled time (open loop)" if open_loop else "the workload's own samples"
    return Plot(
        file=f"{stem}-latency.svg",
        title=plot_text(f"{texts.title}: {question}", 110),
        axis=plot_text(f"latency [µs], logarithmic, {source}; left is better", 100),
        panels=panels,
        families=_families(panels),
        alternative="Latency percentiles of every row, one panel a parameter set",
        left_out=_left_out(panels, [len(rows) for _one, rows in usable]),
    )


def _rate_text(one: Comparison, texts: ScenarioTexts) -> str:
    rates = {number(rate.offered_per_s) for row in one.rows if (rate := row.common_rate)}
    return f"; {rates.pop()} {texts.units}/s" if len(rates) == 1 else ""


def _percentile_rows(one: Comparison, run: Run, open_loop: bool) -> list[Percentiles]:
    rows = []
    for row in one.rows:
        latency = shown_latency(row, open_loop)
        if latency and (values := _percentile_values(latency)):
            rows.append(Percentiles(plot_text(row.label, 36), family_of(row.adapter, run), values))
    # By the highest percentile that all rows have, so that rows with fewer samples stand among the others.
    place = min((len(row.values) for row in rows), default=1) - 1
    return sorted(rows, key=lambda row: (row.values[place][1], row.label))


def _percentile_values(latency: Latency) -> tuple[tuple[str, float], ...]:
    values = {"p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "p99.9": latency.p99_9}
    return tuple(
        (name, min(max(value, 1e-3), 1e12))
        for name, value in values.items()
        if latency.count >= SAMPLES[name] and math.isfinite(value)
    )


def _families(panels: Sequence[Panel]) -> tuple[str, ...]:
    return tuple(sorted({point.family for panel in panels for point in panel.points}))


def _left_out(panels: Sequence[Panel], row_counts: Sequence[int]) -> str:
    parts = []
    if len(row_counts) > len(panels):
        parts.append(f"{integer(len(row_counts) - len(panels))} of {integer(len(row_counts))} parameter sets")
    if cut := sum(max(0, count - ROWS) for count in row_counts[: len(panels)]):
        parts.append(f"{integer(cut)} rows beyond the first {ROWS} of their panel")
    return f"Not drawn, but in the tables: {' and '.join(parts)}." if parts else ""
