"""Drawing curves as SVG: both scales logarithmic, a line an adapter, its name where the line ends.

Names stand in a column right of the lines, in the order of the lines' ends, pushed apart no further than they
must be, and tied to their ends by a thin line: a legend of eighteen entries nobody reads. Lines of one family
have its colour and marker, and differ in how dark they are and in their dashes.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.axes import Axes

from crossloop.report.canvas import (
    AXIS,
    CHARACTER,
    FAINT_INK,
    GRID,
    INK,
    MARGIN,
    WIDTH,
    Word,
    family_styles,
    legend,
    legend_height,
    new_sheet,
    scatter,
    shaded,
    svg_of,
    tick_text,
    ticks,
)
from crossloop.report.plots import CurvePanel, Curves

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
    styles = family_styles(plot.families)
    columns = min(2, len(plot.panels))
    lines = [plot.panels[start : start + columns] for start in range(0, len(plot.panels), columns)]
    heights = [max(LEAST_HEIGHT, *(len(panel.curves) * NAME_LINE for panel in line)) for line in lines]
    head = legend_height(styles)
    height = head + sum(heights) + len(lines) * (PANEL_HEAD + PANEL_FOOT)
    sheet = new_sheet(height)
    words = legend(sheet, plot.title, plot.axis, styles)
    strokes = _strokes(plot, styles)
    top = head
    for line, line_height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            frame = _frame(panel, column * WIDTH / columns, WIDTH / columns, top + PANEL_HEAD, line_height)
            words += _panel(sheet, frame, strokes)
        top += line_height + PANEL_HEAD + PANEL_FOOT
    return svg_of(sheet, words, height, plot.title)


@dataclass(frozen=True)
class _Frame:
    """Where a panel lies on the sheet, and its scales."""

    panel: CurvePanel
    corner: float
    left: float
    right: float
    top: float
    bottom: float
    low: tuple[float, float]
    """Least x and y of the scales."""
    high: tuple[float, float]

    def x(self, value: float) -> float:
        """Place of a value on the horizontal scale."""
        return self.left + _part(value, self.low[0], self.high[0]) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Place of a value on the vertical scale."""
        return self.bottom - _part(value, self.low[1], self.high[1]) * (self.bottom - self.top)


def _part(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low)


def _frame(panel: CurvePanel, corner: float, width: float, top: float, height: float) -> _Frame:
    names = max(len(curve.label) for curve in panel.curves) * NAME_SIZE * CHARACTER
    xs = [x for curve in panel.curves for x, _y in curve.points]
    ys = [y for curve in panel.curves for _x, y in curve.points]
    return _Frame(
        panel=panel,
        corner=corner + MARGIN,
        left=corner + MARGIN + TICK_COLUMN,
        right=corner + width - MARGIN - names - TIE,
        top=top,
        bottom=top + height,
        low=(min(xs) / 1.15, min(ys) / 1.3),
        high=(max(xs) * 1.15, max(ys) * 1.3),
    )


@dataclass(frozen=True)
class _Stroke:
    """How a line looks."""

    colour: str
    marker: str
    dashes: _Dash


def _strokes(plot: Curves, styles: Mapping[str, tuple[str, str]]) -> dict[tuple[str, str], _Stroke]:
    """Of each line, by family and name: one line looks the same in all panels."""
    names = sorted({(curve.family, curve.label) for panel in plot.panels for curve in panel.curves})
    members: Counter[str] = Counter()
    found = {}
    for family, label in names:
        colour, marker = styles[family]
        turn, shade = divmod(members[family], len(_SHADES))
        found[family, label] = _Stroke(shaded(colour, _SHADES[shade]), marker, _DASHES[turn % len(_DASHES)])
        members[family] += 1
    return found


def _panel(
    sheet: Axes,
    frame: _Frame,
    strokes: Mapping[tuple[str, str], _Stroke],
) -> list[Word]:
    """Scales, lines, markers and names of one panel."""
    words = _scales(sheet, frame)
    ends = [frame.y(curve.points[-1][1]) for curve in frame.panel.curves]
    places = dict(zip(frame.panel.curves, apart(ends, NAME_LINE, frame.top, frame.bottom), strict=True))
    for curve in frame.panel.curves:
        stroke = strokes[curve.family, curve.label]
        spots = [(frame.x(x), frame.y(y)) for x, y in curve.points]
        sheet.plot(
            *zip(*spots, strict=True), color=stroke.colour, linewidth=1.2, linestyle=stroke.dashes, zorder=2
        )
        scatter(sheet, spots, (stroke.colour, stroke.marker), 1.0)
        name = places[curve]
        tie = [spots[-1], (frame.right + 0.06, spots[-1][1]), (frame.right + TIE - 0.06, name)]
        sheet.plot(*zip(*tie, strict=True), color=stroke.colour, linewidth=0.5, linestyle=":", zorder=1)
        if curve.ended:
            sheet.scatter(
                [spots[-1][0]], [spots[-1][1]], s=90, marker="x", color=INK, linewidths=1.1, zorder=4
            )
        words.append(Word(frame.right + TIE, name, curve.label, size=NAME_SIZE))
    return words


def _scales(sheet: Axes, frame: _Frame) -> list[Word]:
    """Title, grid, ticks: the rungs themselves below, round numbers on the left."""
    panel = frame.panel
    rungs = sorted({x for curve in panel.curves for x, _y in curve.points})
    levels = ticks(frame.low[1], frame.high[1], log=True)
    sheet.vlines([frame.x(x) for x in rungs], frame.top, frame.bottom, color=GRID, linewidth=0.7, zorder=0)
    sheet.hlines([frame.y(y) for y in levels], frame.left, frame.right, color=GRID, linewidth=0.7, zorder=0)
    sheet.hlines([frame.bottom], [frame.left], [frame.right], color=AXIS, linewidth=0.8, zorder=1)
    words = [Word(frame.corner, frame.top - 0.17, panel.title, size=9, weight="bold")]
    words += [
        Word(frame.x(x), frame.bottom + 0.12, tick_text(x), align="center") for x in _legible(frame, rungs)
    ]
    words += [Word(frame.left - 0.08, frame.y(y), tick_text(y), align="right") for y in levels]
    middle = (frame.left + frame.right) / 2
    return [*words, Word(middle, frame.bottom + 0.31, panel.across, align="center", colour=FAINT_INK)]


def _legible(frame: _Frame, rungs: Sequence[float]) -> list[float]:
    """Rungs whose numbers do not run into one another, the highest first."""
    kept: list[float] = []
    left = math.inf
    for rung in reversed(rungs):
        half = len(tick_text(rung)) * 8 * CHARACTER / 2 + 0.03
        if frame.x(rung) + half <= left:
            kept.append(rung)
            left = frame.x(rung) - half
    return kept


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
            first = sum(wanted[one] - gap * place for place, one in enumerate(members)) / len(members)
        blocks.append((members, first))
    places = [0.0] * len(wanted)
    for members, first in blocks:
        for place, index in enumerate(members):
            places[index] = first + gap * place
    return places
