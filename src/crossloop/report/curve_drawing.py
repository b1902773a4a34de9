"""Drawing curves as SVG: both scales logarithmic, a line an adapter, its name where the line ends.

Names stand in a column right of the lines, in the order of the lines' ends, pushed apart no further than they
must be, and tied to their ends by a thin line: a legend of eighteen entries nobody reads. Lines of one family
have its colour and marker, and differ in how dark they are and in their dashes.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import Any, TypeAlias

from matplotlib.axes import Axes

from crossloop.report.canvas import (
    CHARACTER,
    INK,
    Box,
    add_panel,
    boxes,
    family_styles,
    head_height,
    marker_of,
    new_figure,
    set_scale,
    shaded,
    svg_of,
    tick_text,
)
from crossloop.report.plots import CurvePanel, Curves, families_of

NAME_SIZE = 7.5
NAME_LINE = 0.15
"""Height of a name, so that two do not touch."""
LEAST_HEIGHT = 2.9
PANEL_HEAD = 0.34
PANEL_FOOT = 0.5
TICK_COLUMN = 0.64
TIE = 0.3
"""Between the lines and their names."""
_SHADES = (0.0, 0.45, -0.55)
"""Of a family's members in turn: its colour, towards white, towards black."""
_Dash: TypeAlias = str | tuple[int, tuple[float, ...]]
_DASHES: tuple[_Dash, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1.5)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)


def curves_svg(plot: Curves) -> bytes:
    """One plot, laid out in inches."""
    styles = family_styles(families_of(plot.panels))
    inner = [max(LEAST_HEIGHT, len(panel.rows) * NAME_LINE) for panel in plot.panels]
    places, height = boxes([height + PANEL_HEAD + PANEL_FOOT for height in inner], head_height(styles))
    figure = new_figure(height, plot.title, plot.axis, styles)
    strokes = _strokes(plot, styles)
    for panel, box in zip(plot.panels, places, strict=True):
        names = max(len(curve.label) for curve in panel.rows) * NAME_SIZE * CHARACTER
        frame = Box(
            box.left + TICK_COLUMN, box.right - names - TIE, box.top + PANEL_HEAD, box.bottom - PANEL_FOOT
        )
        _draw_panel(add_panel(figure, frame, box.left, panel.title), panel, frame, strokes)
    return svg_of(figure, plot.title)


def _strokes(plot: Curves, styles: Mapping[str, tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """How matplotlib draws each line, by family and name: one line looks the same in all panels."""
    names = sorted({(curve.family, curve.label) for panel in plot.panels for curve in panel.rows})
    looks = {family: cycle(product(_DASHES, _SHADES)) for family in styles}
    strokes = {}
    for family, label in names:
        colour, marker = styles[family]
        dashes, shade = next(looks[family])
        strokes[family, label] = {"linestyle": dashes, **marker_of((shaded(colour, shade), marker))}
    return strokes


def _draw_panel(
    axes: Axes, panel: CurvePanel, frame: Box, strokes: Mapping[tuple[str, str], dict[str, Any]]
) -> None:
    """Scales, lines, markers and names; the rungs themselves are the ticks below."""
    rungs = sorted({x for curve in panel.rows for x, _y in curve.points})
    levels = [y for curve in panel.rows for _x, y in curve.points]
    width, height = frame.right - frame.left, frame.bottom - frame.top
    set_scale(axes, "x", rungs[0] / 1.15, rungs[-1] * 1.15)
    set_scale(axes, "y", min(levels) / 1.3, max(levels) * 1.3)
    axes.set_xlabel(panel.across, labelpad=6)
    fraction = (axes.transData + axes.transAxes.inverted()).transform
    axes.set_xticks(rungs, _legible(rungs, [float(fraction((x, 1))[0]) * width for x in rungs]))
    ends = [1 - float(fraction(curve.points[-1])[1]) for curve in panel.rows]
    for curve, end, name in zip(panel.rows, ends, apart(ends, NAME_LINE / height, 0, 1), strict=True):
        stroke = strokes[curve.family, curve.label]
        axes.plot(*zip(*curve.points, strict=True), linewidth=1.2, **stroke)
        last = curve.points[-1]
        if curve.ended:
            axes.scatter(*last, s=90, marker="x", color=INK, linewidths=1.1, zorder=4)
        tie = [float(fraction(last)[0]), 1 + 0.06 / width, 1 + (TIE - 0.06) / width]
        axes.plot(
            tie,
            [1 - end, 1 - end, 1 - name],
            color=stroke["color"],
            linewidth=0.5,
            linestyle=":",
            transform=axes.transAxes,
            clip_on=False,
            zorder=1,
        )
        place = 1 + TIE / width, 1 - name
        axes.text(*place, curve.label, size=NAME_SIZE, va="center_baseline", transform=axes.transAxes)


def _legible(rungs: Sequence[float], places: Sequence[float]) -> list[str]:
    """Numbers of the rungs, empty where one would run into the next; the highest is kept. *places* are inches."""
    texts = []
    left = math.inf
    for rung, place in zip(reversed(rungs), reversed(places), strict=True):
        half = len(tick_text(rung)) * 8 * CHARACTER / 2 + 0.03
        fits = place + half <= left
        texts.append(tick_text(rung) if fits else "")
        left = place - half if fits else left
    return texts[::-1]


def apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places next to *wanted*, in the same order, at least *gap* apart and within *low* to *high* if they fit.

    Neighbours that would touch become a block around the mean of what they want; blocks that touch are
    joined (the pooling of isotonic regression), so that nothing moves further than it must.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[tuple[list[int], float]] = []  # members, and where the first one would like to stand
    for index in order:
        members, first = [index], wanted[index]
        while True:
            first = min(max(first, low + gap / 2), max(low, high - gap * (len(members) - 0.5)))
            if not blocks or blocks[-1][1] + gap * len(blocks[-1][0]) <= first:
                break
            before = blocks.pop()[0]
            members = before + members
            first = sum(wanted[member] - gap * place for place, member in enumerate(members)) / len(members)
        blocks.append((members, first))
    places = [0.0] * len(wanted)
    for members, first in blocks:
        for place, index in enumerate(members):
            places[index] = first + gap * place
    return places
