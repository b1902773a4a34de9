"""What was found of a claim, and the rules that make a verdict of figures. Pure.

A rule takes an estimate with its 95 % interval. The claim *holds* where the whole interval does what it says, *does
not hold* where the whole interval does not, and is *undecided* where the interval reaches over the edge: a value
alone never decides. Figures of several rows are joined: all of them, or none, or undecided.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from crossloop.journal import Estimate
from crossloop.markup import digits


class Verdict(Enum):
    """What can be said of a claim."""

    HOLDS = "holds"
    DOES_NOT = "does not hold"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Judgement:
    """A verdict, what it was made of, and how far it goes."""

    verdict: Verdict
    measured: str
    """Figures with interval and count; why not, where nothing was measured."""


class NotMeasuredError(Exception):
    """Something that a claim is tested by is not there; the message says what and why."""


def between(figure: Estimate, low: float, high: float) -> Verdict:
    """That a figure lies from *low* to *high*."""
    if low <= figure.low and figure.high <= high:
        return Verdict.HOLDS
    if figure.high < low or figure.low > high:
        return Verdict.DOES_NOT
    return Verdict.UNDECIDED


def at_least(figure: Estimate, least: float) -> Verdict:
    """That a figure is *least* or more."""
    return between(figure, least, float("inf"))


def below(figure: Estimate, limit: float) -> Verdict:
    """That a figure is less than *limit*."""
    if figure.high < limit:
        return Verdict.HOLDS
    return Verdict.DOES_NOT if figure.low >= limit else Verdict.UNDECIDED


def about(figure: Estimate, claimed: float, tolerance: float = 0.25) -> Verdict:
    """That a ratio is the one claimed: within a quarter, which is what absolute figures of one machine drift by."""
    return between(figure, claimed / (1 + tolerance), claimed * (1 + tolerance))


def neither_wins(ratios: Sequence[Estimate], clearly: float = 1.25) -> Verdict:
    """That of two, over several workloads, neither wins clearly: by a quarter with the whole interval.

    One who wins at least two and loses none is a winner; where both win some, neither is. Where nobody wins, all
    must be known to be close.
    """
    dearer = sum(ratio.low > clearly for ratio in ratios)
    cheaper = sum(ratio.high < 1 / clearly for ratio in ratios)
    if dearer and cheaper:
        return Verdict.HOLDS
    if max(dearer, cheaper) >= 2:
        return Verdict.DOES_NOT
    if not dearer + cheaper and all(1 / clearly <= ratio.low and ratio.high <= clearly for ratio in ratios):
        return Verdict.HOLDS
    return Verdict.UNDECIDED


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """Of a claim about several figures: what all of them say; undecided where they differ."""
    distinct = set(verdicts)
    if not distinct:
        return Verdict.NOT_MEASURED
    return distinct.pop() if len(distinct) == 1 else Verdict.UNDECIDED


def every(verdicts: Sequence[Verdict]) -> Verdict:
    """Of a claim that is several claims at once: one that does not hold is enough."""
    if Verdict.DOES_NOT in verdicts:
        return Verdict.DOES_NOT
    return joined(verdicts)


def shown(figure: Estimate) -> str:
    """`1.19 (1.14 to 1.41; 9 pairs, 3 generations)`."""
    generations = digits.counted(figure.generations, "generation")
    low, high = (f"{end:.2f}" if abs(end) < 100 else digits.number(end) for end in (figure.low, figure.high))
    value = f"{figure.value:.2f}" if abs(figure.value) < 100 else digits.number(figure.value)
    return f"{value} ({low} to {high}; {figure.slices} slices, {generations})"
