"""Drawing plots of rows as SVG: a panel a parameter set, a row a marker with its whiskers, or its percentiles."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from matplotlib.axes import Axes

from crossloop.markup import digits
from crossloop.report.canvas import (
    AXIS,
    CHARACTER,
    FAINT_INK,
    GRID,
    MARGIN,
    WIDTH,
    Word,
    entry,
    family_styles,
    legend,
    legend_height,
    new_sheet,
    scatter,
    settings,
    svg_of,
    tick_text,
    ticks,
)
from crossloop.report.curve_drawing import curves_svg
from crossloop.report.plots import Curves, Panel, Percentiles, Plot, Point, wide
from crossloop.report.tax import TaxPlot
from crossloop.report.tax_drawing import tax_svg

ROW = 0.185
PANEL_HEAD = 0.3
PANEL_FOOT = 0.36
VALUE_COLUMN = 0.6
"""Right of a panel of points: the figures themselves."""

_SHADE = "#f6f8fa"
_PERCENTILE_FILL = {"p50": 1.0, "p90": 0.66, "p99": 0.33, "p99.9": 0.0}


def draw(plots: Sequence[Plot | Curves | TaxPlot]) -> dict[str, bytes]:
    """File name → SVG of each plot."""
    with settings():
        return {plot.file: _any_svg(plot) for plot in plots}


def _any_svg(plot: Plot | Curves | TaxPlot) -> bytes:
    match plot:
        case Plot():
            return _svg(plot)
        case Curves():
            return curves_svg(plot)
        case TaxPlot():
            return tax_svg(plot)
        case _:
            assert_never(plot)


def _svg(plot: Plot) -> bytes:
    """One plot, laid out in inches."""
    styles = family_styles(plot.families)
    columns = min(2, len(plot.panels))
    lines = [plot.panels[start : start + columns] for start in range(0, len(plot.panels), columns)]
    heights = [max(len(panel.points) for panel in line) * ROW + PANEL_HEAD + PANEL_FOOT for line in lines]
    head = legend_height(styles)
    height = head + sum(heights)
    sheet = new_sheet(height)
    frames = []
    top = head
    for line, line_height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            frames.append(_frame(plot, panel, column * WIDTH / columns, top, WIDTH / columns))
        top += line_height
    _grid(sheet, frames)
    _marks(sheet, frames, styles)
    words = [*legend(sheet, plot.title, plot.axis, styles), *_percentile_legend(sheet, plot)]
    return svg_of(sheet, [*words, *_panel_words(frames)], height, plot.title)


def _percentile_legend(sheet: Axes, plot: Plot) -> list[Word]:
    """Percentiles, where there are any, right of the title."""
    words = []
    if any(isinstance(point, Percentiles) for panel in plot.panels for point in panel.points):
        x = WIDTH - MARGIN - 0.75 * len(_PERCENTILE_FILL)
        for name, fill in _PERCENTILE_FILL.items():
            words.append(entry(sheet, x, 0.40, name, (FAINT_INK, "o"), fill))
            x += 0.75
    return words


@dataclass(frozen=True)
class _Frame:
    """Where a panel lies on the sheet, and its scale."""

    panel: Panel
    corner: float
    """Left end of the panel, labels included."""
    left: float
    right: float
    top: float
    low: float
    high: float
    log: bool

    @property
    def bottom(self) -> float:
        return self.top + len(self.panel.points) * ROW

    def x(self, value: float) -> float:
        """Place of a value."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, row: int) -> float:
        """Middle of a row."""
        return self.top + (row + 0.5) * ROW


def _frame(plot: Plot, panel: Panel, corner: float, top: float, width: float) -> _Frame:
    values = VALUE_COLUMN if isinstance(panel.points[0], Point) else 0.1
    low, high, log = _scale(plot, panel)
    return _Frame(
        panel=panel,
        corner=corner + MARGIN,
        left=corner + MARGIN + _label_width(plot),
        right=corner + width - MARGIN - values,
        top=top + PANEL_HEAD,
        low=low,
        high=high,
        log=log,
    )


def _label_width(plot: Plot) -> float:
    longest = max(len(point.label) for panel in plot.panels for point in panel.points)
    return min(2.75, max(0.9, longest * 8 * CHARACTER + 0.12))


def _scale(plot: Plot, panel: Panel) -> tuple[float, float, bool]:
    """Both ends of a panel's scale, and whether it is logarithmic."""
    ends = [end for one in plot.panels for end in one.ends] if plot.shared_scale else panel.ends
    low, high = min(ends), max(ends)
    log = wide(ends) or isinstance(panel.points[0], Percentiles)
    return (low / 1.2, high * 1.2, True) if log else (0.0, high * 1.05, False)


def _grid(sheet: Axes, frames: Sequence[_Frame]) -> None:
    """Shaded rows, grid lines and axes of all panels."""
    shaded = [(one, one.y(row)) for one in frames for row in range(1, len(one.panel.points), 2)]
    sheet.hlines(
        [y for _, y in shaded],
        [one.left for one, _ in shaded],
        [one.right for one, _ in shaded],
        color=_SHADE,
        linewidth=ROW * 72,
        zorder=0,
    )
    lines = [(one, one.x(tick)) for one in frames for tick in ticks(one.low, one.high, log=one.log)]
    sheet.vlines(
        [x for _, x in lines],
        [one.top for one, _ in lines],
        [one.bottom for one, _ in lines],
        color=GRID,
        linewidth=0.7,
        zorder=1,
    )
    sheet.hlines(
        [one.bottom for one in frames],
        [one.left for one in frames],
        [one.right for one in frames],
        color=AXIS,
        linewidth=0.8,
        zorder=1,
    )


def _panel_words(frames: Sequence[_Frame]) -> list[Word]:
    """Titles, ticks, names left of the rows; right of them the figure, for those who want it exactly."""
    words = []
    for one in frames:
        words.append(Word(one.corner, one.top - 0.15, one.panel.title, size=9, weight="bold"))
        for tick in ticks(one.low, one.high, log=one.log):
            words.append(Word(one.x(tick), one.bottom + 0.1, tick_text(tick), align="center"))
        for row, point in enumerate(one.panel.points):
            words.append(Word(one.left - 0.1, one.y(row), point.label, align="right"))
            if isinstance(point, Point):
                text, place = digits.number(point.value), one.right + VALUE_COLUMN
                words.append(Word(place, one.y(row), text, align="right", colour=FAINT_INK))
    return words


def _marks(sheet: Axes, frames: Sequence[_Frame], styles: Mapping[str, tuple[str, str]]) -> None:
    """Whiskers and markers, a few collections for all rows of all panels."""
    rows = [(one, row, point) for one in frames for row, point in enumerate(one.panel.points)]
    sheet.hlines(
        [one.y(row) for one, row, _ in rows],
        [one.x(min(point.ends)) for one, _, point in rows],
        [one.x(max(point.ends)) for one, _, point in rows],
        colors=[styles[point.family][0] for *_, point in rows],
        linewidth=1.6,
        zorder=2,
    )
    places: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for one, row, point in rows:
        for fill, value in _filled(point):
            places.setdefault((point.family, fill), []).append((one.x(value), one.y(row)))
    for (family, fill), found in places.items():
        scatter(sheet, found, styles[family], fill)


def _filled(point: Point | Percentiles) -> list[tuple[float, float]]:
    """Markers of a row: how far each is filled, and its value."""
    if isinstance(point, Point):
        return [(1.0, point.value)]
    return [(_PERCENTILE_FILL[name], value) for name, value in point.values]
