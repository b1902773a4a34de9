"""Drawing plots as SVG with matplotlib, the same bytes for the same plot.

What would make bytes differ is fixed here: the salt of element ids, no date, no version of the program, and
matplotlib's own defaults instead of a user's matplotlibrc. Text stays text (`svg.fonttype: none`), so that a
plot can be searched, read aloud and kept small; labels get room for wider fonts than the one it is laid
out with. The background is opaque and light, because GitHub's dark mode does not recolour images.

Colours: Okabe and Ito, "Color Universal Design" (2008), made to be told apart with colour-blindness;
each family has a marker of its own as well.

All lengths are inches from the top left, as the page is read; matplotlib counts from the bottom. This module
imports matplotlib, which takes 0.3 s: import it only where there is something to draw.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

from crossloop.report import digits
from crossloop.report.plots import Panel, Percentiles, Plot, Point, wide

WIDTH = 11.0
ROW = 0.185
MARGIN = 0.15
PANEL_HEAD = 0.3
PANEL_FOOT = 0.36
VALUE_COLUMN = 0.6
"""Right of a panel of points: the figures themselves."""
LEGEND_LINE = 0.2
FAMILIES_PER_LINE = 7
CHARACTER = 0.0092
"""Width of a wide character for each point of its size; what stands beside text keeps so far away."""
BASELINE = 0.36 / 72
"""How far the baseline lies below the middle of capitals and digits, for each point of size."""

_PALETTE = (
    ("libuv", "#0072B2", "o"),
    ("libev", "#009E73", "s"),
    ("libevent", "#D55E00", "D"),
    ("asyncio", "#000000", "^"),
    ("tornado", "#CC79A7", "v"),
    ("model", "#7F7F7F", "P"),
    ("", "#E69F00", "X"),
    ("", "#56B4E9", "p"),
    ("", "#6A3D9A", "h"),
    ("", "#8C510A", "*"),
)
_OTHER = ("#7F7F7F", "d")
_INK = "#24292f"
_FAINT_INK = "#57606a"
_GRID = "#d0d7de"
_AXIS = "#8c959f"
_SHADE = "#f6f8fa"
_PERCENTILE_FILL = {"p50": 1.0, "p90": 0.66, "p99": 0.33, "p99.9": 0.0}
_FONT = b"'DejaVu Sans'"
# DejaVu Sans descends from Verdana, so that the layout fits both; a plain sans-serif is narrower.
_FONTS = b"'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crossloop",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": _INK,
}


def draw(plots: Sequence[Plot]) -> dict[str, bytes]:
    """File name → SVG of each plot."""
    settings: Mapping[Any, Any] = {**mpl.rcParamsDefault, **_SETTINGS}
    with mpl.rc_context():
        mpl.rcParams.update({name: value for name, value in settings.items() if name != "backend"})
        return {plot.file: _svg(plot) for plot in plots}


def family_styles(families: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Family → (colour, marker): known libraries always the same, others what is left, in their order."""
    known = {name: (colour, marker) for name, colour, marker in _PALETTE if name}
    free = [(colour, marker) for name, colour, marker in _PALETTE if not name]
    styles = {}
    for family in families:
        styles[family] = known[family] if family in known else free.pop(0) if free else _OTHER
    return styles


def _svg(plot: Plot) -> bytes:
    """One plot, laid out in inches on a single bare axes: axes and ticks of each panel would cost 20 ms."""
    styles = family_styles(plot.families)
    columns = min(2, len(plot.panels))
    lines = [plot.panels[start : start + columns] for start in range(0, len(plot.panels), columns)]
    heights = [max(len(panel.points) for panel in line) * ROW + PANEL_HEAD + PANEL_FOOT for line in lines]
    head = 0.6 + LEGEND_LINE * math.ceil(len(styles) / FAMILIES_PER_LINE)
    height = head + sum(heights)
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    canvas: Any = FigureCanvasSVG(figure)
    sheet = figure.add_axes((0, 0, 1, 1))
    sheet.set_axis_off()
    sheet.set_xlim(0, WIDTH)
    sheet.set_ylim(height, 0)
    frames = []
    top = head
    for line, line_height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            frames.append(_frame(plot, panel, column * WIDTH / columns, top, WIDTH / columns))
        top += line_height
    _grid(sheet, frames)
    _marks(sheet, frames, styles)
    words = [*_head(plot), *_legend(sheet, plot, styles), *_panel_words(frames)]
    sheet.add_artist(_Words(words, height))
    out = io.BytesIO()
    canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Title": plot.title})
    return out.getvalue().replace(_FONT, _FONTS)


@dataclass(frozen=True)
class _Word:
    """Text whose first, middle or last character is at `x`, and the middle of its height at `y`."""

    x: float
    y: float
    text: str
    size: float = 8.0
    align: Literal["left", "center", "right"] = "left"
    colour: str = _INK
    weight: str = "normal"


