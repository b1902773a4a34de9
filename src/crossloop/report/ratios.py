"""The ratio of two rows of one parameter set, and how it is known. Pure."""

from dataclasses import dataclass

from crossloop.journal import BASELINE, Estimate, MeasuredRow
from crossloop.statistics import inverse


@dataclass(frozen=True)
class Ratio:
    """CPU per operation of one row ÷ that of another of the same parameter set."""

    estimate: Estimate
    paired: bool
    """True: median of paired ratios, round by round. False: quotient of two such ratios to a third row, whose interval
    reaches from the least to the greatest quotient: wider than a paired one would be, never narrower."""


def ratio_of(row: MeasuredRow, base: MeasuredRow) -> Ratio | None:
    """*row* ÷ *base*; None where an interval holds zero, for then there is no quotient."""
    to_best, base_to_best = row.figures.ratio_to_best, base.figures.ratio_to_best
    if (row.adapter, row.style) == (base.adapter, base.style):
        rounds, generations = to_best.slices, to_best.generations
        return Ratio(Estimate(1.0, 1.0, 1.0, rounds, generations), paired=True)
    if base.is_base:
        return Ratio(to_best, paired=True)
    if base.adapter == BASELINE and base.style in row.figures.to_baseline:
        return Ratio(row.figures.to_baseline[base.style], paired=True)
    reciprocal = base.figures.to_baseline.get(row.style) if row.adapter == BASELINE else None
    if reciprocal is not None and reciprocal.low > 0:
        return Ratio(inverse(reciprocal), paired=True)
    estimate = quotient(to_best, base_to_best)
    return None if estimate is None else Ratio(estimate, paired=False)


def quotient(ratio: Estimate, other: Estimate) -> Estimate | None:
    """*ratio* ÷ *other*, its interval from the least to the greatest quotient; None where an interval holds zero."""
    if min(ratio.low, ratio.value, other.low, other.value) <= 0:
        return None
    return Estimate(
        ratio.value / other.value,
        ratio.low / other.high,
        ratio.high / other.low,
        min(ratio.slices, other.slices),
        min(ratio.generations, other.generations),
    )
