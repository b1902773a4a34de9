"""Drawing the lines of a series as SVG: builds from left to right, ratios upwards, the noise floor as a band."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from crossloop.report.canvas import (
    FAINT_INK,
    INK,
    Box,
    add_panel,
    boxes,
    head_height,
    line_styles,
    marker_of,
    new_figure,
    settings,
    svg_of,
    tick_text,
)
from crossloop.report.history.lines import Line, LinePanel, LinePlot

HEIGHT = 1.9
PANEL_HEAD = 0.34
PANEL_FOOT = 0.42
TICK_COLUMN = 0.5
BAND = 0.16
"""How dense the colour of a noise floor is."""


def draw_lines(plots: Sequence[LinePlot]) -> dict[str, bytes]:
    """File name → SVG of each plot."""
    with settings():
        return {plot.file: _svg(plot) for plot in plots}


def _svg(plot: LinePlot) -> bytes:
    styles = line_styles(plot.labels)
    heights = [HEIGHT + PANEL_HEAD + PANEL_FOOT] * len(plot.panels)
    places, height = boxes(heights, head_height(styles))
    figure = new_figure(height, plot.title, plot.axis, styles)
    for panel, box in zip(plot.panels, places, strict=True):
        frame = Box(box.left + TICK_COLUMN, box.right - 0.1, box.top + PANEL_HEAD, box.bottom - PANEL_FOOT)
        _draw_panel(add_panel(figure, frame, box.left, panel.title), panel, plot.builds, styles)
    return svg_of(figure, plot.title)


def _draw_panel(
    axes: Axes, panel: LinePanel, builds: Sequence[str], styles: Mapping[str, tuple[str, str]]
) -> None:
    values = [end for line in panel.lines for point in line.points for end in (point.low, point.high)]
    room = 0.12 * (max(values) - min(values)) or 0.05 * max(values)
    axes.set_xlim(-0.4, len(builds) - 0.6)
    axes.set_ylim(max(0.0, min(values) - room), max(values) + 1.6 * room)
    axes.set_xticks(range(len(builds)), builds)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _place: tick_text(round(value, 6)))
    axes.axhline(1, color=FAINT_INK, linewidth=0.8, linestyle=":")
    for line in panel.lines:
        _draw_line(axes, line, styles[line.label])


def _draw_line(axes: Axes, line: Line, style: tuple[str, str]) -> None:
    colour = style[0]
    across = [point.position for point in line.points]
    axes.plot(across, [point.value for point in line.points], linewidth=1.2, **marker_of(style))
    axes.vlines(
        across,
        [point.low for point in line.points],
        [point.high for point in line.points],
        color=colour,
        linewidth=1.0,
    )
    banded = [point for point in line.points if point.floor is not None]
    if len(banded) > 1:
        axes.fill_between(
            [point.position for point in banded],
            [point.value / (1 + (point.floor or 0.0)) for point in banded],
            [point.value * (1 + (point.floor or 0.0)) for point in banded],
            color=colour,
            alpha=BAND,
            linewidth=0,
        )
    for point in line.points:
        if point.mark:
            axes.annotate(
                point.mark,
                (point.position, point.high),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                color=INK,
                size=7.5,
            )
