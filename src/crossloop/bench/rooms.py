"""Rooms: the live processes of one stage and generation, composed of the measured ones, those beside, and a visit."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, Self, TypeAlias, TypeVar

from crossloop.bench.beside import Companion, Load
from crossloop.bench.site import Site
from crossloop.bench.stages import Comparison, Row, Stage, Step
from crossloop.bench.subjects import Said, ServerLaunch, Subjects, WorkLaunch
from crossloop.bench.visits import BeyondError, LoadVisit, RungVisit, Taken, Visit, WorkVisit
from crossloop.outcomes import outcome_beside
from crossloop.supervise.answers import Ready, Serving
from crossloop.supervise.child import ChildError

Found = TypeVar("Found")


class Room(Generic[Said, Found]):
    """Visits rows; a context manager that leaves no process behind."""

    def __init__(
        self,
        site: Site,
        subjects: Subjects[Said],
        visit: Visit[Said, Found],
        beside: Load | Companion | None,
        *,
        lasting: bool,
    ):
        """*lasting*: measured processes live as long as the room; else for one visit."""
        self._site = site
        self._subjects = subjects
        self._visit = visit
        self._beside = beside
        self._lasting = lasting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._subjects.dismiss()
        if self._beside is not None:
            self._beside.end()

    def start(self, rows: Iterable[Row]) -> dict[Row, ChildError]:
        """Start what is to last; returns what went wrong. Processes of a room before are gone on return."""
        failed = self._subjects.start_all(rows) if self._lasting else {}
        self._site.await_leaving()
        if failed:
            try:
                self._look_beside()
            except ChildError as error:
                failed = dict.fromkeys(failed, error)
        return failed

    def prepare(self, rows: Iterable[Row]) -> None:
        """Of processes that live for one visit: start those of the next visits side by side, while nothing is measured.

        One that does not start is started again for its visit, which says why.
        """
        if not self._lasting:
            self._subjects.start_all(rows)

    def visit(self, row: Row, comparison: Comparison, steps: Sequence[Step], seed: int) -> list[Found]:
        """Visit a row, once more when a process beside it is lost.

        Starts the row's process when it is not there (after a failure on other parameters). Raises ChildError; the
        row's process is gone then, unless it only cannot do what *comparison* asks for.
        """
        try:
            return self._visited(row, comparison, steps, seed)
        except ChildError as error:
            if not outcome_beside(error.outcome):
                raise
        try:
            return self._visited(row, comparison, steps, seed)
        except ChildError:
            self._subjects.drop(row)
            raise

    def _visited(self, row: Row, comparison: Comparison, steps: Sequence[Step], seed: int) -> list[Found]:
        try:
            subject = self._subjects.of(row)
            subject.resume()
            findings = self._visit(row, subject, comparison, steps, seed)
            subject.look()
        except BeyondError:
            self._leave(row)
            raise
        except ChildError as error:
            if not outcome_beside(error.outcome):
                self._subjects.drop(row)
                self._look_beside()
            raise
        self._leave(row)
        return findings

    def _leave(self, row: Row) -> None:
        if self._lasting:
            self._subjects.of(row).suspend()
        else:
            self._subjects.drop(row)

    def _look_beside(self) -> None:
        """A row has failed: raise ChildError when a process beside it is gone, for then that has."""
        if self._beside is None:
            return
        try:
            self._beside.look()
        except ChildError:
            self._subjects.drop_all()  # each knows the address of the one that is gone
            raise


SliceRoom: TypeAlias = Room[Any, Taken]


def open_room(site: Site, stage: Stage) -> SliceRoom:
    """The room that the slices of a stage are taken in. Raises ChildError when what is beside cannot be started."""
    first, pace = stage.comparisons[0], stage.pace
    if not first.driven:
        companion = Companion(site, first.scenario) if first.scenario.about.companion else None
        workers = Subjects(site, WorkLaunch(site, stage, companion), Ready)
        limit_s = site.conditions.limit_s
        return Room(site, workers, WorkVisit(pace, limit_s), companion, lasting=stage.lasting)
    load = Load(site)
    visit = LoadVisit(site, load, pace) if stage.lasting else RungVisit(site, load, pace)
    servers = Subjects(site, ServerLaunch(site, stage), Serving)
    return Room(site, servers, visit, load, lasting=stage.lasting)
