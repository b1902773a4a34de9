"""github-action-benchmark's `customSmallerIsBetter`: a list of name, unit, value, range and extra.

That action keeps a history of absolute figures and warns when one exceeds the last by a ratio. Absolute figures of
shared machines drift by a quarter from run to run, which only a generous ratio forgives; a decision is
`crossloop compare`'s. The extra text therefore holds what the figure is worth: interval, count, ratio to the leanest.

Source: the action's README, section "customBiggerIsBetter and customSmallerIsBetter".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crossloop.export.names import OPERATION, NothingToExportError, cell_name, measured_cells
from crossloop.journal import CellRecord, Record, Run
from crossloop.markup import digits


def action_document(records: Sequence[Record], units: Mapping[str, str]) -> list[dict[str, Any]]:
    """The document, to be written as JSON; *units*: what an operation of each scenario is called.

    Raises `NothingToExportError` without a measured cell.
    """
    run = Run.of(records)
    document = [_entry(run, cell, units.get(cell.scenario, OPERATION)) for cell in measured_cells(run)]
    if not document:
        raise NothingToExportError("it has no measured cell")
    return document


def _entry(run: Run, cell: CellRecord, unit: str) -> dict[str, Any]:
    assert cell.figures is not None
    cost, ratio = cell.figures.cpu_ns_per_operation, cell.figures.ratio_to_best
    machine = run.record.machine
    extra = [
        f"95 % interval {digits.number(cost.low)} to {digits.number(cost.high)} ns",
        f"{cost.slices} slices, {cost.generations} sets of processes",
        f"÷ the leanest row: {digits.ratio(ratio)}",
        f"{machine.python}, {run.place}",
        f"crossloop {run.record.crossloop}, profile {run.record.profile}",
    ]
    return {
        "name": f"{cell_name(cell)}: CPU ns per {unit}",
        "unit": f"ns/{unit}",
        "value": round(cost.value, 1),
        "range": f"± {digits.number((cost.high - cost.low) / 2)}",
        "extra": "\n".join(extra),
    }
