"""The page of a history: what moved, what came and went, then each binding over its versions. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from crossloop.journal import (
    BASELINE,
    BehaviourRecord,
    Record,
    Run,
    is_variant,
    machine_differences,
    machine_key,
)
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.history.answers import (
    AnswerChange,
    AnswerTrack,
    answer_tracks,
    surroundings,
    were_asked,
)
from crossloop.report.history.builds import (
    Build,
    LabelledRun,
    Series,
    builds_of,
    series_of,
)
from crossloop.report.history.lines import LinePlot, plot_of
from crossloop.report.history.moves import Step, Track, tracks_of
from crossloop.report.page import METHOD_LINK, Rendered, environment, texts_for
from crossloop.report.places import stems
from crossloop.report.portability import Reasons
from crossloop.report.texts import BehaviourTexts, ScenarioTexts

FIRST_ROWS = 30
"""Rows of a table that are shown open; further ones are folded."""
OPEN_SECTIONS = 4
MARKS = {"dearer": " ▲", "cheaper": " ▼"}


@dataclass(frozen=True)
class Split:
    """A table whose first rows are open."""

    first: Table
    rest: Table

    def __bool__(self) -> bool:
        return bool(self.first)


@dataclass(frozen=True)
class SeriesSection:
    """What the page says of one series."""

    heading: str
    counts: str
    plot: LinePlot | None
    main: Split
    further: Table
    answers: Split


@dataclass(frozen=True)
class _History:
    """One series and its questions."""

    series: Series
    tracks: Sequence[Track]
    answers: Sequence[AnswerTrack]

    @property
    def steps(self) -> list[Step]:
        return [step for track in self.tracks for step in track.steps if step is not None]


def render_history(
    runs: Sequence[tuple[str, Sequence[Record]]],
    about: Mapping[str, ScenarioTexts] | None = None,
    questions: Mapping[str, BehaviourTexts] | None = None,
    *,
    method_link: str = METHOD_LINK,
) -> Rendered:
    """Render the history of several runs, each with the name of its folder; one run of several builds is a history too.

    Raises ValueError without runs, for a label that is there twice, or for records that hold no run.
    """
    labels = [label for label, _records in runs]
    if not runs or len(set(labels)) != len(labels):
        raise ValueError(f"a history needs runs with labels unlike each other, not {labels!r}")
    sides = [LabelledRun(label, Run.of(records)) for label, records in runs]
    texts = texts_for([name for side in sides for name in side.run.scenario_ids], about or {})
    builds = builds_of(sides)
    histories = _all_series(builds)
    sections, plots = _sections(histories, texts, questions or {})
    files: dict[str, bytes] = {}
    if plots:
        from crossloop.report.history.lines_drawing import draw_lines  # imports matplotlib

        files = draw_lines(plots)
    markdown = (
        environment()
        .get_template("history.md.j2")
        .render(
            bindings=", ".join(dict.fromkeys(history.series.adapter for history in histories)) or "nothing",
            summary=_summary(sides, histories),
            wine=[side.label for side in sides if side.run.wine],
            measured=any(history.steps for history in histories),
            moves=_moves(histories, texts),
            turns=_turns(histories, questions or {}),
            sections=sections,
            open_sections=OPEN_SECTIONS,
            remarks=_remarks(sides, builds, histories),
            runs=_runs(sides),
            method_link=Markdown(method_link),
        )
    )
    return Rendered(markdown, files)


def _all_series(builds: Sequence[Build]) -> list[_History]:
    """Series in which two builds have a ratio for one question, and those in which an answer changed."""
    with_cells = [
        build for build in builds if any(cell.adapter == build.name for cell in build.origin.run.cells)
    ]
    measured = {
        _names(series): _History(series, tracks, ())
        for series in series_of(with_cells, lambda build: machine_key(build.origin.machine))
        if (tracks := tracks_of(series))
    }
    with_answers = series_of(
        [build for build in builds if were_asked(build)], lambda build: surroundings(build.origin)
    )
    for series in with_answers:
        if answers := answer_tracks(series):
            beside = measured.get(_names(series), _History(series, (), ()))
            measured[_names(series)] = replace(beside, answers=answers)
    return sorted(
        measured.values(),
        key=lambda history: (history.series.adapter, history.series.over == "Pythons", not history.tracks),
    )


def _names(series: Series) -> tuple[object, ...]:
    """What a series is told by."""
    return series.adapter, series.over, *((build.name, build.origin.label) for build in series.builds)


def _summary(sides: Sequence[LabelledRun], histories: Sequence[_History]) -> str:
    steps = [step for history in histories for step in history.steps]
    moved = sum(step.moved for step in steps)
    bindings = {history.series.adapter for history in histories}
    builds = {
        (build.name, build.version, build.python) for history in histories for build in history.series.builds
    }
    machines = {machine_key(side.machine) for side in sides}
    runs = digits.counted(len(sides), "run")
    where = f"on {sides[0].run.place}" if len(machines) == 1 else f"on {len(machines)} machines"
    text = f"{runs} {where}: {digits.counted(len(builds), 'build')} of {digits.counted(len(bindings), 'binding')}."
    if not steps:
        return text
    return (
        f"{text} {digits.integer(moved)} of {digits.counted(len(steps), 'step')} from a build to the next moved a "
        "ratio beyond the noise floor."
    )


# What moved --------------------------------------------------------------------------------------------


def _moves(histories: Sequence[_History], texts: Mapping[str, ScenarioTexts]) -> Split:
    rows = []
    moved = [
        (step, track, history.series)
        for history in histories
        for track in history.tracks
        for step in track.steps
        if step is not None and step.moved and step.ratio is not None
    ]
    for step, track, series in sorted(moved, key=lambda each: _size(each[0]), reverse=True):
        assert step.ratio is not None
        rows.append(
            (
                series.adapter,
                _from_to(series, step.before.build, step.now.build),
                _question(track, texts),
                Markdown(f"{digits.fine_ratio(step.ratio)}{MARKS.get(step.verdict, '')}"),
                digits.percent(step.noise_floor or 0.0),
                "paired" if step.paired else "quotient",
            )
        )
    caption = (
        "NEW ÷ OLD in CPU per operation, 95 % interval in brackets, the largest first. Below 1 is cheaper (▼), above "
        "1 is dearer (▲). Paired: both builds ran in the same rounds. Quotient: of each build's ratio in its own run."
    )
    columns = [
        Column("Binding"),
        Column("From → to"),
        Column("Question"),
        Column("NEW ÷ OLD", "right"),
        Column("Noise floor", "right"),
        Column("How"),
    ]
    return _split(columns, rows, caption)


def _size(step: Step) -> float:
    return abs(math.log(step.ratio.value)) if step.ratio is not None else 0.0


def _from_to(series: Series, old: Build, new: Build) -> Markdown:
    return Markdown(f"{inline(series.name_of(old))} → {inline(series.name_of(new))}")


def _question(track: Track, texts: Mapping[str, ScenarioTexts]) -> str:
    title = texts[track.question.scenario].title
    style = f" ({track.question.style})" if track.question.style not in {"", "native"} else ""
    return f"{title}{style}: {parameters_text(track.parameters)}"


def _split(columns: Sequence[Column], rows: Sequence[Sequence[str]], caption: str = "") -> Split:
    return Split(table(columns, rows[:FIRST_ROWS], caption), table(columns, rows[FIRST_ROWS:]))


# What came and went ------------------------------------------------------------------------------------


def _turns(histories: Sequence[_History], questions: Mapping[str, BehaviourTexts]) -> Split:
    changes = [
        (change, history.series)
        for history in histories
        for answers in history.answers
        for change in answers.changes
    ]
    rows = [
        (
            series.adapter,
            _from_to(series, change.old, change.new),
            Markdown(f"**{change.turn}**"),
            _behaviour_question(change.behaviour, questions),
            _said(change.before),
            _said(change.now),
        )
        for change, series in sorted(changes, key=_turn_order)
    ]
    columns = [
        Column("Binding"),
        Column("From → to"),
        Column("Turn"),
        Column("Behaviour"),
        Column("Before"),
        Column("Now"),
    ]
    caption = (
        "Came: the rule is kept now. Went: it was kept before. Changed: it is still not kept, in another way."
    )
    return _split(columns, rows, caption)


def _turn_order(change: tuple[AnswerChange, Series]) -> tuple[str, int]:
    return change[1].adapter, ("went", "came", "changed").index(change[0].turn)


def _behaviour_question(behaviour: str, questions: Mapping[str, BehaviourTexts]) -> str:
    known = questions.get(behaviour)
    return known.question if known is not None else behaviour


def _said(record: BehaviourRecord | None) -> Markdown:
    if record is None:
        return Markdown(digits.MISSING)
    word = record.answer.replace("-", " ")
    return Markdown(f"{word}: {inline(record.how)}" if record.how else word)


# A series ----------------------------------------------------------------------------------------------


def _sections(
    histories: Sequence[_History], texts: Mapping[str, ScenarioTexts], questions: Mapping[str, BehaviourTexts]
) -> tuple[list[SeriesSection], list[LinePlot]]:
    headings = [_heading(history) for history in histories]
    names = stems(
        [
            f"{history.series.adapter} {history.series.over} {number}"
            for number, history in enumerate(histories, 1)
        ]
    )
    titles = {name: text.title for name, text in texts.items()}
    sections, plots = [], []
    for (_name, stem), heading, history in zip(names.items(), headings, histories, strict=True):
        plot = plot_of(history.series, history.tracks, titles, f"{stem}.svg")
        if plot is not None:
            plots.append(plot)
        main = [track for track in history.tracks if track.main]
        further = [track for track in history.tracks if not track.main]
        sections.append(
            SeriesSection(
                heading,
                _counts(history),
                plot,
                _ratios(history.series, main, texts),
                _ratios_whole(history.series, further, texts),
                _answers(history.series, history.answers, questions),
            )
        )
    return sections, plots


def _heading(history: _History) -> str:
    shared = f", {history.series.fixed}" if history.series.fixed else ""
    return f"{history.series.adapter} over {history.series.over}{shared}{'' if history.tracks else ': behaviours'}"


def _counts(history: _History) -> str:
    names = ", ".join(history.series.name_of(build) for build in history.series.builds)
    text = f"{digits.integer(len(history.series.builds))} builds: {names}."
    if not history.tracks:
        return text
    unknown = sum(step.verdict == "no floor" for step in history.steps)
    other = sum(step.verdict == "another divisor" for step in history.steps)
    moved = sum(step.moved for step in history.steps)
    parts = [f"{digits.counted(len(history.steps), 'step')}, {digits.integer(moved)} beyond the noise floor"]
    if unknown:
        parts.append(f"{digits.integer(unknown)} not judged because no floor is known")
    if other:
        parts.append(f"{digits.integer(other)} not judged because the two are divided by unlike rows")
    return f"{text} {', '.join(parts)}."


def _ratios(series: Series, tracks: Sequence[Track], texts: Mapping[str, ScenarioTexts]) -> Split:
    whole = _ratios_whole(series, tracks, texts)
    first = Table(whole.columns, whole.rows[:FIRST_ROWS], whole.caption, whole.notes)
    return Split(first, Table(whole.columns, whole.rows[FIRST_ROWS:]))


def _ratios_whole(series: Series, tracks: Sequence[Track], texts: Mapping[str, ScenarioTexts]) -> Table:
    reasons = Reasons()
    rows = [
        (
            _question(track, texts),
            *(_cell(track, position, reasons) for position in range(len(series.builds))),
            _floors(track),
        )
        for track in tracks
    ]
    divisors = dict.fromkeys(
        point.base.label for track in tracks for point in track.points if point is not None
    )
    caption = (
        f"CPU per operation ÷ that of {', '.join(divisors)} in the same run, 95 % interval in brackets. ▲ dearer and "
        "▼ cheaper than the build before, by more than the noise floor of both. ? no floor is known."
    )
    columns = [
        Column("Question"),
        *(Column(inline(series.name_of(build)), "right") for build in series.builds),
        Column("Noise floor", "right"),
    ]
    return table(columns, rows, caption, reasons.notes)


def _cell(track: Track, position: int, reasons: Reasons) -> Markdown:
    point, step, lost = track.points[position], track.steps[position], track.lost[position]
    if point is not None:
        unknown = step is not None and step.verdict in {"no floor", "another divisor"}
        mark = " ?" if unknown else MARKS.get(step.verdict, "") if step is not None else ""
        return Markdown(f"{digits.fine_ratio(point.ratio.estimate)}{mark}")
    if lost is not None:
        return Markdown(f"{inline(lost.outcome)}{reasons.marks([lost.reason])}")
    return Markdown("not run")


def _floors(track: Track) -> str:
    floors = [point.noise_floor for point in track.points if point is not None]
    known = [floor for floor in floors if floor is not None]
    if not known:
        return "not known"
    lowest, highest = digits.percent(min(known)), digits.percent(max(known))
    return highest if lowest == highest else f"{lowest} to {highest}"


def _answers(series: Series, tracks: Sequence[AnswerTrack], questions: Mapping[str, BehaviourTexts]) -> Split:
    rows = [
        (_behaviour_question(track.behaviour, questions), *map(_said, track.answers))
        for track in sorted(tracks, key=lambda track: track.group)
    ]
    columns = [Column("Behaviour"), *(Column(inline(series.name_of(build))) for build in series.builds)]
    return _split(columns, rows, "Behaviours that are not the same in all builds.")


# What is not compared ----------------------------------------------------------------------------------


def _remarks(
    sides: Sequence[LabelledRun], builds: Sequence[Build], histories: Sequence[_History]
) -> list[Markdown]:
    remarks = [*_unlike(sides), *_unopened(sides), *_without_baseline(sides)]
    shown = {build.adapter for history in histories for build in history.series.builds}
    alone = dict.fromkeys(
        build.adapter for build in builds if build.adapter not in shown and build.adapter != BASELINE
    )
    if alone:
        remarks.append(
            Markdown(
                f"Nothing to compare, for want of a second build, or of a change: {inline(', '.join(alone))}."
            )
        )
    return remarks


def _unlike(sides: Sequence[LabelledRun]) -> Iterable[Markdown]:
    """A line for each pair of neighbouring runs between which something differs that is not the binding."""
    for before, after in pairwise(sides):
        both = f"{inline(before.label)} and {inline(after.label)}"
        if differences := machine_differences(before.machine, after.machine):
            yield Markdown(
                f"{both} ran on unlike machines, so their ratios are not compared: {inline('; '.join(differences))}."
            )
        if before.machine.python != after.machine.python:
            pythons = f"{before.machine.python!r} and {after.machine.python!r}"
            yield Markdown(
                f"{both} have unlike Pythons ({inline(pythons)}): versions of a binding are compared within before "
                "Python. Over Pythons asyncio moves as well, and a ratio to it may move for either reason."
            )
        doubts = [
            f"{what} {value!r} and {other_value!r}"
            for what, value, other_value in (
                ("kernel", before.machine.release, after.machine.release),
                ("libc", before.machine.libc, after.machine.libc),
                ("crossloop", before.run.record.crossloop, after.run.record.crossloop),
                ("profile", before.run.record.profile, after.run.record.profile),
            )
            if value != other_value
        ]
        if doubts and before.run.cells and after.run.cells:
            yield Markdown(
                f"{both} are compared, and differ in more than the builds: {inline('; '.join(doubts))}."
            )


def _unopened(sides: Sequence[LabelledRun]) -> Iterable[Markdown]:
    """Builds that a run named and could not open."""
    for side in sides:
        for name, record in side.run.adapters.items():
            if is_variant(name) and not record.usable:
                yield Markdown(
                    f"{inline(name)} in {inline(side.label)} is {inline(record.outcome)}: {inline(record.reason)}"
                )


def _without_baseline(sides: Sequence[LabelledRun]) -> Iterable[Markdown]:
    for side in sides:
        measured = {row.adapter for measured_set in side.run.all_sets for row in measured_set.rows}
        if measured and BASELINE not in measured:
            yield Markdown(
                f"{inline(side.label)} measured no {BASELINE}: its ratios are to the newest build of each binding, and "
                "are not compared with those of other runs."
            )


def _runs(sides: Sequence[LabelledRun]) -> Table:
    rows = [
        (
            inline(side.label),
            side.run.place,
            side.machine.cpu,
            digits.integer(side.machine.cpus),
            side.machine.python,
            side.run.record.profile,
            side.run.record.started,
            _floor_range(side.run),
            "complete" if side.run.end is not None else "incomplete: no end record",
        )
        for side in sides
    ]
    columns = [
        *map(Column, ("Run", "System", "Processor")),
        Column("CPUs", "right"),
        *map(Column, ("Python", "Profile", "Started (UTC)")),
        Column("Noise floors", "right"),
        Column("State"),
    ]
    return table(columns, rows)


def _floor_range(run: Run) -> str:
    floors = [
        measured.record.noise_floor
        for measured in run.all_sets
        if measured.record is not None and measured.record.noise_floor is not None
    ]
    if not floors:
        return digits.MISSING
    lowest, highest = digits.percent(min(floors)), digits.percent(max(floors))
    return highest if lowest == highest else f"{lowest} to {highest}"
