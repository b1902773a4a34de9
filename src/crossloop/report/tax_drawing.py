"""Drawing the binding tax as SVG: a group a library, a stacked horizontal bar a row."""

from matplotlib.axes import Axes

from crossloop.markup import digits
from crossloop.report.canvas import (
    INK,
    MARGIN,
    VALUE_COLUMN,
    WIDTH,
    Box,
    add_rows,
    head_height,
    label_width,
    new_figure,
    set_scale,
    svg_of,
)
from crossloop.report.tax import PARTS, Bar, TaxPlot

BAR = 0.21
HEAD = 0.26
FOOT = 0.3
_FULL, _THIN = 0.69, 0.24
"""Heights of a bar, and of a part that runs backwards, of a row's."""
_COLOURS = {"system-calls": "#8c959f", "library": "#0072B2", "binding": "#E69F00", "style": "#D9A6C4"}


def tax_svg(plot: TaxPlot) -> bytes:
    """The picture, laid out in inches."""
    styles = {name: (_COLOURS[part], "s") for part, name in PARTS.items()}
    bars = [bar for _library, group in plot.groups for bar in group]
    most = max([end for bar in bars for _part, end in bar.steps] + [bar.high for bar in bars]) * 1.04
    left = MARGIN + label_width([bar.label for bar in bars])
    top = head_height(styles)
    figure = new_figure(top + HEAD * len(plot.groups) + BAR * len(bars) + FOOT, plot.title, plot.axis, styles)
    for library, group in plot.groups:
        top += HEAD
        inner = Box(left, WIDTH - MARGIN - VALUE_COLUMN, top, top + BAR * len(group))
        rows = [(bar.label, digits.number(bar.steps[-1][1])) for bar in group]
        axes = add_rows(figure, inner, MARGIN, library, rows)
        set_scale(axes, "x", 0.0, most)
        axes.tick_params(labelbottom=library == plot.groups[-1][0])
        for row, bar in enumerate(group):
            _draw_bar(axes, row, bar)
        top = inner.bottom
    return svg_of(figure, plot.title)


def _draw_bar(axes: Axes, row: int, bar: Bar) -> None:
    """Each part from where the one before ended; a negative one runs back, thin, over what it takes away."""
    before = 0.0
    for part, end in bar.steps:
        if end >= before:
            axes.barh(row, end - before, left=before, height=_FULL, color=_COLOURS[part], zorder=1)
        else:
            axes.barh(row, end - before, left=before, height=_THIN, color=INK, zorder=2)
        before = end
    axes.hlines(row, bar.low, bar.high, color=INK, linewidth=1.0, zorder=3)
