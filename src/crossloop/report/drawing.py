"""Drawing plots as SVG with matplotlib, the same bytes for the same plot.

What would make bytes differ is fixed here: the salt of element ids, no date, no version of the program, and
matplotlib's own defaults instead of a user's matplotlibrc. Text stays text (`svg.fonttype: none`), so that a
plot can be searched, read aloud and kept small; labels get room for wider fonts than the one it is laid
out with. The background is opaque and light, because GitHub's dark mode does not recolour images.

Colours: Okabe and Ito, "Color Universal Design" (2008), made to be told apart with colour-blindness;
each family has a marker of its own as well.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from crossloop.report.plots import Panel, Percentiles, Plot, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 11.0
_ROW = 0.185
_PANEL_EXTRA = 0.82
_HEAD = 0.85
_LABEL = 2.05
"""Inches that a row's label takes, left of its panel."""

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
_OTHER = ("#7F7F7F", "x")
_INK = "#24292f"
_GRID = "#d0d7de"
_PERCENTILE_FILL = {"p50": 1.0, "p90": 0.66, "p99": 0.33, "p99.9": 0.0}

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crossloop",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.parse_math": False,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "axes.linewidth": 0.8,
}


def draw(plots: Sequence[Plot]) -> dict[str, bytes]:
    """File name → SVG of each plot. matplotlib is imported here and nowhere else."""
    if not plots:
        return {}
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a report with plots needs

    with mpl.rc_context():
        mpl.rcParams.update({name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"})
        mpl.rcParams.update(_SETTINGS)
        return {plot.file: _svg(plot) for plot in plots}


def family_styles(families: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Family → (colour, marker): known libraries always the same, others what is left in their order."""
    known = {name: (colour, marker) for name, colour, marker in _PALETTE if name}
    free = [(colour, marker) for name, colour, marker in _PALETTE if not name]
    styles = {}
    for family in families:
        styles[family] = known[family] if family in known else free.pop(0) if free else _OTHER
    return styles


def _svg(plot: Plot) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    styles = family_styles(plot.families)
    columns = 1 if len(plot.panels) == 1 else 2
    lines = [plot.panels[start : start + columns] for start in range(0, len(plot.panels), columns)]
    heights = [max(len(panel.points) for panel in line) * _ROW + _PANEL_EXTRA for line in lines]
    height = sum(heights) + _HEAD
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    canvas = FigureCanvasSVG(figure)
    limits = _limits(plot)
    top = height - _HEAD
    for line, line_height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            panel_height = len(panel.points) * _ROW
            width = _WIDTH / columns
            axes = figure.add_axes(
                (
                    (column * width + _LABEL) / _WIDTH,
                    (top - 0.3 - panel_height) / height,
                    (width - _LABEL - 0.25) / _WIDTH,
                    panel_height / height,
                )
            )
            _frame(axes, panel, plot, limits)
            _rows(axes, panel, styles)
        top -= line_height
    _legend(figure, plot, styles, height)
    out = io.BytesIO()
    canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Title": plot.title})
    return out.getvalue()


def _limits(plot: Plot) -> tuple[float, float]:
    ends = [end for panel in plot.panels for point in panel.points for end in _ends(point)]
    low, high = min(ends), max(ends)
    if plot.log:
        return low / 1.25, high * 1.25
    return 0.0, high * 1.05


def _ends(point: Point | Percentiles) -> tuple[float, ...]:
    if isinstance(point, Point):
        return point.low, point.value, point.high
    return tuple(value for _name, value in point.values)


def _frame(axes: "Axes", panel: Panel, plot: Plot, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415 - as above

    axes.set_title(panel.title, fontsize=9, fontweight="bold", loc="left", pad=5)
    if plot.log:
        axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(*limits, log=plot.log)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_tick_text))
    axes.tick_params(axis="x", length=0, labelsize=8)
    axes.grid(axis="x", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_ylim(len(panel.points) - 0.5, -0.5)
    axes.yaxis.set_visible(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    shade = [index for index in range(len(panel.points)) if index % 2]
    axes.hlines(shade, *limits, color="#f6f8fa", linewidth=_ROW * 72 * 0.98, zorder=0)
    for index, point in enumerate(panel.points):
        axes.annotate(
            point.label,
            (0, index),
            xycoords=("axes fraction", "data"),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            fontsize=8,
            annotation_clip=False,
        )


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    """Round numbers on the axis: 1, 2, 5 in each decade, only tens where there are many decades."""
    if not log:
        step = 10 ** math.floor(math.log10(high / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if high / (step * factor) <= 6)
        return [step * index for index in range(int(high / step) + 1)]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    every = max(1, math.ceil(len(decades) / 8)) if marks == (1,) else 1
    ticks = [mark * 10.0**decade for decade in decades[::every] for mark in marks]
    return [tick for tick in ticks if low <= tick <= high]


def _tick_text(value: float, _position: int | None = None) -> str:
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.0e}"
    return f"{value:,.10g}"


def _rows(axes: "Axes", panel: Panel, styles: dict[str, tuple[str, str]]) -> None:
    """Draw all rows of a panel, a few collections for all of them."""
    whiskers = [(index, *_span(point), styles[point.family][0]) for index, point in enumerate(panel.points)]
    axes.hlines(
        [index for index, *_ in whiskers],
        [low for _, low, _, _ in whiskers],
        [high for _, _, high, _ in whiskers],
        colors=[colour for *_, colour in whiskers],
        linewidth=1.6,
        zorder=2,
    )
    for family, (colour, marker) in styles.items():
        for fill, places in _marks(panel, family).items():
            axes.scatter(
                [x for x, _ in places],
                [y for _, y in places],
                s=30,
                marker=marker,
                facecolors=_towards_white(colour, fill),
                edgecolors=colour,
                linewidths=1.0,
                zorder=3,
                clip_on=False,
            )


def _span(point: Point | Percentiles) -> tuple[float, float]:
    ends = _ends(point)
    return min(ends), max(ends)


def _marks(panel: Panel, family: str) -> dict[float, list[tuple[float, int]]]:
    """Fill of the marker → where such markers go."""
    marks: dict[float, list[tuple[float, int]]] = {}
    for index, point in enumerate(panel.points):
        if point.family != family:
            continue
        if isinstance(point, Point):
            marks.setdefault(1.0, []).append((point.value, index))
        else:
            for name, value in point.values:
                marks.setdefault(_PERCENTILE_FILL[name], []).append((value, index))
    return marks


def _towards_white(colour: str, fill: float) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    mix: Callable[[float], float] = lambda part: 1 - (1 - part) * fill  # noqa: E731 - one line, three uses
    return mix(red), mix(green), mix(blue)


def _legend(figure: "Figure", plot: Plot, styles: dict[str, tuple[str, str]], height: float) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - as above

    figure.text(0.15 / _WIDTH, 1 - 0.12 / height, plot.title, fontsize=11.5, fontweight="bold", va="top")
    figure.text(0.15 / _WIDTH, 1 - 0.36 / height, plot.axis, fontsize=8.5, va="top")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5.5, label=family)
        for family, (colour, marker) in styles.items()
    ]
    if any(isinstance(point, Percentiles) for panel in plot.panels for point in panel.points):
        handles += [
            Line2D(
                [],
                [],
                color="#57606a",
                marker="o",
                linestyle="none",
                markersize=5.5,
                markerfacecolor=_towards_white("#57606a", fill),
                label=name,
            )
            for name, fill in _PERCENTILE_FILL.items()
        ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.02 / _WIDTH, 1 - 0.5 / height),
        ncols=len(handles),
        frameon=False,
        handletextpad=0.1,
        columnspacing=1.6,
        fontsize=8.5,
    )
