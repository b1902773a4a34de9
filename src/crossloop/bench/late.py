"""Rows that come back late: what a server does in the run-in, which is not measured.

A worker is stopped outside its slices, and a timer of its own that has become due meanwhile fires when it goes on: in
the run-in. A server that stops for 50 ms each second does so there, visit for visit, and no figure shows it. So the
longest wait of each run-in is kept, and a row that is late again and again while the others are not is named. Pure.
"""

from collections.abc import Sequence
from statistics import median

from crossloop.bench.stages import Comparison, Row, row_of
from crossloop.journal import SliceRecord, WarningRecord, adapter_of
from crossloop.load.histogram import percentile

NAME = "late-run-ins"
LATE_NS = 20_000_000
LATE_NS_PER_CONNECTION = 1_000_000
"""Its connections are new: a server may need this long to take each of them in, as one that forks does."""
SHARE = 0.25
"""Share of a row's visits that are late, from which it is named, and least number of them: one may be the machine's."""
LEAST = 3
TIMES_OTHERS = 3.0
"""The median share of the other rows must be so many times smaller: else it is the machine that is late."""


def late_rows(comparison: Comparison, slices: Sequence[SliceRecord]) -> list[WarningRecord]:
    """A warning for each row of *comparison* that comes back late again and again, for reasons of its own."""
    lates = {row: _late(comparison, row, slices) for row in comparison.rows}
    visits = {row: len(_run_ins(row, slices)) for row in comparison.rows}
    shares = {row: len(late) / visits[row] for row, late in lates.items() if visits[row]}
    warnings = []
    for row, share in shares.items():
        others = [each for other, each in shares.items() if other != row]
        alone = not others or share >= TIMES_OTHERS * median(others)
        if share >= SHARE and len(lates[row]) >= LEAST and alone:
            warnings.append(_warning(comparison, row, lates[row], visits[row]))
    return warnings


def _run_ins(row: Row, slices: Sequence[SliceRecord]) -> list[SliceRecord]:
    return [slice_ for slice_ in slices if row_of(slice_) == row and slice_.run_in_wait_ns is not None]


def _late(comparison: Comparison, row: Row, slices: Sequence[SliceRecord]) -> list[int]:
    """Longest waits in ns of the run-ins that were late, by more than the slice after them has to show."""
    new = comparison.connections * LATE_NS_PER_CONNECTION
    waits_ns = []
    for slice_ in _run_ins(row, slices):
        usual = percentile(slice_.latency, 90) if slice_.latency else 0
        if (slice_.run_in_wait_ns or 0) - usual >= LATE_NS + new:
            waits_ns.append(slice_.run_in_wait_ns or 0)
    return waits_ns


def _warning(comparison: Comparison, row: Row, late: Sequence[int], visits: int) -> WarningRecord:
    return WarningRecord(
        NAME,
        f"{row} on {comparison.scenario.id}: in {len(late)} of {visits} run-ins nothing was answered for "
        f"{median(late) / 1e6:.0f} ms (median). The server stops now and then in time that is not measured, so none of "
        "its figures shows it.",
        f"`crossloop check --adapters {adapter_of(row.adapter)}` looks for stalls.",
    )
