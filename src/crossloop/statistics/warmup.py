"""Warm-up: from when on a fresh process costs what it goes on costing. A pure function.

The data are stretches from the first message on, one after the other: the first ones short, because much happens at
once (the interpreter specialises its code, allocators fill their pools, the kernel's buffers grow), later ones longer,
because a short one is noisy. What is looked for is the first stretch whose CPU per operation lies within a band around
the level at the end, and that does so not by chance: the median of it and the two after it does as well.

The level is the median of the last `LEVEL_STRETCHES`. The band is `BAND` of it, or three standard deviations of these
stretches where they vary more: what cannot be told from noise is called steady, and the band is given beside it. The
deviation is taken from the median difference of neighbours (1.4826 ÷ √2 times it: von Neumann's idea, made robust),
which a drift hardly touches. Where the last stretches still move by more than the band, nothing is called steady.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

BAND = 0.05
"""A few per cent: about what ten milliseconds of one process vary by on a quiet machine."""
LEVEL_STRETCHES = 6
LEAST_STRETCHES = LEVEL_STRETCHES + 3


class Stretch(NamedTuple):
    """One stretch of a fresh process."""

    operations: int
    """1 or more."""
    cpu_ns: int
    elapsed_ns: int

    @property
    def cost_ns(self) -> float:
        """CPU per operation."""
        return self.cpu_ns / self.operations


class Steady(NamedTuple):
    """When a process became steady, and how that was judged."""

    first_ns: float
    level_ns: float
    band: float
    observed_s: float
    after_s: float | None
    """Elapsed before the first steady stretch; None: it was not steady yet when the last one ended."""
    after_operations: int | None


def steady(stretches: Sequence[Stretch]) -> Steady:
    """Judge *stretches*, the first message's first. Raises ValueError for fewer than `LEAST_STRETCHES`."""
    if len(stretches) < LEAST_STRETCHES:
        raise ValueError(f"{len(stretches)} stretches: expected {LEAST_STRETCHES} or more")
    costs = [stretch.cost_ns for stretch in stretches]
    last = costs[-LEVEL_STRETCHES:]
    level = median(last)
    spread = 1.4826 / 2**0.5 * median(abs(a - b) for a, b in pairwise(last)) / level
    band = max(BAND, 3 * spread)
    half = LEVEL_STRETCHES // 2
    moving = abs(median(last[half:]) / median(last[:half]) - 1) > band
    first = None if moving else _first_inside(costs, level, band)
    before = stretches[:first]
    return Steady(
        first_ns=costs[0],
        level_ns=level,
        band=band,
        observed_s=sum(stretch.elapsed_ns for stretch in stretches) / 1e9,
        after_s=None if first is None else sum(stretch.elapsed_ns for stretch in before) / 1e9,
        after_operations=None if first is None else sum(stretch.operations for stretch in before),
    )


def _first_inside(costs: Sequence[float], level: float, band: float) -> int | None:
    for index in range(len(costs) - 2):
        if all(abs(cost / level - 1) <= band for cost in (costs[index], median(costs[index : index + 3]))):
            return index
    return None
