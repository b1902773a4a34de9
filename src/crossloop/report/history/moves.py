"""How a ratio moved from one build to the next, and whether that is more than noise. Pure.

A ratio is CPU per operation of a build's row ÷ that of asyncio's row in the same run: of the same style, or else of
asyncio's leanest. In a run without asyncio the newest build is the divisor. Times of two runs are never compared.

A step is judged by the rule of tiers: the interval of NEW ÷ OLD lies above or below 1, and the step is larger than
the noise floor of both. Within one run NEW ÷ OLD is the median of paired ratios. Over two runs it is the quotient of
their ratios, whose interval is wider than a paired one would be, never narrower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from crossloop.journal import BASELINE, CellRecord, Estimate, MeasuredRow, MeasuredSet, ParameterSet
from crossloop.report.history.builds import Build, Series
from crossloop.report.ratios import Ratio, quotient, ratio_of
from crossloop.statistics import costlier, inverse

Verdict: TypeAlias = Literal["dearer", "cheaper", "within noise", "no floor", "another divisor"]


@dataclass(frozen=True)
class Question:
    """One row of a table: a scenario with its parameters, and a style."""

    scenario: str
    key: str
    """Of the parameters."""
    style: str


@dataclass(frozen=True)
class Point:
    """A build's figure for one question."""

    build: Build
    row: MeasuredRow
    base: MeasuredRow
    """What it is divided by, of the same run."""
    ratio: Ratio
    noise_floor: float | None
    """As a fraction; None where no A/A control says."""


@dataclass(frozen=True)
class Step:
    """From one build with a figure to the next."""

    before: Point
    now: Point
    ratio: Estimate | None
    """NEW ÷ OLD; None where the two have unlike divisors."""
    paired: bool
    verdict: Verdict

    @property
    def noise_floor(self) -> float | None:
        """The larger of both; None where one is not known."""
        floors = (self.before.noise_floor, self.now.noise_floor)
        return None if floors[0] is None or floors[1] is None else max(floors[0], floors[1])

    @property
    def moved(self) -> bool:
        """Whether it is more than noise."""
        return self.verdict in {"dearer", "cheaper"}


@dataclass(frozen=True)
class Track:
    """One question over a series."""

    question: Question
    parameters: ParameterSet
    main: bool
    """Whether it is the scenario's main set of parameters in some run."""
    points: tuple[Point | None, ...]
    """In the order of the series' builds; None without a figure."""
    lost: tuple[CellRecord | None, ...]
    """Likewise: the cell without a figure; None where there is a figure, or nothing was asked."""
    steps: tuple[Step | None, ...]
    """Likewise: the step that leads to a point; None for the first, and where there is no point."""


def tracks_of(series: Series) -> list[Track]:
    """Every question that two builds of a series answer."""
    questions: dict[Question, ParameterSet] = {}
    mains = set()
    for build in series.builds:
        mains |= {(scenario, sets[0].key[1]) for scenario, sets in build.origin.run.sets.items()}
        for measured in build.origin.run.all_sets:
            for row in measured.rows:
                if row.adapter == build.name:
                    question = Question(measured.scenario, measured.key[1], row.style)
                    questions.setdefault(question, measured.parameters)
    tracks = []
    for question, parameters in questions.items():
        points = tuple(_point(series, build, question) for build in series.builds)
        if sum(point is not None for point in points) > 1:
            lost = tuple(
                None if point is not None else _lost(build, question)
                for build, point in zip(series.builds, points, strict=True)
            )
            main = (question.scenario, question.key) in mains
            tracks.append(Track(question, parameters, main, points, lost, _steps(points)))
    return tracks


def _set(build: Build, question: Question) -> MeasuredSet | None:
    sets = build.origin.run.sets.get(question.scenario, ())
    return next((measured for measured in sets if measured.key[1] == question.key), None)


def _point(series: Series, build: Build, question: Question) -> Point | None:
    measured = _set(build, question)
    if measured is None:
        return None
    row = _row(measured, build.name, question.style)
    base = _divisor(series, build, measured, question.style)
    if row is None or base is None:
        return None
    ratio = _to_build(row, base) or ratio_of(row, base)
    if ratio is None:
        return None
    return Point(build, row, base, ratio, measured.record.noise_floor if measured.record else None)


def _row(measured: MeasuredSet, adapter: str, style: str) -> MeasuredRow | None:
    return next((row for row in measured.rows if (row.adapter, row.style) == (adapter, style)), None)


def _divisor(series: Series, build: Build, measured: MeasuredSet, style: str) -> MeasuredRow | None:
    """asyncio in the same style, or in its leanest one of the same kind; without asyncio the newest build."""
    rows = [row for row in measured.rows if row.adapter == BASELINE]
    if rows:
        alike = [row for row in rows if row.style == style]
        row_of_build = _row(measured, build.name, style)
        kind = [
            row
            for row in rows
            if row_of_build is None or (row.server is None) == (row_of_build.server is None)
        ]
        return (alike or sorted(kind or rows, key=lambda row: row.figures.ratio_to_best.value))[0]
    beside = [other for other in series.builds if other.origin.label == build.origin.label]
    candidates = [row for other in beside if (row := _row(measured, other.name, style)) is not None]
    return candidates[-1] if candidates else None


def _to_build(row: MeasuredRow, base: MeasuredRow) -> Ratio | None:
    """The paired ratio of two builds in one run, as the journal has it."""
    if row.style == base.style and base.adapter in row.figures.to_builds:
        return Ratio(row.figures.to_builds[base.adapter], paired=True)
    return None


def _lost(build: Build, question: Question) -> CellRecord | None:
    measured = _set(build, question)
    others = () if measured is None else measured.others
    return next(
        (cell for cell in others if cell.adapter == build.name and cell.style in {question.style, ""}), None
    )


def _steps(points: Sequence[Point | None]) -> tuple[Step | None, ...]:
    steps: list[Step | None] = []
    before: Point | None = None
    for point in points:
        steps.append(None if before is None or point is None else _step(before, point))
        before = point or before
    return tuple(steps)


def _step(before: Point, now: Point) -> Step:
    same_run = before.build.origin.label == now.build.origin.label
    pair = _to_build(now.row, before.row) if same_run else None
    if pair is not None:
        return _judged(before, now, pair.estimate, paired=True)
    if (before.base.adapter, before.base.style) != (now.base.adapter, now.base.style):
        return Step(before, now, None, paired=False, verdict="another divisor")
    return _judged(before, now, quotient(now.ratio.estimate, before.ratio.estimate), paired=False)


def _judged(before: Point, now: Point, ratio: Estimate | None, *, paired: bool) -> Step:
    step = Step(before, now, ratio, paired, "no floor")
    floor = step.noise_floor
    if ratio is None or floor is None:
        return step
    verdict: Verdict = "within noise"
    if costlier(ratio, floor):
        verdict = "dearer"
    elif ratio.low > 0 and costlier(inverse(ratio), floor):
        verdict = "cheaper"
    return Step(before, now, ratio, paired, verdict)
