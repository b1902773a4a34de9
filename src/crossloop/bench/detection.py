"""What a self-test found: how often each known slowdown was called one, and whether that is enough. Pure.

The rule is that of tiers (`statistics.costlier`), with the floor of the comparison's own twin.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev

from crossloop import statistics
from crossloop.bench.stages import Row
from crossloop.bench.variants import Slowed
from crossloop.journal import DetectionRecord, Estimate

WANTED_SLOWDOWN = 0.02
"""The slowdown that must be found."""
WANTED_FOUND = 0.95
"""Part of the comparisons in which it must be."""
ALLOWED_FALSE = 0.01
"""Part of the comparisons in which a row that is not slower may be called another than the base."""
NOT_AS_INJECTED = 0.2
"""A slowdown that is found to be smaller or larger than it was made, by so much of it, was not the one asked for."""
ENOUGH_TO_DOUBT = 10
"""Fewest comparisons whose median says that."""


@dataclass(frozen=True)
class Injection:
    """One slowdown: what was asked for, and the variant that is worth it, as far as whole turns of a loop can."""

    wanted: float
    """As a fraction of the base's CPU per message."""
    worth: float
    """That of the variant's turns, by the calibration."""
    variant: Slowed


@dataclass(frozen=True)
class Line:
    """One slowdown over all comparisons."""

    injection: Injection
    trials: int
    slower: int
    """Comparisons in which it was called costlier than the base."""
    leaner: int
    found_as: float | None
    """Median over the comparisons of the ratio found, less 1; None without any."""
    spread: float | None
    """Standard deviation of that ratio from comparison to comparison; None of fewer than two."""

    @property
    def false(self) -> int:
        """Of the row that is not slower: comparisons in which it was called another than the base."""
        return self.slower + self.leaner


def injections(base_ns: float, turn_ns: float, wanted: Sequence[float]) -> list[Injection]:
    """The variants that are worth *wanted*, for a base of *base_ns* a message and a loop of *turn_ns* a turn.

    Raises ValueError when a turn is worth nothing, or two of them would come out alike.
    """
    if not (turn_ns > 0 and math.isfinite(turn_ns) and base_ns > 0):
        raise ValueError(f"a turn of the loop took {turn_ns:.3g} ns, of {base_ns:.3g} ns a message")
    injected = []
    for fraction in wanted:
        turns = round(fraction * base_ns / turn_ns)
        injected.append(
            Injection(fraction, turns * turn_ns / base_ns, Slowed(f"slow-{100 * fraction:g}", turns))
        )
    if len({injection.variant.iterations for injection in injected}) < len(injected):
        raise ValueError(f"a turn of the loop is worth {turn_ns / base_ns:.1%} of a message: too coarse")
    return injected


def detected(row: Row, comparison: int, ratio: Estimate, twins: Estimate) -> DetectionRecord:
    """What the rule says of one variant; *ratio* is to the base, *twins* the ratio of the base's twin to it."""
    floor = statistics.noise_floor(twins)
    return DetectionRecord(
        adapter=row.adapter,
        style=row.style,
        comparison=comparison,
        ratio=ratio,
        noise_floor=floor,
        costlier=statistics.costlier(ratio, floor),
        leaner=statistics.costlier(statistics.inverse(ratio), floor),
    )


def lines(injected: Sequence[Injection], records: Sequence[DetectionRecord]) -> list[Line]:
    """One line for each slowdown."""
    by_label: dict[str, list[DetectionRecord]] = {}
    for record in records:
        by_label.setdefault(record.adapter.partition("@")[2], []).append(record)
    return [_line(injection, by_label.get(injection.variant.label, [])) for injection in injected]


def _line(injection: Injection, records: Sequence[DetectionRecord]) -> Line:
    logs = [math.log(record.ratio.value) for record in records]
    return Line(
        injection,
        trials=len(records),
        slower=sum(record.costlier for record in records),
        leaner=sum(record.leaner for record in records),
        found_as=math.expm1(median(logs)) if logs else None,
        spread=stdev(logs) if len(logs) > 1 else None,
    )


def shortfalls(counted: Sequence[Line]) -> list[str]:
    """What falls short, in words; empty when the self-test passes.

    One false alarm is always allowed: of fewer than a hundred comparisons one in a hundred would be none.
    """
    reasons = []
    by_wanted: Mapping[float, Line] = {line.injection.wanted: line for line in counted}
    same, slowed = by_wanted.get(0.0), by_wanted.get(WANTED_SLOWDOWN)
    if slowed is not None and slowed.slower < WANTED_FOUND * slowed.trials:
        reasons.append(
            f"{WANTED_SLOWDOWN:.0%} slower was found in {slowed.slower} of {slowed.trials} comparisons, "
            f"{math.ceil(WANTED_FOUND * slowed.trials)} are asked for"
        )
    if same is not None and same.false > max(1, int(ALLOWED_FALSE * same.trials)):
        reasons.append(
            f"nothing was called a difference in {same.false} of {same.trials} comparisons, "
            f"{max(1, int(ALLOWED_FALSE * same.trials))} may be"
        )
    return reasons


def doubts(counted: Sequence[Line]) -> list[str]:
    """Slowdowns that were found to be other than they were made: of those the counts say little."""
    return [
        f"{line.injection.worth:.2%} was injected and {line.found_as:.2%} found: the loop costs here what it did "
        "not in the calibration"
        for line in counted
        if line.injection.worth
        and line.trials >= ENOUGH_TO_DOUBT
        and line.found_as is not None
        and abs(line.found_as - line.injection.worth) > NOT_AS_INJECTED * line.injection.worth
    ]
