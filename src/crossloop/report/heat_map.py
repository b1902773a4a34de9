"""The headline as a heat map, as data: a line an adapter, a column a question, groups beside each other. Pure.

Every cell has its ratio written in it, so that the picture can be read without colour; colour is the logarithm of the
ratio. What has no figure is hatched and has a word.

Colours: from white to the orange of Okabe and Ito ("Color Universal Design", 2008) for ratios above 1, to their blue
below 1; both are told apart with colour-blindness. Each step is written on in black or white, whichever stands out
more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossloop.markup import digits
from crossloop.markup.escaping import plot_text
from crossloop.report.headline import Headline, HeadlineCell, HeadlineColumn

FILE = "headline.svg"
STEPS = 8
"""Steps of colour on each side of 1."""
DEEPEST = 32.0
"""Ratio from which the colour is the deepest."""
_MORE = ((255, 255, 255), (240, 163, 94), (213, 94, 0), (122, 46, 0))
_LESS = ((255, 255, 255), (111, 179, 222), (0, 114, 178), (0, 58, 92))
"""Red, green and blue at even distances, from a ratio of 1 to the deepest."""
BLACK, WHITE = "#000000", "#ffffff"
ROWS = 60
COLUMNS = 60
"""More are not drawn: the tables have them."""


@dataclass(frozen=True)
class HeatCell:
    """One adapter and one question."""

    text: str
    step: int | None
    """Of colour: 0 for a ratio near 1, up to ± `STEPS`, below zero for ratios below 1; None without a ratio."""
    leads: bool


@dataclass(frozen=True)
class HeatGroup:
    """The columns of one group."""

    heading: str
    heads: tuple[str, ...]


@dataclass(frozen=True)
class HeatMap:
    """The picture."""

    file: str
    title: str
    axis: str
    groups: tuple[HeatGroup, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    """(adapter, cells of all groups)."""
    alternative: str
    """What the picture shows, for those who do not see it."""


def heat_map(headline: Headline, text: Callable[[HeadlineCell], str]) -> HeatMap | None:
    """The picture of *headline*, whose cells are written by *text*; None without a column."""
    groups = []
    columns: list[HeadlineColumn] = []
    for group, members in headline.groups.items():
        drawn = members[: COLUMNS - len(columns)]
        if drawn:
            heads = [plot_text(column.head, 20) + ("" if column.ranked else " °") for column in drawn]
            groups.append(HeatGroup(group, tuple(heads)))
            columns += drawn
    if not columns:
        return None
    adapters = headline.adapters[:ROWS]
    rows = tuple(
        (
            plot_text(adapter, 24),
            tuple(_cell(cell, text(cell)) for cell in headline.row_cells(adapter, columns)),
        )
        for adapter in adapters
    )
    divisor = plot_text(headline.baseline, 24) if headline.baseline else "the leanest adapter"
    return HeatMap(
        file=FILE,
        title=f"CPU time per operation ÷ that of {divisor}",
        axis=_axis([cell for _adapter, cells in rows for cell in cells], columns),
        groups=tuple(groups),
        rows=rows,
        alternative=f"Heat map of the ratios in the tables: CPU time per operation of "
        f"{digits.counted(len(adapters), 'adapter')} in {digits.counted(len(columns), 'question')}, "
        f"divided by that of {divisor}",
    )


def _axis(cells: Sequence[HeatCell], columns: Sequence[HeadlineColumn]) -> str:
    """What the marks mean, of those that are there."""
    parts = [
        ("less is better", True),
        ("framed: the leading tier, not told apart", any(cell.leads for cell in cells)),
        ("hatched: no figure", any(cell.step is None for cell in cells)),
        ("°: not ranked", not all(column.ranked for column in columns)),
    ]
    return "; ".join(text for text, said in parts if said)


def _cell(cell: HeadlineCell, text: str) -> HeatCell:
    step = None if cell.ratio is None else step_of(cell.ratio.estimate.value)
    return HeatCell(plot_text(text, 7), step, cell.leads and step is not None)


def step_of(ratio: float) -> int | None:
    """The step of colour of a ratio, on a logarithmic scale; None of what is no number above zero."""
    if not (math.isfinite(ratio) and ratio > 0):
        return None
    depth = math.log(ratio) / math.log(DEEPEST)
    return round(STEPS * max(-1.0, min(1.0, depth)))


# Colours ------------------------------------------------------------------------------------------


def colour_of(step: int) -> str:
    """The ground of a step, from -`STEPS` to `STEPS`."""
    stops = _MORE if step >= 0 else _LESS
    place = abs(step) / STEPS * (len(stops) - 1)
    before = min(int(place), len(stops) - 2)
    parts = zip(stops[before], stops[before + 1], strict=True)
    return "#" + "".join(f"{round(low + (high - low) * (place - before)):02x}" for low, high in parts)


def ink_on(ground: str) -> str:
    """Black or white, whichever has more contrast with *ground*."""
    return max((BLACK, WHITE), key=lambda ink: contrast(ink, ground))


def contrast(ink: str, ground: str) -> float:
    """Contrast ratio of two colours (`#rrggbb`), 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(ink), _luminance(ground)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, 0 for black to 1 for white (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
