"""Drawing the headline as a heat map: one path for all cells of a colour, so that the file stays small."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from crossloop.report.canvas import CHARACTER, FAINT_INK, INK, MARGIN, WIDTH, svg_of, titled_figure
from crossloop.report.heat_map import BLACK, HeatCell, HeatMap, colour_of, ink_on

ROW = 0.2
GROUP_GAP = 0.1
HEADS = 0.98
"""Height of the heads of columns, which are turned."""
OVERHANG = 0.42
"""How far the last head reaches beyond its column."""
TITLE = 0.62
_TURN = 60
_GAP = 0.0125
_SIZE, _WORD_SIZE = 7.0, 6.0
_HATCH = "#d0d7de"
Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom, in inches."""


def heat_map_svg(plot: HeatMap) -> bytes:
    """The picture, laid out in inches."""
    left = round(MARGIN + max([0.9, *(len(label) * 8 * CHARACTER + 0.1 for label, _cells in plot.rows)]), 2)
    top = TITLE + HEADS
    height = top + ROW * len(plot.rows) + MARGIN
    lefts, width = _columns(plot, left)
    figure = titled_figure(height, plot.title, plot.axis)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    places = [
        (cell, (x + _GAP, y + _GAP, x + width - _GAP, y + ROW - _GAP))
        for row, (_label, cells) in enumerate(plot.rows)
        for y in [top + ROW * row]
        for cell, x in zip(cells, lefts, strict=True)
    ]
    _draw_heads(axes, plot, lefts, width, top)
    _draw_grounds(axes, places)
    for row, (label, _cells) in enumerate(plot.rows):
        y = top + ROW * (row + 0.5)
        axes.text(left - 0.07, y, label, size=8, ha="right", va="center_baseline")
    for cell, (x, y, right, bottom) in places:
        _draw_text(axes, cell, (x + right) / 2, (y + bottom) / 2)
    return svg_of(figure, plot.title)


def _columns(plot: HeatMap, left: float) -> tuple[list[float], float]:
    """Left end of each column, and the width of all."""
    count = sum(len(group.heads) for group in plot.groups)
    gaps = GROUP_GAP * (len(plot.groups) - 1)
    width = min(
        0.5, math.floor(100 * (WIDTH - OVERHANG - left - gaps) / count) / 100
    )  # short numbers in the file
    lefts = []
    for group in plot.groups:
        for _head in group.heads:
            lefts.append(left)
            left += width
        left += GROUP_GAP
    return lefts, width


def _draw_heads(axes: Axes, plot: HeatMap, lefts: Sequence[float], width: float, top: float) -> None:
    first = 0
    for group in plot.groups:
        last = first + len(group.heads)
        axes.text(lefts[first], TITLE, group.heading, size=8, weight="bold", va="center_baseline")
        ends = (lefts[first], lefts[last - 1] + width - _GAP)
        axes.plot(ends, (TITLE + 0.1, TITLE + 0.1), color=FAINT_INK, linewidth=0.8, solid_capstyle="butt")
        for head, x in zip(group.heads, lefts[first:last], strict=True):
            axes.text(
                x + width / 2, top - 0.05, head,
                size=8, rotation=_TURN, rotation_mode="anchor", ha="left", va="center",
            )  # fmt: skip
        first = last


def _draw_grounds(axes: Axes, places: Sequence[tuple[HeatCell, Rectangle]]) -> None:
    by_step: dict[int | None, list[Rectangle]] = {}
    for cell, place in places:
        by_step.setdefault(cell.step, []).append(place)
    for step in sorted(by_step, key=lambda each: (each is None, each or 0)):
        if step is None:
            look: dict[str, Any] = {
                "facecolor": "none",
                "edgecolor": _HATCH,
                "hatch": "////",
                "linewidth": 0.4,
            }
        else:
            look = {"facecolor": colour_of(step), "edgecolor": "#e6e9ec", "linewidth": 0.4}
        axes.add_patch(PathPatch(_path(by_step[step]), **look))
    if leading := [place for cell, place in places if cell.leads]:
        axes.add_patch(PathPatch(_path(leading), facecolor="none", edgecolor=INK, linewidth=1.1))


def _path(rectangles: Sequence[Rectangle]) -> Path:
    corners = []
    for left, top, right, bottom in rectangles:
        corners += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(corners, codes * len(rectangles))


def _draw_text(axes: Axes, cell: HeatCell, x: float, y: float) -> None:
    look: dict[str, Any] = {"size": _SIZE, "color": BLACK}
    if cell.step is None:
        look = {"size": _WORD_SIZE, "color": FAINT_INK}
    else:
        look["color"] = ink_on(colour_of(cell.step))
        look["weight"] = "bold" if cell.leads else "normal"
    axes.text(x, y, cell.text, ha="center", va="center_baseline", **look)
