"""Drawing the binding tax as SVG: a group a library, a stacked horizontal bar a row."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from crossloop.markup import digits
from crossloop.report.canvas import (
    AXIS,
    CHARACTER,
    FAINT_INK,
    GRID,
    INK,
    MARGIN,
    WIDTH,
    Word,
    legend,
    legend_height,
    new_sheet,
    svg_of,
    tick_text,
    ticks,
)
from crossloop.report.tax import PARTS, Bar, TaxPlot

BAR = 0.21
HEAD = 0.26
FOOT = 0.3
VALUES = 0.6
_FULL, _THIN = 0.145 * 72, 0.05 * 72
"""Heights of a bar, and of a part that runs backwards, in points."""
_COLOURS = {"system-calls": "#8c959f", "library": "#0072B2", "binding": "#E69F00", "style": "#D9A6C4"}


@dataclass(frozen=True)
class _Place:
    """One bar on the sheet."""

    bar: Bar
    y: float


def tax_svg(plot: TaxPlot) -> bytes:
    """The picture, laid out in inches."""
    styles = {name: (_COLOURS[part], "s") for part, name in PARTS.items()}
    top = legend_height(styles)
    places, words, frames = [], [], []
    for library, bars in plot.groups:
        words.append(Word(MARGIN, top + 0.13, library, size=9, weight="bold"))
        top += HEAD
        frames.append((top, top + BAR * len(bars)))
        places += [_Place(bar, top + BAR * (row + 0.5)) for row, bar in enumerate(bars)]
        top += BAR * len(bars)
    height = top + FOOT
    sheet = new_sheet(height)
    scale = _Scale.of([place.bar for place in places])
    _grid(sheet, scale, frames)
    _bars(sheet, scale, places)
    words += [
        Word(scale.x(tick), top + 0.12, tick_text(tick), align="center")
        for tick in ticks(0, scale.most, log=False)
    ]
    for place in places:
        value = digits.number(place.bar.steps[-1][1])
        words.append(Word(scale.left - 0.1, place.y, place.bar.label, align="right"))
        words.append(Word(scale.right + VALUES, place.y, value, align="right", colour=FAINT_INK))
    return svg_of(sheet, [*legend(sheet, plot.title, plot.axis, styles), *words], height, plot.title)


@dataclass(frozen=True)
class _Scale:
    """One linear scale from zero for all bars."""

    left: float
    right: float
    most: float

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> "_Scale":
        longest = max(len(bar.label) for bar in bars)
        ends = [end for bar in bars for _part, end in bar.steps] + [bar.high for bar in bars]
        left = MARGIN + min(2.75, max(0.9, longest * 8 * CHARACTER + 0.12))
        return cls(left, WIDTH - MARGIN - VALUES, max(ends) * 1.04)

    def x(self, value: float) -> float:
        """Place of a value; what lies below zero stands at it."""
        return self.left + max(0.0, value) / self.most * (self.right - self.left)


def _grid(sheet: Axes, scale: _Scale, frames: Sequence[tuple[float, float]]) -> None:
    lines = ticks(0, scale.most, log=False)
    for top, bottom in frames:
        sheet.vlines([scale.x(tick) for tick in lines], top, bottom, color=GRID, linewidth=0.7, zorder=0)
        sheet.hlines([bottom], [scale.left], [scale.right], color=AXIS, linewidth=0.8, zorder=0)


def _bars(sheet: Axes, scale: _Scale, places: Sequence[_Place]) -> None:
    """Each part from where the one before ended; a negative one runs back, thin, over what it takes away."""
    for part, colour in _COLOURS.items():
        for forwards in (True, False):
            found = [
                (place.y, scale.x(before), scale.x(end))
                for place in places
                for (name, end), before in zip(place.bar.steps, _starts(place.bar), strict=True)
                if name == part and (end >= before) is forwards
            ]
            if found:
                sheet.hlines(
                    [y for y, _, _ in found],
                    [start for _, start, _ in found],
                    [end for _, _, end in found],
                    color=colour if forwards else INK,
                    linewidth=_FULL if forwards else _THIN,
                    zorder=1 if forwards else 2,
                )
    sheet.hlines(
        [place.y for place in places],
        [scale.x(place.bar.low) for place in places],
        [scale.x(place.bar.high) for place in places],
        color=INK,
        linewidth=1.0,
        zorder=3,
    )


def _starts(bar: Bar) -> list[float]:
    return [0.0, *(end for _part, end in bar.steps[:-1])]
