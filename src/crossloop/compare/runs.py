"""One run as a comparison wants it: its cells, and the logarithms of their slices' costs. Pure.

A journal may come from anywhere. What its types cannot say is checked where it is used: slices without an operation
have no cost, of two slices of one turn the last counts, and cells without figures have no slices that count.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import (
    CellRecord,
    EndRecord,
    Estimate,
    Record,
    RowKey,
    Run,
    RunRecord,
    SetKey,
    Turn,
    adapter_of,
    row_key,
    set_key,
)
from crossloop.statistics import noise_floor

_MOST = 1 << 63
"""Nanoseconds, or operations, of one slice that a journal can claim and be believed: three centuries."""


class NoRunError(ValueError):
    """A journal that can be read and cannot be compared; the message names it and what was expected."""


@dataclass(frozen=True)
class RunData:
    """What is compared of one run."""

    name: str
    run: Run
    cells: Mapping[SetKey, Mapping[RowKey, CellRecord]]
    costs: Mapping[SetKey, Mapping[RowKey, Mapping[Turn, float]]]
    """Logarithm of CPU nanoseconds per operation; of measured cells alone."""

    floors: Mapping[SetKey, float | None] | None = None
    """Noise floor of each comparison, as a part of one, None where its A/A control tells nothing; of a journal that has
    no such records None."""

    def floor(self, key: SetKey) -> float | None:
        """The noise floor of a comparison: its own, or what a run without such records says of the whole."""
        if self.floors is not None:
            return self.floors.get(key)
        return floor_of(self.end.noise_floor if self.end else None)

    @property
    def header(self) -> RunRecord:
        """The first record."""
        return self.run.record

    @property
    def end(self) -> EndRecord | None:
        """The last record of a complete run."""
        return self.run.end

    def was_asked_for(self, cell: CellRecord) -> bool:
        """Whether this run set out to measure an adapter and a scenario."""
        names = {cell.adapter, adapter_of(cell.adapter)}
        return not names.isdisjoint(self.header.adapters) and cell.scenario in self.header.scenarios


def run_data(name: str, records: Sequence[Record]) -> RunData:
    """Sort a journal's records. Raises `NoRunError` for one without a cell, or with impossible numbers."""
    run = Run.of(records)
    cells: dict[SetKey, dict[RowKey, CellRecord]] = {}
    costs: dict[SetKey, dict[RowKey, dict[Turn, float]]] = {}
    for cell in run.cells:
        cells.setdefault(set_key(cell), {})[row_key(cell)] = cell
        if cell.figures is not None and (turns := _costs(name, run, cell)):
            costs.setdefault(set_key(cell), {})[row_key(cell)] = turns
    if not cells:
        raise NoRunError(
            f"{name}: holds no cell; expected the run.jsonl of a `crossloop bench --out DIR` that measured something"
        )
    floors = {
        one.key: one.record.noise_floor
        for one in run.all_sets
        if one.record is not None
        and (one.record.noise_floor is None or math.isfinite(one.record.noise_floor))
    }
    return RunData(name, run, cells, costs, floors or None)


def _costs(name: str, run: Run, cell: CellRecord) -> dict[Turn, float]:
    found = run.slices_of(cell)
    if any(max(one.cpu_ns, one.operations) >= _MOST for one in found.values()):
        raise NoRunError(f"{name}: a slice of {cell.adapter!r} claims more than {_MOST} ns or operations")
    return {turn: math.log(max(one.cpu_ns, 1) / one.operations) for turn, one in found.items()}


def floor_of(control: Estimate | None) -> float | None:
    """The noise floor that a run's A/A control shows, as a part of one; None without one that is of any use."""
    if control is None or not all(0 < end < math.inf for end in (control.value, control.low, control.high)):
        return None
    return noise_floor(control)
