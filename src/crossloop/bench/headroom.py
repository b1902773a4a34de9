"""The headroom certificate: how far the load reaches against a native echo, and how much of that each row takes. Pure.

A load that is nearly used up measures itself. What it can do is shown by a subject that costs next to nothing: the
first native reference of a comparison (`c-epoll` where it can be built), in the same rounds as everybody else.
A row's share of it is a paired ratio of rates. A report marks a row beyond `references.MARKED_SHARE`: its rate may be
the load's, and a leaner row could not show what it can do.
"""

from collections.abc import Sequence

import msgspec

from crossloop import statistics
from crossloop.bench.stages import Comparison, Row, row_of, row_seed, speed, values_of
from crossloop.journal import CellRecord, Estimate, PlainPhase, SliceRecord


def native_row(rows: Sequence[Row], slices: Sequence[SliceRecord]) -> Row | None:
    """The first of the references *rows* that has a figure."""
    return next((row for row in rows if _rates(row, slices)), None)


def with_headroom(
    cells: Sequence[CellRecord], comparison: Comparison, slices: Sequence[SliceRecord], seed: int
) -> list[CellRecord]:
    """*cells* with each row's share of what the load reached against the native echo, where there was one."""
    native = native_row(comparison.references, slices)
    if native is None:
        return list(cells)
    reached = _rates(native, slices)
    extended = []
    for cell in cells:
        figures = cell.figures
        if figures is not None:
            own_seed = row_seed(seed, comparison.key, cell.adapter, cell.style, "of native")
            share = _share(_rates(row_of(cell), slices), reached, own_seed)
            figures = msgspec.structs.replace(figures, of_native=share)
        extended.append(msgspec.structs.replace(cell, figures=figures))
    return extended


def _share(
    rates: Sequence[tuple[int, int, float]], reached: Sequence[tuple[int, int, float]], seed: int
) -> Estimate | None:
    if not {turn[:2] for turn in rates} & {turn[:2] for turn in reached}:
        return None
    return statistics.paired_ratio(rates, reached, seed)


def _rates(row: Row, slices: Sequence[SliceRecord]) -> list[tuple[int, int, float]]:
    """Messages a second of a row's slices at capacity."""
    return values_of(slices, speed, row, {PlainPhase.CAPACITY})
