"""What the plot of a series shows, as data: a panel a scenario, a line a style. No drawing here."""

from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import plot_text
from crossloop.report.history.builds import Series
from crossloop.report.history.moves import Point, Step, Track

PANELS = 12
LINES = 8
LEAST, MOST = 1e-4, 1e4
"""Ratios beyond these are in the table and not drawn."""


@dataclass(frozen=True)
class LinePoint:
    """One build's ratio."""

    position: int
    """Of the build in its series."""
    value: float
    low: float
    high: float
    floor: float | None
    """As a fraction."""
    mark: str = ""
    """`▲` or `▼` where the step that leads here is more than noise."""


@dataclass(frozen=True)
class Line:
    """One style."""

    label: str
    points: tuple[LinePoint, ...]


@dataclass(frozen=True)
class LinePanel:
    """One scenario at its main parameters."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class LinePlot:
    """One picture."""

    file: str
    title: str
    axis: str
    builds: tuple[str, ...]
    panels: tuple[LinePanel, ...]
    alternative: str

    @property
    def labels(self) -> list[str]:
        """Of all lines, each once."""
        return list(dict.fromkeys(line.label for panel in self.panels for line in panel.lines))


def plot_of(series: Series, tracks: Sequence[Track], titles: dict[str, str], file: str) -> LinePlot | None:
    """The picture of a series; None where there is nothing to draw."""
    groups: dict[tuple[str, str], list[Track]] = {}
    for track in tracks:
        if track.main:
            groups.setdefault((track.question.scenario, track.question.key), []).append(track)
    panels = [
        LinePanel(
            plot_text(f"{titles.get(scenario, scenario)}: {parameters_text(members[0].parameters)}", 60),
            tuple(line for track in members[:LINES] if (line := _line(track)) is not None),
        )
        for (scenario, _key), members in groups.items()
    ]
    drawn = tuple(panel for panel in panels if panel.lines)[:PANELS]
    if not drawn:
        return None
    divided = sorted({point.base.adapter for track in tracks for point in track.points if point is not None})
    return LinePlot(
        file=file,
        title=plot_text(
            f"{series.adapter} over {series.over}: CPU per operation ÷ {', '.join(divided)}", 110
        ),
        axis=plot_text(
            "95 % interval; shaded: the noise floor of the run; ▲ ▼ moved beyond it; lower is better", 130
        ),
        builds=tuple(plot_text(series.name_of(build), 18) for build in series.builds),
        panels=drawn,
        alternative=f"Ratios of {plot_text(series.adapter)} over {series.over}, one panel a scenario, one line a style",
    )


def _line(track: Track) -> Line | None:
    points = tuple(
        point
        for position, (measured, step) in enumerate(zip(track.points, track.steps, strict=True))
        if measured is not None and (point := _point(position, measured, step)) is not None
    )
    return Line(plot_text(track.question.style or "native", 24), points) if points else None


def _point(position: int, measured: Point, step: Step | None) -> LinePoint | None:
    ratio = measured.ratio.estimate
    if not LEAST < ratio.value < MOST:
        return None
    mark = ""
    if step is not None and step.moved:
        mark = "▲" if step.verdict == "dearer" else "▼"
    low, high = max(ratio.low, ratio.value / 10), min(ratio.high, ratio.value * 10)
    floor = None if measured.noise_floor is None else min(measured.noise_floor, 1.0)
    return LinePoint(position, ratio.value, min(low, ratio.value), max(high, ratio.value), floor, mark)
