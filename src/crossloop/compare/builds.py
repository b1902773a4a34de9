"""From one run of two builds of a binding, and a twin of the first, to a verdict on each cell. Pure.

The three were measured in the same rounds. What the twin shows beside its original is what this run, on this machine,
makes of no difference at all: the threshold is never below what nineteen of twenty such ratios would keep within.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeAlias

import msgspec

from crossloop.compare.change import Logarithms, RowKey, Shift, paired_shift
from crossloop.compare.records import COMPARE_VERSION, CellVerdict, CompareDocument
from crossloop.compare.runs import RunData
from crossloop.compare.verdicts import DEFAULT_FLOOR, CellPair, side, verdicts, without_ratio
from crossloop.journal import CellRecord
from crossloop.markup import digits

Costs: TypeAlias = Mapping[RowKey, Logarithms]

_NORMAL_95 = 1.959964
_MEDIAN_DISTANCE = 0.674490
"""Median of the distances of normal values from their mean, in standard deviations: one cell that a neighbour
disturbed does not decide."""


@dataclass(frozen=True)
class BuildNames:
    """Names of the three rows' adapters in the journal, and the id that all three are of."""

    adapter: str
    base: str
    new: str
    twin: str


def compare_builds(run: RunData, names: BuildNames, *, threshold: float) -> CompareDocument:
    """The verdict on every cell of the two builds; the cells bear the name of the adapter that both are of."""
    measured: list[CellPair] = []
    others: list[CellVerdict] = []
    equal: list[float] = []
    for key, cells in run.cells.items():
        costs = run.costs.get(key, {})
        for (adapter, style), base in cells.items():
            if adapter != names.base:
                continue
            new = cells.get((names.new, style))
            equal += _changes(costs, (names.base, style), (names.twin, style))
            pair = _pair(costs, base, new) if new is not None else None
            if pair is not None:
                measured.append(replace(pair, cell=msgspec.structs.replace(base, adapter=names.adapter)))
            elif (lost := without_ratio(base, new, run, run)) is not None:
                others.append(msgspec.structs.replace(lost, adapter=names.adapter))
    noise = math.expm1(_NORMAL_95 * median(map(abs, equal)) / _MEDIAN_DISTANCE) if equal else None
    floor = DEFAULT_FLOOR if noise is None else noise
    rows, paired_cells = verdicts([replace(pair, floor=floor) for pair in measured], threshold)
    both = msgspec.structs.replace(side(run), noise_floor=noise)
    return CompareDocument(
        schema=COMPARE_VERSION,
        base=msgspec.structs.replace(both, name=names.base),
        new=msgspec.structs.replace(both, name=names.new),
        anchor="",
        threshold=threshold,
        threshold_reason=_why(noise, len(equal), threshold),
        paired=True,
        warnings=[] if run.run.end is not None else ["the run is incomplete: it has no end record"],
        rows=rows,
        cells=[*paired_cells, *others],
    )


def _pair(costs: Costs, base: CellRecord, new: CellRecord) -> CellPair | None:
    """Both builds on one set of parameters; None where one of them has no figures."""
    old, now = (base.adapter, base.style), (new.adapter, new.style)
    if base.figures is None or new.figures is None or old not in costs or now not in costs:
        return None
    raw = math.exp(median(costs[old].values())), math.exp(median(costs[now].values()))
    return CellPair(base, paired_shift(costs[old], costs[now]), raw)


def _changes(costs: Costs, base: RowKey, twin: RowKey) -> list[float]:
    """What the twin's cell shows, on the logarithmic scale; nothing where it has none."""
    if base not in costs or twin not in costs:
        return []
    shift = paired_shift(costs[base], costs[twin])
    return [shift.change] if isinstance(shift, Shift) else []


def _why(noise: float | None, cells: int, threshold: float) -> str:
    """What the threshold is made of, in words."""
    basis = f"{100 * threshold:.3g} % as asked for, and never below what BASE shows beside its own twin"
    if noise is None:
        return f"{basis}: the twin has no figures, {100 * DEFAULT_FLOOR:g} % is taken for it"
    return f"{basis}: ± {digits.percent(noise)}, from {cells} {'cell' if cells == 1 else 'cells'}"
