"""One run as a comparison wants it: its cells, and the logarithms of their slices' costs. Pure.

A journal may come from anywhere. What its types cannot say is checked where it is used: slices without an operation
have no cost, of two slices of one turn the last counts, and cells without figures have no slices that count.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from crossloop.bench.cells import MAIN_PHASES
from crossloop.compare.change import RowKey, Turn
from crossloop.journal import (
    CellRecord,
    ComparisonRecord,
    EndRecord,
    Estimate,
    Record,
    RunRecord,
    SliceRecord,
)
from crossloop.journal.naming import adapter_of
from crossloop.report.run import Run, gather, parameters_key
from crossloop.statistics import noise_floor

SetKey: TypeAlias = tuple[str, str]
"""(scenario, canonical parameters): one comparison of a run."""
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
    run = gather(records)
    cells: dict[SetKey, dict[RowKey, CellRecord]] = {}
    for cell in run.cells:
        key = (cell.scenario, parameters_key(cell.parameters))
        cells.setdefault(key, {})[cell.adapter, cell.style] = cell
    if not cells:
        raise NoRunError(
            f"{name}: holds no cell; expected the run.jsonl of a `crossloop bench --out DIR` that measured something"
        )
    costs: dict[SetKey, dict[RowKey, dict[Turn, float]]] = {}
    for one in records:
        if isinstance(one, SliceRecord) and one.phase in MAIN_PHASES and one.operations:
            key, row = (one.scenario, parameters_key(one.parameters)), (one.adapter, one.style)
            if max(one.cpu_ns, one.operations) >= _MOST:
                raise NoRunError(
                    f"{name}: a slice of {one.adapter!r} claims more than {_MOST} ns or operations"
                )
            found = cells.get(key, {}).get(row)
            if found is not None and found.figures is not None:
                turns = costs.setdefault(key, {}).setdefault(row, {})
                turns[one.generation, one.round] = math.log(max(one.cpu_ns, 1) / one.operations)
    floors = {
        (one.scenario, parameters_key(one.parameters)): one.noise_floor
        for one in records
        if isinstance(one, ComparisonRecord) and (one.noise_floor is None or math.isfinite(one.noise_floor))
    }
    return RunData(name, run, cells, costs, floors or None)


def floor_of(control: Estimate | None) -> float | None:
    """The noise floor that a run's A/A control shows, as a part of one; None without one that is of any use."""
    if control is None or not all(0 < end < math.inf for end in (control.value, control.low, control.high)):
        return None
    return noise_floor(control)
