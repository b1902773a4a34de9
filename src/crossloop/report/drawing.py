"""Drawing plots of rows as SVG: a panel a parameter set, a row a marker with its whiskers, or its percentiles."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crossloop.markup import digits
from crossloop.report.canvas import (
    FAINT_INK,
    MARGIN,
    VALUE_COLUMN,
    WIDTH,
    Box,
    add_rows,
    boxes,
    family_styles,
    head_height,
    label_width,
    marker_of,
    new_figure,
    set_scale,
    settings,
    svg_of,
)
from crossloop.report.curve_drawing import curves_svg
from crossloop.report.heat_map import HeatMap
from crossloop.report.heat_map_drawing import heat_map_svg
from crossloop.report.plots import Curves, Panel, Plot, PlotRow, families_of, wide
from crossloop.report.tax import TaxPlot
from crossloop.report.tax_drawing import tax_svg

ROW = 0.185
PANEL_HEAD = 0.3
PANEL_FOOT = 0.36

_SHADE = "#f6f8fa"
_PERCENTILE_FILL = {"p50": 1.0, "p90": 0.66, "p99": 0.33, "p99.9": 0.0}


def draw(plots: Sequence[Plot | Curves | TaxPlot | HeatMap]) -> dict[str, bytes]:
    """File name → SVG of each plot."""
    with settings():
        return {plot.file: _any_svg(plot) for plot in plots}


def _any_svg(plot: Plot | Curves | TaxPlot | HeatMap) -> bytes:
    match plot:
        case Plot():
            return _svg(plot)
        case Curves():
            return curves_svg(plot)
        case TaxPlot():
            return tax_svg(plot)
        case HeatMap():
            return heat_map_svg(plot)
        case _:
            assert_never(plot)


def _svg(plot: Plot) -> bytes:
    styles = family_styles(families_of(plot.panels))
    heights = [len(panel.rows) * ROW + PANEL_HEAD + PANEL_FOOT for panel in plot.panels]
    places, height = boxes(heights, head_height(styles))
    figure = new_figure(height, plot.title, plot.axis, styles)
    if plot.percentiles:
        figure.legend(
            handles=[
                Line2D([], [], label=name, linestyle="", **marker_of((FAINT_INK, "o"), fill))
                for name, fill in _PERCENTILE_FILL.items()
            ],
            loc="upper right",
            bbox_to_anchor=(1 - MARGIN / WIDTH, 1 - 0.345 / height),
            ncols=len(_PERCENTILE_FILL),
        )
    labels = label_width([row.label for panel in plot.panels for row in panel.rows])
    for panel, box in zip(plot.panels, places, strict=True):
        top = box.top + PANEL_HEAD
        inner = Box(
            left=box.left + labels,
            right=box.right - (0.1 if plot.percentiles else VALUE_COLUMN),
            top=top,
            bottom=top + len(panel.rows) * ROW,
        )
        rows = [(row.label, "" if plot.percentiles else digits.number(row.marks[0][1])) for row in panel.rows]
        axes = add_rows(figure, inner, box.left, panel.title, rows)
        set_scale(axes, "x", *_ends(plot, panel))
        for row, shown in enumerate(panel.rows):
            _draw_row(axes, row, shown, styles)
    return svg_of(figure, plot.title)


def _ends(plot: Plot, panel: Panel) -> tuple[float, float]:
    """Both ends of a panel's scale: from 0 where it is linear."""
    ends = [end for other in plot.panels for end in other.ends] if plot.shared_scale else panel.ends
    low, high = min(ends), max(ends)
    if low <= 0:
        return 1.3 * min(low, -1.0), 1.3 * max(high, 1.0)
    return (low / 1.2, high * 1.2) if wide(ends) or plot.percentiles else (0.0, high * 1.05)


def _draw_row(axes: Axes, row: int, shown: PlotRow, styles: Mapping[str, tuple[str, str]]) -> None:
    """Shade, whisker, and markers, which are hollow for high percentiles."""
    if row % 2:
        axes.axhspan(row - 0.5, row + 0.5, color=_SHADE, linewidth=0, zorder=0)
    axes.hlines(row, shown.low, shown.high, color=styles[shown.family][0], linewidth=1.6, zorder=2)
    for name, value in shown.marks:
        axes.plot(value, row, zorder=3, **marker_of(styles[shown.family], _PERCENTILE_FILL[name]))
