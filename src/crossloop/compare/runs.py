"""One run as a comparison wants it: its cells, and the logarithms of their slices' costs. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import (
    CellRecord,
    Record,
    RowKey,
    Run,
    SetKey,
    Turn,
    adapter_of,
    row_key,
    set_key,
    slices_left_out,
)
from crossloop.statistics import noise_floor


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
    floors: Mapping[SetKey, float | None]
    """Noise floor of each comparison, as a part of one, None where its A/A control tells nothing; of a journal that has
    no such records none."""

    @property
    def control_floor(self) -> float | None:
        """The noise floor that the control in the run's end record shows; None without one."""
        end = self.run.end
        return noise_floor(end.noise_floor) if end is not None and end.noise_floor is not None else None

    def floor(self, key: SetKey) -> float | None:
        """The noise floor of a comparison: its own, or what a run without such records says of the whole."""
        return self.floors.get(key) if self.floors else self.control_floor

    def was_asked_for(self, cell: CellRecord) -> bool:
        """Whether this run set out to measure an adapter and a scenario."""
        names, record = {cell.adapter, adapter_of(cell.adapter)}, self.run.record
        return not names.isdisjoint(record.adapters) and cell.scenario in record.scenarios


def run_data(name: str, records: Sequence[Record]) -> RunData:
    """Sort a journal's records. Raises `NoRunError` for one without a cell, or whose slices were left out."""
    run = Run.of(records)
    cells: dict[SetKey, dict[RowKey, CellRecord]] = {}
    costs: dict[SetKey, dict[RowKey, dict[Turn, float]]] = {}
    for cell in run.cells:
        cells.setdefault(set_key(cell), {})[row_key(cell)] = cell
        if cell.figures is not None and (slices := run.slices_of(cell)):
            costs.setdefault(set_key(cell), {})[row_key(cell)] = {
                turn: math.log(max(slice_.cpu_ns, 1) / slice_.operations) for turn, slice_ in slices.items()
            }
    if not cells:
        raise NoRunError(
            f"{name}: holds no cell; expected the run.jsonl of a `crossloop bench --out DIR` that measured something"
        )
    if slices_left_out(records):
        raise NoRunError(
            f"{name}: its slices were left out by `crossloop export journal`, and slices are what is compared; "
            "name the journal as `crossloop bench` wrote it"
        )
    floors = {
        measured_set.key: measured_set.record.noise_floor
        for measured_set in run.all_sets
        if measured_set.record is not None
    }
    return RunData(name, run, cells, costs, floors)
