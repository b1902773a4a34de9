"""The binding tax: what of a message's CPU time is the kernel's, the C library's, the binding's, the style's. Pure.

Four steps for each library, of which the sum is a row's figure:

    system calls   the kernel's share of `c-epoll`'s CPU time: its recv, send and epoll_wait, and what TCP does in them
    library        the reference on the library (`c-libuv`) less that: C, and what its system calls cost beyond those
    binding        the leanest adapter on the library less the reference: Python
    style          each other row on the library less the leanest

All are differences of *levels*. A level is the median, over the rounds that all rows of the library share, of a row's
CPU time ÷ `c-epoll`'s in the same round, times `c-epoll`'s median: what drifts cancels, as in every ratio here, and
steps add up. The intervals come from the same resamples of rounds for all rows (`statistics.joint_medians`), so that
a difference is one of pairs. They do not hold the drift of `c-epoll` itself, which is the common scale.

The kernel's share is that of the sums over `c-epoll`'s slices, which the kernel samples by its tick; its interval is
that of a proportion of so many ticks (`statistics.sampled_share`). Of less than `LEAST_TICKS` there is no share, and no
tax. A step whose interval holds zero is not told from nothing, and a negative one is shown as it is.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from crossloop import statistics
from crossloop.bench.stages import Comparison, Row, cost, row_of, row_seed, values_of
from crossloop.journal import TICK_NS, Difference, PlainPhase, SliceRecord, TaxPart, TaxRecord
from crossloop.references import REFERENCES, STYLE
from crossloop.statistics import Floats

BASE = Row("c-epoll", STYLE)
LEAST_TICKS = 10
"""From so many on the kernel's split of CPU time says something."""
_QUANTILES = (0.025, 0.975)

Costs = Mapping[Row, Mapping[tuple[int, int], float]]
"""CPU ns per operation by row and (generation, round)."""


def tax_records(
    comparison: Comparison,
    rows: Sequence[Row],
    slices: Sequence[SliceRecord],
    libraries: Mapping[str, str],
    seed: int,
) -> list[TaxRecord]:
    """One record for each library that has a reference and an adapter among *rows* (those without a failure).

    *libraries*: adapter → library. Empty without `c-epoll`, or where the kernel does not split enough of its time.
    """
    costs = _costs(rows, slices)
    base = [slice_ for slice_ in slices if row_of(slice_) == BASE]
    split = (
        sum(slice_.system_ns or 0 for slice_ in base) / TICK_NS,
        sum(slice_.user_ns or 0 for slice_ in base) / TICK_NS,
    )
    if BASE not in costs or BASE not in comparison.references or sum(split) < LEAST_TICKS:
        return []
    records = []
    for reference in REFERENCES.values():
        native = Row(reference.id, STYLE)
        on_library = [row for row in comparison.rows if libraries.get(row.adapter) == reference.library]
        members = [native, *(row for row in on_library if row in costs)]
        if native in costs and len(members) > 1:
            own_seed = row_seed(seed, comparison.scenario.id, comparison.key, "tax", reference.library)
            parts = _parts(native, members, costs, split, own_seed)
            records.append(
                TaxRecord(comparison.scenario.id, dict(comparison.parameters), reference.library, parts)
            )
    return [record for record in records if record.parts]


def _costs(rows: Sequence[Row], slices: Sequence[SliceRecord]) -> Costs:
    values = {row: values_of(slices, cost, row, {PlainPhase.CAPACITY}) for row in rows}
    return {
        row: {(generation, turn): value for generation, turn, value in taken}
        for row, taken in values.items()
        if taken
    }


def _parts(
    native: Row,
    members: Sequence[Row],
    costs: Costs,
    split: tuple[float, float],
    seed: int,
) -> list[TaxPart]:
    shared = set.intersection(*(set(costs[row]) for row in (BASE, *members)))
    if not shared:
        return []
    base = costs[BASE]
    ratios = {row: [(*turn, costs[row][turn] / base[turn]) for turn in shared] for row in members}
    scale = float(np.median([base[turn] for turn in shared]))
    levels = {
        row: (scale * value, scale * drawn)
        for row, (value, drawn) in statistics.joint_medians(ratios, seed).items()
    }
    kernel, kernel_drawn = statistics.sampled_share(*split, seed)
    counts = len(shared), len({generation for generation, _round in shared})
    system = (scale * kernel, scale * kernel_drawn)
    python = sorted(members[1:], key=lambda row: (levels[row][0], row))
    leanest = python[0]
    return [
        TaxPart("system-calls", BASE.adapter, BASE.style, _estimate(system, (0.0, 0.0), counts)),
        TaxPart("library", native.adapter, native.style, _estimate(levels[native], system, counts)),
        TaxPart(
            "binding", leanest.adapter, leanest.style, _estimate(levels[leanest], levels[native], counts)
        ),
        *(
            TaxPart("style", row.adapter, row.style, _estimate(levels[row], levels[leanest], counts))
            for row in python[1:]
        ),
    ]


Level = tuple[float, Floats] | tuple[float, float]


def _estimate(upper: Level, lower: Level, counts: tuple[int, int]) -> Difference:
    """Their difference, with the interval of the differences of their resamples."""
    low, high = np.quantile(upper[1] - lower[1], _QUANTILES)
    return Difference(upper[0] - lower[0], float(low), float(high), *counts)
