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
from crossloop.report.plots import Curves, Panel, Percentiles, Plot, Point, wide
from crossloop.report.tax import TaxPlot
from crossloop.report.tax_drawing import tax_svg

ROW = 0.185
PANEL_HEAD = 0.3
PANEL_FOOT = 0.36

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
    styles = family_styles(plot.families)
    heights = [len(panel.points) * ROW + PANEL_HEAD + PANEL_FOOT for panel in plot.panels]
    places, height = boxes(heights, head_height(styles))
    figure = new_figure(height, plot.title, plot.axis, styles)
    if any(isinstance(point, Percentiles) for panel in plot.panels for point in panel.points):
        figure.legend(
            handles=[
                Line2D([], [], label=name, linestyle="", **marker_of((FAINT_INK, "o"), fill))
                for name, fill in _PERCENTILE_FILL.items()
            ],
            loc="upper right",
            bbox_to_anchor=(1 - MARGIN / WIDTH, 1 - 0.345 / height),
            ncols=len(_PERCENTILE_FILL),
        )
    labels = label_width([point.label for panel in plot.panels for point in panel.points])
    for panel, box in zip(plot.panels, places, strict=True):
        points = [isinstance(point, Point) for point in panel.points]
        top = box.top + PANEL_HEAD
        inner = Box(
            left=box.left + labels,
            right=box.right - (VALUE_COLUMN if points[0] else 0.1),
            top=top,
            bottom=top + len(points) * ROW,
        )
        rows = [
            (one.label, digits.number(one.value) if isinstance(one, Point) else "") for one in panel.points
        ]
        axes = add_rows(figure, inner, box.left, panel.title, rows)
        set_scale(axes, "x", *_ends(plot, panel))
        for row, point in enumerate(panel.points):
            _draw_row(axes, row, point, styles)
    return svg_of(figure, plot.title)


def _ends(plot: Plot, panel: Panel) -> tuple[float, float]:
    """Both ends of a panel's scale: from 0 where it is linear."""
    ends = [end for one in plot.panels for end in one.ends] if plot.shared_scale else panel.ends
    low, high = min(ends), max(ends)
    if low <= 0:
        return 1.3 * min(low, -1.0), 1.3 * max(high, 1.0)
    return (
        (low / 1.2, high * 1.2)
        if wide(ends) or isinstance(panel.points[0], Percentiles)
        else (0.0, high * 1.05)
    )


def _draw_row(
    axes: Axes, row: int, point: Point | Percentiles, styles: Mapping[str, tuple[str, str]]
) -> None:
    """Shade, whisker, and markers, which are hollow for high percentiles."""
    if row % 2:
        axes.axhspan(row - 0.5, row + 0.5, color=_SHADE, linewidth=0, zorder=0)
    axes.hlines(row, min(point.ends), max(point.ends), color=styles[point.family][0], linewidth=1.6, zorder=2)
    marks = {"p50": point.value} if isinstance(point, Point) else dict(point.values)
    for name, value in marks.items():
        axes.plot(value, row, zorder=3, **marker_of(styles[point.family], _PERCENTILE_FILL[name]))
