"""What all pictures share: figures laid out in inches, their head, panels, colours, and SVG with the same bytes.

What would make bytes differ is fixed here: the salt of element ids, no date, no version of the program, and
matplotlib's own defaults instead of a user's matplotlibrc. Text stays text (`svg.fonttype: none`), so that a
plot can be searched, read aloud and kept small; labels get room for wider fonts than the one it is laid
out with. The background is opaque and light, because GitHub's dark mode does not recolour images.

Colours: Okabe and Ito, "Color Universal Design" (2008), made to be told apart with colour-blindness;
each family has a marker of its own as well.

Lengths are inches from the top left, as the page is read; matplotlib counts from the bottom. This module imports
matplotlib, which takes 0.3 s: import it only where there is something to draw.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

WIDTH = 11.0
MARGIN = 0.15
LEGEND_LINE = 0.2
LEGEND_TOP = 0.555
FAMILIES_PER_LINE = 7
CHARACTER = 0.0092
"""Width of a wide character for each point of its size; what stands beside text keeps so far away."""
VALUE_COLUMN = 0.6
"""Right of rows: the figures themselves."""

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
# DejaVu Sans descends from Verdana, so that the layout fits both; a plain sans-serif is narrower.
_FONTS = b"text{font-family: 'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif}"
_SHORTER: Sequence[tuple[re.Pattern[bytes], bytes]] = (
    (re.compile(rb"(?=</style>)"), _FONTS),
    (re.compile(rb"(<text style=\"[^\">]*); font-family: 'DejaVu Sans'"), rb"\1"),
    (re.compile(rb'(<text [^>]*) transform="rotate\(-0 [^">]*\)">'), rb"\1>"),
    (re.compile(rb'(<text [^>]*x="[\d.]*\.\d\d)\d*(" y="[\d.]*\.\d\d)\d*(?=")'), rb"\1\2"),
    (
        re.compile(rb"M (\S+) (\S+) \nL (\S+) \2 \nL \3 (\S+) \nL \1 \4 \n(?:L \1 \2 \n)?z\n"),
        rb"M\1 \2H\3V\4H\1z",
    ),
    (re.compile(rb'<g id="text_\d+">\s*(<text [^>]*>[^<]*</text>)\s*</g>'), rb"\1"),
)
"""What is written once instead of with each text, or says nothing: (pattern, replacement). A text's content holds no
`<` and no `>`, so that none of it is taken for a tag."""

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crossloop",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "text.parse_math": False,
    "text.color": INK,
    "lines.markersize": 4.9,
    "lines.markeredgewidth": 0.9,
    "axes.facecolor": "none",
    "axes.edgecolor": "#8c959f",
    "axes.labelcolor": FAINT_INK,
    "axes.labelsize": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.titlepad": 7.5,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#d0d7de",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "legend.handletextpad": 0.2,
    "legend.handlelength": 1.1,
    "legend.columnspacing": 2.4,
    **{f"axes.spines.{side}": False for side in ("left", "right", "top")},
    **{f"{axis}tick.major.size": 0.0 for axis in "xy"},
    **{f"{axis}tick.labelcolor": INK for axis in "xy"},
    **{f"{axis}tick.labelsize": 8.0 for axis in "xy"},
    "xtick.major.pad": 4.0,
    "ytick.major.pad": 7.0,
}


@contextmanager
def settings() -> Iterator[None]:
    """matplotlib as every picture wants it; nothing of it is left behind."""
    values: Mapping[Any, Any] = {**mpl.rcParamsDefault, **_SETTINGS}
    with mpl.rc_context():
        mpl.rcParams.update({name: value for name, value in values.items() if name != "backend"})
        yield


@dataclass(frozen=True)
class Box:
    """A place on a picture."""

    left: float
    right: float
    top: float
    bottom: float


def boxes(heights: Sequence[float], top: float) -> tuple[list[Box], float]:
    """Where panels of these heights are, two in a line, and where the last one ends."""
    columns = min(2, len(heights))
    width = WIDTH / columns
    places = []
    for start in range(0, len(heights), columns):
        line = heights[start : start + columns]
        for column in range(len(line)):
            left = column * width + MARGIN
            places.append(Box(left, left + width - 2 * MARGIN, top, top + max(line)))
        top += max(line)
    return places, top


def titled_figure(height: float, title: str, axis: str) -> Figure:
    """A picture of the usual width with its title, and below it what the axis is."""
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    FigureCanvasSVG(figure)
    for text, y, size, weight in ((title, 0.19, 11.5, "bold"), (axis, 0.40, 8.5, "normal")):
        figure.text(MARGIN / WIDTH, 1 - y / height, text, size=size, weight=weight, va="center_baseline")
    return figure


def new_figure(height: float, title: str, axis: str, styles: Mapping[str, tuple[str, str]]) -> Figure:
    """A picture of the usual width with its head: title, what the axis is, and below it the families."""
    figure = titled_figure(height, title, axis)
    figure.legend(
        handles=[
            Line2D([], [], label=name, linestyle="", **marker_of(style)) for name, style in styles.items()
        ],
        loc="upper left",
        bbox_to_anchor=(MARGIN / WIDTH, 1 - LEGEND_TOP / height),
        ncols=FAMILIES_PER_LINE,
    )
    return figure


def head_height(styles: Mapping[str, tuple[str, str]]) -> float:
    """Height of title, axis and families."""
    return 0.6 + LEGEND_LINE * math.ceil(len(styles) / FAMILIES_PER_LINE)


def marker_of(style: tuple[str, str], fill: float = 1.0) -> dict[str, Any]:
    """How matplotlib draws a marker of (colour, marker); *fill* from 0 (hollow) to 1."""
    colour, marker = style
    return {"color": colour, "marker": marker, "markerfacecolor": shaded(colour, 1 - fill)}


def svg_of(figure: Figure, title: str) -> bytes:
    """The finished picture."""
    out = io.BytesIO()
    canvas: Any = figure.canvas
    canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Title": title})
    content = out.getvalue()
    for pattern, replacement in _SHORTER:
        content = pattern.sub(replacement, content)
    return content


def add_panel(figure: Figure, inner: Box, corner: float, title: str) -> Axes:
    """Axes on *inner* with a title above that begins at *corner*."""
    width, height = figure.get_size_inches()
    across = inner.right - inner.left
    axes = figure.add_axes(
        (inner.left / width, 1 - inner.bottom / height, across / width, (inner.bottom - inner.top) / height)
    )
    axes.set_title(title, x=(corner - inner.left) / across)
    return axes


def add_rows(figure: Figure, inner: Box, corner: float, title: str, rows: Sequence[tuple[str, str]]) -> Axes:
    """A panel of rows, the first one on top: (label, figure); the figure is for those who want it exactly."""
    axes = add_panel(figure, inner, corner, title)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [label for label, _value in rows])
    axes.grid(visible=False, axis="y")
    for row, (_label, value) in enumerate(rows):
        axes.annotate(
            value,
            (1, row),
            xycoords=axes.get_yaxis_transform(),
            xytext=(VALUE_COLUMN * 72, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            color=FAINT_INK,
            annotation_clip=False,
        )
    return axes


def label_width(labels: Sequence[str]) -> float:
    """Room for the labels of rows."""
    return min(2.75, max(0.9, max(map(len, labels)) * 8 * CHARACTER + 0.12))


def set_scale(axes: Axes, direction: Literal["x", "y"], low: float, high: float) -> None:
    """A scale with round numbers: linear from 0 on, logarithmic above 0, and from below 0 logarithmic on both sides."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axes.set(**{f"{direction}scale": "linear" if low == 0 else "log" if low > 0 else "symlog"})
    if low == 0:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    elif low > 0:
        marks = (1.0, 2.0, 5.0) if high / low < 400 else (1.0,)
        axis.set_major_locator(LogLocator(subs=marks, numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _place: tick_text(value))
    axes.set(**{f"{direction}lim": (low, high)})


def tick_text(value: float) -> str:
    """A tick's number."""
    return f"{value:.0e}" if value and not 1e-3 <= abs(value) < 1e7 else f"{value:,.10g}"


def family_styles(families: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Family → (colour, marker): known libraries always the same, others what is left, in their order."""
    known = {name: (colour, marker) for name, colour, marker in _PALETTE if name}
    free = [(colour, marker) for name, colour, marker in _PALETTE if not name]
    styles = {}
    for family in families:
        styles[family] = known[family] if family in known else free.pop(0) if free else _OTHER
    return styles


def line_styles(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name → (colour, marker) of lines that are of no family, in the order of *names*; alike again after ten."""
    looks = [(colour, marker) for _family, colour, marker in _PALETTE]
    return {name: looks[position % len(looks)] for position, name in enumerate(names)}


def shaded(colour: str, amount: float) -> str:
    """*colour*, so far towards white (to 1) or black (to -1)."""
    end = 1.0 if amount > 0 else 0.0
    red, green, blue = (part + (end - part) * abs(amount) for part in to_rgb(colour))
    return to_hex((red, green, blue))
