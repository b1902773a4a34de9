"""Servers in several processes: their cells, each against the row of one process in the same rounds. Pure.

Their question is another one than that of the rows: not which library is the leanest, but what a second process brings.
So they are ranked with nobody, and what counts is the paired ratio to the same adapter and style in one process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from crossloop import statistics
from crossloop.bench.cells import cells_of, regime
from crossloop.bench.stages import Comparison, Row, cost, row_of, row_seed, speed, values_of
from crossloop.journal import (
    MAIN_PHASES,
    CellRecord,
    Estimate,
    InProcesses,
    SliceRecord,
    adapter_of,
    processes_of,
)
from crossloop.outcomes import Outcome


def process_cells(
    comparison: Comparison, slices: Sequence[SliceRecord], failures: Mapping[Row, Outcome], seed: int
) -> list[CellRecord]:
    """One cell for each row of *comparison* in several processes, in the plan's order."""
    apart = replace(comparison, rows=comparison.in_processes, control=None, references=(), in_processes=())
    return [
        _against_one(cell, comparison, slices, failures, seed)
        for cell in cells_of(apart, slices, failures, seed)
    ]


def _against_one(
    cell: CellRecord,
    comparison: Comparison,
    slices: Sequence[SliceRecord],
    failures: Mapping[Row, Outcome],
    seed: int,
) -> CellRecord:
    if cell.figures is None:
        return cell
    row = row_of(cell)
    single = Row(adapter_of(row.adapter), row.style)
    taken = [slice_ for slice_ in slices if row_of(slice_) == row and slice_.operations]
    busiest = cell.figures.counters.get("process_cpu_most", 1 / processes_of(row.adapter))
    figures = msgspec.structs.replace(cell.figures, regime=regime(taken, busiest))
    if single not in failures and _shared(row, single, slices):
        own_seed = row_seed(seed, comparison.scenario.id, comparison.key, str(row))
        figures = msgspec.structs.replace(figures, to_one_process=_ratios(row, single, slices, own_seed))
    return msgspec.structs.replace(cell, figures=figures)


def _shared(row: Row, single: Row, slices: Sequence[SliceRecord]) -> bool:
    """Whether the two share a round."""
    turns = [{value[:2] for value in values_of(slices, cost, each, MAIN_PHASES)} for each in (row, single)]
    return bool(turns[0] & turns[1])


def _ratios(row: Row, single: Row, slices: Sequence[SliceRecord], seed: int) -> InProcesses:
    def ratio(kind: str) -> Estimate:
        value = {"speed": speed, "cost": cost}[kind]
        several = values_of(slices, value, row, MAIN_PHASES)
        return statistics.paired_ratio(
            several, values_of(slices, value, single, MAIN_PHASES), row_seed(seed, kind)
        )

    return InProcesses(operations_per_s=ratio("speed"), cpu_ns_per_operation=ratio("cost"))
