"""What an earlier, interrupted run of the same journal already has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from crossloop.bench.plan import Excluded
from crossloop.bench.stages import Comparison
from crossloop.journal import (
    CellRecord,
    ComparisonRecord,
    EndRecord,
    EvidenceRecord,
    Record,
    SliceRecord,
    parameters_key,
    row_key,
    set_key,
)

_Kind = TypeVar("_Kind", bound=Record)


@dataclass(frozen=True)
class Past:
    """Records that need not be made again."""

    slices: tuple[SliceRecord, ...] = ()
    cells: tuple[CellRecord, ...] = ()
    comparisons: tuple[ComparisonRecord, ...] = ()
    evidence: tuple[EvidenceRecord, ...] = ()
    end: EndRecord | None = None
    """Where the run was complete."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Past":
        """The slices, cells and evidence among *records*. Of slices that are there twice the last counts."""
        slices = {
            (set_key(slice_), row_key(slice_), slice_.phase, slice_.generation, slice_.round): slice_
            for slice_ in _of_kind(records, SliceRecord)
        }
        ends = [record for record in records if isinstance(record, CellRecord | EndRecord)][-1:]
        return cls(
            tuple(slices.values()),
            _of_kind(records, CellRecord),
            _of_kind(records, ComparisonRecord),
            _of_kind(records, EvidenceRecord),
            next(iter(_of_kind(ends, EndRecord)), None),
        )

    def has(self, comparison: Comparison) -> bool:
        """Whether every cell of a comparison is there."""
        done = {row_key(cell) for cell in self.cells if set_key(cell) == comparison.place}
        return done.issuperset((*comparison.rows, *comparison.beside))

    def has_excluded(self, excluded: Excluded) -> bool:
        """Whether the cell of *excluded* is there."""
        key = (excluded.scenario, parameters_key(excluded.parameters)), excluded.row
        return any(key == (set_key(cell), row_key(cell)) for cell in self.cells)


def _of_kind(records: Sequence[Record], kind: type[_Kind]) -> tuple[_Kind, ...]:
    return tuple(record for record in records if isinstance(record, kind))