class _Words(Artist):
    """All text of a plot, handed to the renderer as it is.

    matplotlib's own text measures each string first, which takes half of the time that a plot takes, and
    makes the bytes depend on the version of FreeType. SVG needs an anchor alone.
    """

    def __init__(self, words: Sequence[_Word], height: float):
        super().__init__()
        self._words = words
        self._height = height

    def draw(self, renderer: RendererBase) -> None:
        """Called by matplotlib, with 72 dots an inch."""
        fonts: dict[tuple[float, str], FontProperties] = {}
        anchor = Text(rotation_mode="anchor")
        pen: Any = renderer.new_gc()
        for word in self._words:
            font = fonts.setdefault(
                (word.size, word.weight), FontProperties(size=word.size, weight=word.weight)
            )
            x, y = word.x * 72, (word.y + word.size * BASELINE) * 72
            anchor.set_position((x, self._height * 72 - y))
            anchor.set_horizontalalignment(word.align)
            pen.set_foreground(word.colour)
            renderer.draw_text(pen, x, y, word.text, font, 0, False, anchor)
        pen.restore()


def _head(plot: Plot) -> list[_Word]:
    """Title and axis."""
    return [
        _Word(MARGIN, 0.19, plot.title, size=11.5, weight="bold"),
        _Word(MARGIN, 0.40, plot.axis, size=8.5),
    ]


def _legend(sheet: Axes, plot: Plot, styles: Mapping[str, tuple[str, str]]) -> list[_Word]:
    """Families in lines below the axis; percentiles, where there are any, right of the title."""
    words = []
    x, y = MARGIN, 0.61
    for index, (family, style) in enumerate(styles.items()):
        if index and index % FAMILIES_PER_LINE == 0:
            x, y = MARGIN, y + LEGEND_LINE
        words.append(_entry(sheet, x, y, family, style, 1.0))
        x += 0.42 + len(family) * 8.5 * CHARACTER
    if any(isinstance(point, Percentiles) for panel in plot.panels for point in panel.points):
        x = WIDTH - MARGIN - 0.75 * len(_PERCENTILE_FILL)
        for name, fill in _PERCENTILE_FILL.items():
            words.append(_entry(sheet, x, 0.40, name, (_FAINT_INK, "o"), fill))
            x += 0.75
    return words


def _entry(sheet: Axes, x: float, y: float, name: str, style: tuple[str, str], fill: float) -> _Word:
    _scatter(sheet, [(x + 0.06, y)], style, fill)
    return _Word(x + 0.17, y, name, size=8.5)


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


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    """Round numbers within the axis: 1, 2 or 5 times a power of ten."""
    if not log:
        step: float = 10.0 ** math.floor(math.log10(high / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if high / (step * factor) <= 6)
        return [step * index for index in range(int(high / step) + 1)]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    marks = (1, 2, 5) if span < 2.6 else (1,)
    every = max(1, math.ceil(span / 7))
    return [
        tick for decade in decades[::every] for mark in marks if low <= (tick := mark * 10.0**decade) <= high
    ]


def _tick_text(value: float) -> str:
    return f"{value:.0e}" if value and not 1e-3 <= value < 1e7 else f"{value:,.10g}"


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
    lines = [(one, one.x(tick)) for one in frames for tick in _ticks(one.low, one.high, log=one.log)]
    sheet.vlines(
        [x for _, x in lines],
        [one.top for one, _ in lines],
        [one.bottom for one, _ in lines],
        color=_GRID,
        linewidth=0.7,
        zorder=1,
    )
    sheet.hlines(
        [one.bottom for one in frames],
        [one.left for one in frames],
        [one.right for one in frames],
        color=_AXIS,
        linewidth=0.8,
        zorder=1,
    )


def _panel_words(frames: Sequence[_Frame]) -> list[_Word]:
    """Titles, ticks, names left of the rows; right of them the figure, for those who want it exactly."""
    words = []
    for one in frames:
        words.append(_Word(one.corner, one.top - 0.15, one.panel.title, size=9, weight="bold"))
        for tick in _ticks(one.low, one.high, log=one.log):
            words.append(_Word(one.x(tick), one.bottom + 0.1, _tick_text(tick), align="center"))
        for row, point in enumerate(one.panel.points):
            words.append(_Word(one.left - 0.1, one.y(row), point.label, align="right"))
            if isinstance(point, Point):
                text, place = digits.number(point.value), one.right + VALUE_COLUMN
                words.append(_Word(place, one.y(row), text, align="right", colour=_FAINT_INK))
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
        _scatter(sheet, found, styles[family], fill)


def _scatter(sheet: Axes, places: Sequence[tuple[float, float]], style: tuple[str, str], fill: float) -> None:
    colour, marker = style
    sheet.scatter(
        [x for x, _ in places],
        [y for _, y in places],
        s=24,
        marker=marker,
        facecolors=[_towards_white(colour, fill)],
        edgecolors=colour,
        linewidths=0.9,
        zorder=3,
    )


def _filled(point: Point | Percentiles) -> list[tuple[float, float]]:
    """Markers of a row: how far each is filled, and its value."""
    if isinstance(point, Point):
        return [(1.0, point.value)]
    return [(_PERCENTILE_FILL[name], value) for name, value in point.values]


def _towards_white(colour: str, fill: float) -> tuple[float, float, float]:
    red, green, blue = (1 - (1 - int(colour[start : start + 2], 16) / 255) * fill for start in (1, 3, 5))
    return red, green, blue
