"""Results: what is known of a stage by now. Its slices, and what became of the rows without. Pure."""

from collections import Counter
from collections.abc import Sequence

from crossloop.bench.stages import Comparison, Row, Stage, row_of
from crossloop.journal import SetKey, SliceRecord, UnfitRecordError, set_key
from crossloop.outcomes import Failed, Outcome, outcome_beside
from crossloop.supervise.child import ChildError

MOST_LOST = 3
"""Visits in a row that were lost to a process beside the measured one; after them a stage is given up."""


class Results:
    """Of the comparisons of a stage; *past* are slices of an interrupted run, *strict*: any failure ends the stage."""

    def __init__(self, stage: Stage, past: Sequence[SliceRecord] = (), *, strict: bool = False):
        self._stage = stage
        self._strict = strict
        places = [comparison.place for comparison in stage.comparisons]
        self.slices: dict[SetKey, list[SliceRecord]] = {place: [] for place in places}
        for record in past:
            if (place := set_key(record)) in self.slices:
                self.slices[place].append(record)
        self.failures: dict[SetKey, dict[Row, Outcome]] = {place: {} for place in places}
        self._lost: dict[SetKey, dict[Row, Outcome]] = {place: {} for place in places}
        """Rows of which a visit was lost to a process beside theirs; that is what became of those without slices."""
        self._lost_running = 0
        # Generations are numbered on from those of an interrupted run: fresh processes are a new one.
        before = [slice_.generation for taken in self.slices.values() for slice_ in taken]
        self.first_generation = max(before, default=-1) + 1
        self.done = {comparison.place: self._rounds_done(comparison) for comparison in stage.comparisons}
        """Rounds that an interrupted run completed for every row."""

    def _rounds_done(self, comparison: Comparison) -> int:
        rows = set(comparison.measured)
        seen: dict[tuple[int, int], set[Row]] = {}
        for slice_ in self.slices[comparison.place]:
            seen.setdefault((slice_.generation, slice_.round), set()).add(row_of(slice_))
        return sum(taken >= rows for taken in seen.values())

    def add(self, record: SliceRecord) -> None:
        """One slice more."""
        self.slices[set_key(record)].append(record)
        self._lost_running = 0

    def refuse(self, record: SliceRecord, error: UnfitRecordError) -> None:
        """A slice that was added cannot be recorded: its row has no figure."""
        place = set_key(record)
        self.slices[place].remove(record)
        self.failures[place][row_of(record)] = Failed(f"its figures cannot be recorded: {error}")

    def fail(self, row: Row, comparison: Comparison, outcome: Outcome) -> None:
        """A row has no figure."""
        self.failures[comparison.place][row] = outcome

    def note(self, row: Row, comparison: Comparison, error: ChildError) -> None:
        """Note what became of a row. Raises ChildError when the processes beside the rows fail again and again."""
        if self._strict:
            raise error
        if not outcome_beside(error.outcome):
            self.fail(row, comparison, error.outcome)
            return
        self._lost[comparison.place][row] = error.outcome
        self._lost_running += 1
        if self._lost_running == MOST_LOST:
            raise error

    def fail_all(self, outcome: Outcome) -> None:
        """No row of the stage can be measured any more; what was measured stands."""
        for comparison in self._stage.comparisons:
            for row in comparison.measured:
                self._lost[comparison.place].setdefault(row, outcome)

    def visitable(self, comparison: Comparison) -> list[Row]:
        """Rows that nothing is known against."""
        place = comparison.place
        out = {*self.failures[place], *self._stage.stops(self.slices, self.failures).get(place, ())}
        return [row for row in comparison.measured if row not in out]

    def of(self, comparison: Comparison) -> tuple[list[SliceRecord], dict[Row, Outcome]]:
        """Slices, and the rows that have no figure."""
        place = comparison.place
        slices = of_one_load(self.slices[place])
        measured = {row_of(slice_) for slice_ in slices}
        lost = {row: outcome for row, outcome in self._lost[place].items() if row not in measured}
        stops = self._stage.stops(self.slices, self.failures).get(place, {})
        return slices, {**lost, **self.failures[place], **stops}


def of_one_load(slices: Sequence[SliceRecord]) -> list[SliceRecord]:
    """Those of *slices* whose load came from the same hosts: when a host is lost, the load is another one from then on.

    Those of which there are most, or were first.
    """
    hosts = Counter(tuple(share.host for share in slice_.hosts) for slice_ in slices)
    if len(hosts) < 2:
        return list(slices)
    usual = max(hosts, key=lambda names: hosts[names])
    return [slice_ for slice_ in slices if tuple(share.host for share in slice_.hosts) == usual]
