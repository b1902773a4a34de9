"""Which behaviours came and went from one build to the next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from crossloop.journal import BehaviourRecord
from crossloop.report.history.builds import Build, LabelledRun, Series

Turn: TypeAlias = Literal["came", "went", "changed"]
"""The answer became `yes`, was `yes` and is no more, or is another one of those that are not `yes`."""


@dataclass(frozen=True)
class AnswerChange:
    """One behaviour whose answer is another one than the build before gave."""

    behaviour: str
    before: BehaviourRecord
    now: BehaviourRecord
    old: Build
    new: Build

    @property
    def turn(self) -> Turn:
        """In one word."""
        if self.now.answer == "yes":
            return "came"
        return "went" if self.before.answer == "yes" else "changed"


@dataclass(frozen=True)
class AnswerTrack:
    """The answers to one question over a series."""

    behaviour: str
    group: str
    answers: tuple[BehaviourRecord | None, ...]
    """In the order of the builds; None where it was not asked."""
    changes: tuple[AnswerChange, ...]


def were_asked(build: Build) -> bool:
    """Whether a run asked what this build does."""
    return any(record.adapter == build.name for record in build.origin.run.behaviours)


def surroundings(origin: LabelledRun) -> tuple[object, ...]:
    """What answers may depend on beside the build: those of unlike surroundings are not held against each other."""
    return origin.machine.platform, origin.machine.system, origin.run.wine


def answer_tracks(series: Series) -> list[AnswerTrack]:
    """Every behaviour whose answer changed between two builds, in the order of the records."""
    by_build = [_answers(build) for build in series.builds]
    behaviours = dict.fromkeys(behaviour for answers in by_build for behaviour in answers)
    tracks = []
    for behaviour in behaviours:
        answers = tuple(given.get(behaviour) for given in by_build)
        changes = _changes(behaviour, series.builds, answers)
        if changes:
            group = next(answer.group for answer in answers if answer is not None)
            tracks.append(AnswerTrack(behaviour, group, answers, changes))
    return tracks


def _answers(build: Build) -> dict[str, BehaviourRecord]:
    records = build.origin.run.behaviours
    return {record.behaviour: record for record in records if record.adapter == build.name}


def _changes(
    behaviour: str, builds: Sequence[Build], answers: Sequence[BehaviourRecord | None]
) -> tuple[AnswerChange, ...]:
    changes = []
    before: tuple[Build, BehaviourRecord] | None = None
    for build, answer in zip(builds, answers, strict=True):
        if answer is None:
            continue
        if before is not None and (answer.answer, answer.how) != (before[1].answer, before[1].how):
            changes.append(AnswerChange(behaviour, before[1], answer, before[0], build))
        before = build, answer
    return tuple(changes)
