"""What the plots show, as data: which parameter sets, which rows, which values. No drawing here.

The number of plots, panels and rows is bounded, so that any journal gives a page that can be read; what
was left out is said under the plot.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossloop.journal import Figures, Latency, MeasuredRow, MeasuredSet, Run, row_label
from crossloop.journal.naming import adapter_of
from crossloop.markup.digits import integer, number, parameters_text
from crossloop.markup.escaping import plot_text
from crossloop.report.fields import SAMPLES, own_samples, shown_latency
from crossloop.report.ladder import Ladder, kernel_bytes, ladders_of
from crossloop.report.texts import ScenarioTexts

CPU_PANELS = 6
LATENCY_PANELS = 2
CURVE_PANELS = 4
ROWS = 30


@dataclass(frozen=True)
class PlotRow:
    """One row of a panel: its marks, and the line from `low` to `high` that they lie on."""

    label: str
    family: str
    marks: tuple[tuple[str, float], ...]
    """(percentile, value) of each that rests on enough samples; of a median with its interval that one."""
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """One parameter set."""

    title: str
    rows: tuple[PlotRow, ...]

    @property
    def ends(self) -> list[float]:
        """What must lie within the scale."""
        return [end for row in self.rows for end in (row.low, row.high)]


@dataclass(frozen=True)
class Curve:
    """One line: a row over the rungs of a ladder."""

    label: str
    family: str
    points: tuple[tuple[float, float], ...]
    """(rung, value), ascending, all of them positive."""
    ended: bool
    """Whether its climb ended before the ladder did."""


@dataclass(frozen=True)
class CurvePanel:
    """One figure over one ladder."""

    title: str
    across: str
    """What the horizontal scale counts."""
    rows: tuple[Curve, ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One picture of rows."""

    file: str
    title: str
    axis: str
    panels: tuple[Panel, ...]
    alternative: str
    """What the picture shows, for those who do not see it."""
    left_out: str = ""
    percentiles: bool
    """Whether the marks are percentiles; otherwise each row has one, whose figure stands beside it."""
    shared_scale: bool = True
    """Whether all panels have one scale; otherwise each its own."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """One picture of curves, both scales logarithmic."""

    file: str
    title: str
    axis: str
    panels: tuple[CurvePanel, ...]
    alternative: str
    left_out: str = ""


def family_of(adapter: str, run: Run) -> str:
    """The C library under an adapter, or its family where there is none."""
    record = run.adapters.get(adapter) or run.adapters.get(adapter_of(adapter))
    if record is None:
        return "other"
    return plot_text(record.family if record.library in {"none", ""} else record.library, 24)


def scenario_plots(
    sets: Sequence[MeasuredSet], texts: ScenarioTexts, run: Run, stem: str
) -> tuple[Plot | Curves, ...]:
    """The plots of one scenario: CPU per operation, latency where it was measured, curves over ladders.

    Where all sets are one ladder, its curves say what the plot of CPU would, and take its place.
    """
    ladders = ladders_of(sets, texts.ladder)
    curves = (_cost_curves(ladders, texts, run, stem), _memory_curves(ladders, texts, run, stem))
    whole = len(ladders) == 1 and len(ladders[0].rungs) == len(sets)
    cpu = None if whole and curves[0] is not None else _cpu(sets, texts, run, stem)
    plots = (cpu, *curves, _latency(sets, texts, run, stem))
    return tuple(plot for plot in plots if plot is not None)


def _cost_curves(ladders: Sequence[Ladder], texts: ScenarioTexts, run: Run, stem: str) -> Curves | None:
    """CPU per operation over each ladder; of one at a fixed load also the p99."""

    def cost_us(figures: Figures) -> float:
        return figures.cpu_ns_per_operation.value / 1000

    shown = [
        _curve_panel(ladder, run, ladder.others or texts.title, cost_us) for ladder in ladders[:CURVE_PANELS]
    ]
    if len(ladders) == 1 and ladders[0].fixed_load:
        shown = [
            _curve_panel(ladders[0], run, f"CPU µs per {texts.unit}", cost_us),
            _curve_panel(
                ladders[0],
                run,
                "p99 of the answers [µs], median of the slices",
                lambda figures: figures.objective.p99_us if figures.objective else None,
            ),
        ]
    more = len(ladders) - CURVE_PANELS
    return _curves(
        shown,
        file=f"{stem}-curves.svg",
        title=f"{texts.title}: what grows with {texts.ladder.replace('_', ' ')}?",
        axis=f"CPU per {texts.unit} [µs], both scales logarithmic; level: the cost is that of what is active",
        alternative=f"CPU time per {texts.unit} over {texts.ladder}, one line an adapter",
        left_out=f"{integer(more)} further ladders" if more > 0 else "",
    )


def _memory_curves(ladders: Sequence[Ladder], texts: ScenarioTexts, run: Run, stem: str) -> Curves | None:
    """Bytes per connection over a ladder of connections."""
    if len(ladders) != 1:
        return None
    panels = [
        _curve_panel(
            ladders[0],
            run,
            "the measured processes",
            lambda figures: figures.connecting.rss_bytes_per_connection if figures.connecting else None,
        ),
        _curve_panel(
            ladders[0],
            run,
            "the kernel, both ends of each connection",
            lambda figures: kernel_bytes(figures.connecting) if figures.connecting else None,
        ),
    ]
    return _curves(
        panels,
        file=f"{stem}-memory.svg",
        title=f"{texts.title}: what does a connection hold in memory?",
        axis="bytes per connection, both scales logarithmic; lower is better",
        alternative="Memory per connection over the number of connections, one line an adapter",
    )


def _curves(
    panels: Sequence[CurvePanel], *, file: str, title: str, axis: str, alternative: str, left_out: str = ""
) -> Curves | None:
    drawn = tuple(panel for panel in panels if panel.rows)
    if not drawn:
        return None
    ended = "; ×: the climb ended here" if any(curve.ended for panel in drawn for curve in panel.rows) else ""
    return Curves(
        file=file,
        title=plot_text(title, 110),
        axis=plot_text(axis + ended, 130),
        panels=drawn,
        alternative=alternative,
        left_out=f"Not drawn, but in the tables: {left_out}." if left_out else "",
    )


def _curve_panel(
    ladder: Ladder, run: Run, title: str, figure: Callable[[Figures], float | None]
) -> CurvePanel:
    by_row = ladder.rows()
    top = max((value for points in by_row.values() for value, _row in points), default=0.0)
    styled = Counter(adapter for adapter, _style in by_row)
    curves = []
    for (adapter, style), points in by_row.items():
        values = [(value, shown) for value, row in points if (shown := figure(row.figures)) is not None]
        kept = tuple((value, shown) for value, shown in values if 1e-9 < shown < 1e12 and value < 1e12)
        if kept:
            label = adapter if styled[adapter] == 1 else row_label(adapter, style)
            ended = ladder.fixed_load and kept[-1][0] < top
            curves.append(Curve(plot_text(label, 24), family_of(adapter, run), kept, ended))
    curves.sort(key=lambda curve: (curve.points[-1][1], curve.label))
    return CurvePanel(
        plot_text(title, 60), plot_text(ladder.parameter.replace("_", " "), 40), tuple(curves[:ROWS])
    )


def _cpu(sets: Sequence[MeasuredSet], texts: ScenarioTexts, run: Run, stem: str) -> Plot | None:
    chosen = [
        (measured, [shown for row in measured.rows if (shown := _cost_row(row, run))]) for measured in sets
    ]
    usable = [(measured, rows) for measured, rows in chosen if rows]
    if not usable:
        return None
    panels = tuple(
        Panel(
            plot_text(parameters_text(measured.parameters)),
            tuple(sorted(rows, key=lambda row: (row.marks[0][1], row.label))[:ROWS]),
        )
        for measured, rows in usable[:CPU_PANELS]
    )
    shared = not wide([end for panel in panels for end in panel.ends])
    scale = "" if shared else "; each panel has its own scale"
    return Plot(
        file=f"{stem}-cpu.svg",
        title=plot_text(f"{texts.title}: which library takes the least CPU per {texts.unit}?", 110),
        axis=plot_text(f"CPU per {texts.unit} [µs], median and 95 % interval; left is better{scale}", 100),
        panels=panels,
        alternative=f"CPU time per {texts.unit} of every row, with intervals, one panel a parameter set",
        left_out=_left_out(panels, [len(rows) for _measured, rows in usable]),
        percentiles=False,
        shared_scale=shared,
    )


def _cost_row(row: MeasuredRow, run: Run) -> PlotRow | None:
    figure = row.figures.cpu_ns_per_operation
    value, low, high = (part / 1000 for part in (figure.value, figure.low, figure.high))
    if not (all(map(math.isfinite, (value, low, high))) and 0 < value < 1e12):
        return None
    low, high = min(max(low, value / 1000), value), min(max(high, value), value * 1000)
    return PlotRow(plot_text(row.label, 36), family_of(row.adapter, run), (("p50", value),), low, high)


def wide(values: Sequence[float]) -> bool:
    """Whether a linear scale from zero would press the lean rows together."""
    return max(values) > 8 * min(values)


def _latency(sets: Sequence[MeasuredSet], texts: ScenarioTexts, run: Run, stem: str) -> Plot | None:
    open_loop = any(row.common_rate for measured in sets for row in measured.rows)
    usable = [(measured, rows) for measured in sets if (rows := _percentile_rows(measured, run, open_loop))]
    if not usable:
        return None
    panels = tuple(
        Panel(
            plot_text(parameters_text(measured.parameters) + _rate_text(measured, texts)), tuple(rows[:ROWS])
        )
        for measured, rows in usable[:LATENCY_PANELS]
    )
    all_rows = [row for measured in sets for row in measured.rows]
    fixed = any(row.figures.offered_per_s is not None for row in all_rows)
    question, source = "how late does it come?", own_samples(all_rows)
    if open_loop or fixed:
        question = f"how long does an answer take at a {'fixed' if fixed else 'common'} rate?"
        source = "from the scheduled time (open loop)"
    elif any(row.figures.regime.name != "self-driven" for row in all_rows):
        question = "how long does an answer take?"
    early = min(end for panel in panels for end in panel.ends) <= 0
    scale = (
        "logarithmic on both sides of 0; early left of it, from the earliest on" if early else "logarithmic"
    )
    return Plot(
        file=f"{stem}-latency.svg",
        title=plot_text(f"{texts.title}: {question}", 110),
        axis=plot_text(f"latency [µs], {scale}, {source}{'' if early else '; left is better'}", 130),
        panels=panels,
        alternative="Latency percentiles of every row, one panel a parameter set",
        left_out=_left_out(panels, [len(rows) for _measured, rows in usable]),
        percentiles=True,
    )


def _rate_text(measured: MeasuredSet, texts: ScenarioTexts) -> str:
    rates = {number(rate.offered_per_s) for row in measured.rows if (rate := row.common_rate)}
    return f"; {rates.pop()} {texts.units}/s" if len(rates) == 1 else ""


def _percentile_rows(measured: MeasuredSet, run: Run, open_loop: bool) -> list[PlotRow]:
    rows = []
    for row in measured.rows:
        latency = shown_latency(row, open_loop)
        if latency and (marks := _percentiles(latency)):
            values = [value for _name, value in marks]
            if latency.early_share and latency.min is not None:
                values.append(max(latency.min, -1e12))
            low, high = min(values), max(values)
            rows.append(PlotRow(plot_text(row.label, 36), family_of(row.adapter, run), marks, low, high))
    # By the highest percentile that all rows have, so that rows with fewer samples stand among the others.
    place = min((len(row.marks) for row in rows), default=1) - 1
    return sorted(rows, key=lambda row: (row.marks[place][1], row.label))


def _percentiles(latency: Latency) -> tuple[tuple[str, float], ...]:
    values = {"p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "p99.9": latency.p99_9}
    return tuple(
        (name, min(max(value, 1e-3 if value > 0 else -1e12), 1e12))
        for name, value in values.items()
        if latency.count >= SAMPLES[name] and math.isfinite(value)
    )


def families_of(panels: Sequence[Panel | CurvePanel]) -> list[str]:
    """Families in the order of the legend."""
    return sorted({row.family for panel in panels for row in panel.rows})


def _left_out(panels: Sequence[Panel], row_counts: Sequence[int]) -> str:
    parts = []
    if len(row_counts) > len(panels):
        parts.append(f"{integer(len(row_counts) - len(panels))} of {integer(len(row_counts))} parameter sets")
    if cut := sum(max(0, count - ROWS) for count in row_counts[: len(panels)]):
        parts.append(f"{integer(cut)} rows beyond the first {ROWS} of their panel")
    return f"Not drawn, but in the tables: {' and '.join(parts)}." if parts else ""
