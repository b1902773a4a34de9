"""What all pictures are drawn with: one bare sheet, text as it is, colours, ticks, and SVG with the same bytes.

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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

WIDTH = 11.0
MARGIN = 0.15
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
INK = "#24292f"
FAINT_INK = "#57606a"
GRID = "#d0d7de"
AXIS = "#8c959f"
_FONT = b"'DejaVu Sans'"
# DejaVu Sans descends from Verdana, so that the layout fits both; a plain sans-serif is narrower.
_FONTS = b"'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crossloop",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": INK,
}


@contextmanager
def settings() -> Iterator[None]:
    """matplotlib as every picture wants it; nothing of it is left behind."""
    values: Mapping[Any, Any] = {**mpl.rcParamsDefault, **_SETTINGS}
    with mpl.rc_context():
        mpl.rcParams.update({name: value for name, value in values.items() if name != "backend"})
        yield


def new_sheet(height: float) -> Axes:
    """A picture of the usual width, as one axes without axis lines or ticks: those of each panel would cost 20 ms."""
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    FigureCanvasSVG(figure)
    sheet = figure.add_axes((0, 0, 1, 1))
    sheet.set_axis_off()
    sheet.set_xlim(0, WIDTH)
    sheet.set_ylim(height, 0)
    return sheet


def svg_of(sheet: Axes, words: "Sequence[Word]", height: float, title: str) -> bytes:
    """The finished picture."""
    sheet.add_artist(Words(words, height))
    out = io.BytesIO()
    canvas: Any = sheet.figure.canvas
    canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Title": title})
    return out.getvalue().replace(_FONT, _FONTS)


def family_styles(families: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Family → (colour, marker): known libraries always the same, others what is left, in their order."""
    known = {name: (colour, marker) for name, colour, marker in _PALETTE if name}
    free = [(colour, marker) for name, colour, marker in _PALETTE if not name]
    styles = {}
    for family in families:
        styles[family] = known[family] if family in known else free.pop(0) if free else _OTHER
    return styles


@dataclass(frozen=True)
class Word:
    """Text whose first, middle or last character is at `x`, and the middle of its height at `y`."""

    x: float
    y: float
    text: str
    size: float = 8.0
    align: Literal["left", "center", "right"] = "left"
    colour: str = INK
    weight: str = "normal"


class Words(Artist):
    """All text of a plot, handed to the renderer as it is.

    matplotlib's own text measures each string first, which takes half of the time that a plot takes, and
    makes the bytes depend on the version of FreeType. SVG needs an anchor alone.
    """

    def __init__(self, words: Sequence[Word], height: float):
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


def legend_height(styles: Mapping[str, tuple[str, str]]) -> float:
    """Height of title, axis and families."""
    return 0.6 + LEGEND_LINE * math.ceil(len(styles) / FAMILIES_PER_LINE)


def legend(sheet: Axes, title: str, axis: str, styles: Mapping[str, tuple[str, str]]) -> list[Word]:
    """Title and axis; below them the families, in lines."""
    words = [Word(MARGIN, 0.19, title, size=11.5, weight="bold"), Word(MARGIN, 0.40, axis, size=8.5)]
    x, y = MARGIN, 0.61
    for index, (family, style) in enumerate(styles.items()):
        if index and index % FAMILIES_PER_LINE == 0:
            x, y = MARGIN, y + LEGEND_LINE
        words.append(entry(sheet, x, y, family, style, 1.0))
        x += 0.42 + len(family) * 8.5 * CHARACTER
    return words


def entry(sheet: Axes, x: float, y: float, name: str, style: tuple[str, str], fill: float) -> Word:
    """One marker of a legend, and its name."""
    scatter(sheet, [(x + 0.06, y)], style, fill)
    return Word(x + 0.17, y, name, size=8.5)


def ticks(low: float, high: float, *, log: bool) -> list[float]:
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


def tick_text(value: float) -> str:
    """A tick's number."""
    return f"{value:.0e}" if value and not 1e-3 <= value < 1e7 else f"{value:,.10g}"


def scatter(sheet: Axes, places: Sequence[tuple[float, float]], style: tuple[str, str], fill: float) -> None:
    """Markers of one style; *fill* from 0 (hollow) to 1."""
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


def shaded(colour: str, amount: float) -> str:
    """*colour* (`#rrggbb`), so far towards white (to 1) or black (to -1)."""
    end = 255 if amount > 0 else 0
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (end - part) * abs(amount)):02x}" for part in parts)


def _towards_white(colour: str, fill: float) -> tuple[float, float, float]:
    red, green, blue = (1 - (1 - int(colour[start : start + 2], 16) / 255) * fill for start in (1, 3, 5))
    return red, green, blue
