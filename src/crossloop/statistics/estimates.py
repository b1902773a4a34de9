"""Estimates from interleaved slices: medians, paired ratios, tiers. Pure functions, seeded.

The data of one comparison are rows (adapter and style) of slices. A slice is `(generation, round,
value)`: which set of processes, which turn among the interleaved ones, and a positive figure (CPU
nanoseconds per operation, or operations per second). Slices of one round lie within about a second of
each other, so that what drifts slowly (clock rate, neighbours) is common to them and cancels in
their ratio. What a process gets for its whole life (memory layout, hash seeds) does not cancel; it is
why there are several generations, and why the bootstrap has two levels:

    for each of B resamples: draw G generations of the G with replacement; within each drawn
    generation of n rounds draw n rounds with replacement; the statistic is the median of all drawn

The interval is the percentile interval, from the 2.5 % to the 97.5 % quantile of the B medians.

Sources: B. Efron and R. Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 8 and 13;
A. Davison and D. Hinkley, *Bootstrap Methods and their Application* (1997), §3.8 (hierarchical data);
T. Kalibera and R. Jones, *Rigorous Benchmarking in Reasonable Time* (ISMM 2013), for the levels of
repetition. `docs/method.md` has the formulas and the table of coverage that the tests measure.

Degenerate data. One generation: rounds alone are resampled; the interval then says nothing about
other processes, and `Estimate.generations` is 1. One slice: `low == value == high`; no width is
invented where nothing can be known, and `Estimate.slices` is 1. `tiers` never separates rows on
fewer than `ROUNDS_TO_SEPARATE` paired rounds. No slice at all is a `ValueError`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossloop.journal import Estimate

RESAMPLES = 1000
"""Enough for the 2.5 % quantile to be the 25th of the ordered medians (Efron and Tibshirani, §13.3)."""

ROUNDS_TO_SEPARATE = 6
"""Fewest paired rounds that can tell two rows apart at 95 %: even the whole range of n values misses their
median with probability 2 · 2⁻ⁿ, which is 3.1 % at n = 6 and 6.3 % at n = 5 (the sign test)."""

GENERATIONS_TO_STOP = 5
"""Fewest generations after which a narrow interval may end a comparison. Who stops when an interval is narrow stops
too often on one that is narrow by luck, and three generations are often alike by luck: docs/diary.md tables what
that costs, and that with five the intervals are as good as those of three generations whose number was fixed."""

_QUANTILES = (0.025, 0.975)
_NORMAL_97_5 = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""
_CHUNK = 1 << 20
"""Drawn values held at a time (8 MiB of floats), so that memory does not grow with the rounds."""

Floats: TypeAlias = NDArray[np.float64]
Slices: TypeAlias = Sequence[tuple[int, int, float]]
"""`(generation, round, value)` each, in any order; a pair (generation, round) occurs once."""

Row = TypeVar("Row", bound=str | tuple[str, str])
"""What names a row: one string, or (adapter, style)."""


class Standing(NamedTuple):
    """Where a row stands in its comparison."""

    tier: int
    """1 is the tier of the leanest row; rows that cannot be told from a tier's leader share its number."""
    ratio_to_best: Estimate
    """Value ÷ that of the leanest row; exactly 1 for that row itself."""


def estimate(slices: Slices, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Median of a row's values, with its 95 % interval by the hierarchical bootstrap.

    The unit is that of the values. Raises `ValueError` on no slices, a repeated (generation, round), or a
    value that is not positive and finite.
    """
    values = _by_turn(slices)
    data = _Grouped.of(values)
    low, high = np.quantile(data.medians(np.random.default_rng(seed), resamples), _QUANTILES)
    middle = float(np.median(list(values.values())))
    return _estimate(middle, float(low), float(high), data)


def paired_ratio(a: Slices, b: Slices, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Median of the ratios a ÷ b over the rounds that both rows have, with its 95 % interval.

    Computed on the logarithms, ln a − ln b, and exponentiated, so that `paired_ratio(b, a)` is its
    reciprocal with the interval's ends exchanged. `slices` counts the paired rounds. Raises `ValueError`
    as `estimate` does, and when no round is common to both.
    """
    pairs = _log_ratios(_logarithms(a), _logarithms(b))
    if not pairs:
        raise ValueError("the rows have no round in common, so they have no paired ratio")
    return _ratio(pairs, seed, resamples)


def tiers(rows: Mapping[Row, Slices], seed: int, floor: float = 0.0) -> dict[Row, Standing]:
    """Group rows that cannot be told apart; the result is ordered from the leanest row on.

    Rows are ordered by `polished`. The first opens tier 1 and leads it. Each next row is compared with
    the leader of the current tier by `paired_ratio` and opens the next tier only if it is `costlier` with
    evidence. Otherwise it ties. Leaders, not neighbours, are compared, so that a chain of small steps cannot
    join rows that differ much.

    *floor* is the noise floor as a fraction (0.01: one per cent). The result depends neither on the order
    of rows or slices nor on the unit. A row that shares no round with the other is compared unpaired (see
    `_unpaired_ratio`). Raises `ValueError` as `estimate` does, and on a negative floor.
    """
    if not floor >= 0:
        raise ValueError(f"the noise floor must be 0 or more, not {floor!r}")
    logarithms = {row: _logarithms(rows[row]) for row in sorted(rows)}
    # Rounded beyond any meaning, so that equal rows are ordered by name and not by the last bit of a sum.
    positions = np.round(polished(list(logarithms.values()))[0], 10)
    order = [row for _position, row in sorted(zip(positions, logarithms, strict=True))]
    standings: dict[Row, Standing] = {}
    tier = 1
    best = leader = order[0] if order else None
    for row in order:
        assert best is not None
        assert leader is not None
        to_best = _any_ratio(logarithms, row, best, seed)
        to_leader = to_best if leader == best else _any_ratio(logarithms, row, leader, seed)
        if costlier(to_leader, floor):
            tier, leader = tier + 1, row
        standings[row] = Standing(tier, to_best)
    return standings


def costlier(ratio: Estimate, floor: float) -> bool:
    """Whether a paired ratio says, with evidence, that its first row costs more than its second.

    The rule of tiers and of the self-test: the 95 % interval lies above 1, the ratio exceeds 1 + *floor*
    (`noise_floor`, a fraction), and there are at least `ROUNDS_TO_SEPARATE` paired rounds. That it costs less is the
    same of the reciprocal (`inverse`). `crossloop compare` asks the like of the generations of two runs, which share
    no round (`compare.verdicts`).
    """
    return ratio.slices >= ROUNDS_TO_SEPARATE and ratio.low > 1 and ratio.value > 1 + floor


def inverse(ratio: Estimate) -> Estimate:
    """The ratio the other way round: b ÷ a of a ÷ b."""
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low, ratio.slices, ratio.generations)


def noise_floor(twins: Estimate) -> float:
    """The noise floor, as a fraction, that a ratio of two identical rows shows (A/A control).

    How far from 1 the farther end of the interval lies, on the logarithmic scale: max(|ln low|, |ln high|), as a
    factor less 1. So it holds both how far the twins came apart and how far they could have.
    """
    return math.expm1(max(abs(math.log(twins.low)), abs(math.log(twins.high))))


def half_width(ratio: Estimate) -> float:
    """Half the width of a ratio's interval, on the logarithmic scale, as a fraction: 0.01 is one per cent."""
    return math.expm1((math.log(ratio.high) - math.log(ratio.low)) / 2)


def precise(ratios: Sequence[Estimate], wanted: float) -> bool:
    """Whether each interval is as narrow as *wanted* (its `half_width`), and made of enough to be believed.

    Enough are `GENERATIONS_TO_STOP` and `ROUNDS_TO_SEPARATE`.
    """
    return all(
        ratio.generations >= GENERATIONS_TO_STOP
        and ratio.slices >= ROUNDS_TO_SEPARATE
        and half_width(ratio) <= wanted
        for ratio in ratios
    )


def wilson(seen: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share of which *seen* of *trials* were seen (E. B. Wilson 1927), both as fractions.

    It holds its level for shares near 0 and 1 too, where the usual one has no width. (0, 1) of no trial.
    """
    if not 0 <= seen <= trials:
        raise ValueError(f"{seen} of {trials} is no count")
    if not trials:
        return 0.0, 1.0
    from scipy.stats import binomtest  # takes 0.7 s, and the self-test alone needs it

    interval = binomtest(seen, trials).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)


def joint_medians(
    rows: Mapping[Row, Slices], seed: int, resamples: int = RESAMPLES
) -> dict[Row, tuple[float, Floats]]:
    """Each row's median over the rounds that all rows have, and its medians in *resamples* of those rounds.

    The resamples are the same for every row, so that the difference of two rows' medians, resample by resample, is
    a paired one: its quantiles are the interval of the difference. Raises `ValueError` as `estimate` does, and
    when no round is common to all.
    """
    by_turn = {row: _by_turn(slices) for row, slices in rows.items()}
    shared = set.intersection(*map(set, by_turn.values())) if by_turn else set()
    if not shared:
        raise ValueError("the rows have no round in common")
    medians = {}
    for row, values in by_turn.items():
        kept = {turn: values[turn] for turn in sorted(shared)}
        # The draws depend on the seed and on the number of rounds alone, which is the same for all.
        drawn = _Grouped.of(kept).medians(np.random.default_rng(seed), resamples)
        medians[row] = float(np.median(list(kept.values()))), drawn
    return medians


def sampled_share(part: float, rest: float, seed: int, resamples: int = RESAMPLES) -> tuple[float, Floats]:
    """The share of *part* in part + rest, both counts of samples, and *resamples* draws of what it may be in truth.

    The draws are from the posterior of a proportion after Jeffreys' prior, Beta(part + ½, rest + ½), whose quantiles
    cover as often as they should also where every sample fell on one side (L. Brown, T. Cai, A. DasGupta, *Interval
    Estimation for a Binomial Proportion*, Statistical Science 16, 2001). Raises `ValueError` without samples.
    """
    if not (part >= 0 and rest >= 0 and part + rest > 0):
        raise ValueError(f"{part!r} and {rest!r} are no counts of samples, so there is no share")
    drawn = np.random.default_rng(seed).beta(part + 0.5, rest + 0.5, resamples)
    return part / (part + rest), drawn


def log_slope(points: Sequence[tuple[float, Estimate]]) -> Estimate | None:
    """Exponent of a power law through *points* (x, y): the slope of ln y over ln x, by least squares.

    0 where y does not depend on x, 1 where it grows in proportion. The interval propagates those of the
    points, each taken for that of a normal distribution on the logarithm (a sum of independent ones; it does
    not hold how far the points lie off the line: of a law that bends, the slope of the last step says more).
    `slices` is the sum, `generations` the least of the points'. None for fewer than two different x, and where
    a point is not positive and finite.
    """
    ends = [(x, estimate.value, estimate.low, estimate.high) for x, estimate in points]
    if len({x for x, *_ in ends}) < 2 or not all(0 < end < math.inf for point in ends for end in point):
        return None
    logs = np.log(np.array(ends))
    weights = logs[:, 0] - logs[:, 0].mean()
    weights /= (weights**2).sum()
    deviations = (logs[:, 3] - logs[:, 2]) / (2 * _NORMAL_97_5)
    slope = float(weights @ logs[:, 1])
    half = _NORMAL_97_5 * float(np.sqrt((weights**2) @ (deviations**2)))
    return Estimate(
        value=slope,
        low=slope - half,
        high=slope + half,
        slices=sum(estimate.slices for _x, estimate in points),
        generations=min(estimate.generations for _x, estimate in points),
    )


Turn: TypeAlias = tuple[int, int]


def _by_turn(slices: Slices) -> dict[Turn, float]:
    """(generation, round) → value, ordered by turn, which makes every result independent of the order."""
    if not slices:
        raise ValueError("no slices: nothing can be estimated")
    values: dict[Turn, float] = {}
    for generation, turn, value in sorted(slices):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(
                f"generation {generation}, round {turn}: expected a positive, finite value, not {value!r}"
            )
        if (generation, turn) in values:
            raise ValueError(f"generation {generation}, round {turn} occurs twice in one row")
        values[generation, turn] = value
    return values


def _logarithms(slices: Slices) -> dict[Turn, float]:
    return {turn: math.log(value) for turn, value in _by_turn(slices).items()}


def _log_ratios(a: Mapping[Turn, float], b: Mapping[Turn, float]) -> dict[Turn, float]:
    return {turn: value - b[turn] for turn, value in a.items() if turn in b}


class _Grouped(NamedTuple):
    """Values by generation: one line each, padded with +inf, which a sort moves out of the way."""

    values: Floats
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, by_turn: Mapping[Turn, float]) -> "_Grouped":
        lines: dict[int, list[float]] = {}
        for (generation, _turn), value in by_turn.items():
            lines.setdefault(generation, []).append(value)
        counts = np.array([len(line) for line in lines.values()], dtype=np.int64)
        values = np.full((len(lines), int(counts.max())), np.inf)
        for index, line in enumerate(lines.values()):
            values[index, : len(line)] = line
        return cls(values, counts)

    def medians(self, random: np.random.Generator, resamples: int) -> Floats:
        """Medians of *resamples* two-level resamples."""
        medians = np.empty(resamples)
        step = max(1, _CHUNK // self.values.size)
        for start in range(0, resamples, step):
            medians[start : start + step] = self._some_medians(random, min(step, resamples - start))
        return medians

    def _some_medians(self, random: np.random.Generator, resamples: int) -> Floats:
        generations, rounds = self.values.shape
        drawn = random.integers(generations, size=(resamples, generations))
        counts = self.counts[drawn]
        index = (random.random((resamples, generations, rounds)) * counts[:, :, None]).astype(np.int64)
        values = self.values[drawn[:, :, None], index]
        if self.counts.min() < rounds:
            values[np.arange(rounds) >= counts[:, :, None]] = np.inf
        values = values.reshape(resamples, -1)
        values.sort(axis=1)
        total = counts.sum(axis=1)
        line = np.arange(resamples)
        middle: Floats = (values[line, (total - 1) // 2] + values[line, total // 2]) / 2
        return middle


def _estimate(value: float, low: float, high: float, data: _Grouped) -> Estimate:
    return Estimate(
        value=value, low=low, high=high, slices=int(data.counts.sum()), generations=len(data.counts)
    )


def _ratio(pairs: Mapping[Turn, float], seed: int, resamples: int) -> Estimate:
    data = _Grouped.of(pairs)
    low, high = np.quantile(data.medians(np.random.default_rng(seed), resamples), _QUANTILES)
    middle = float(np.median(list(pairs.values())))
    return _estimate(math.exp(middle), math.exp(low), math.exp(high), data)


def _unpaired_ratio(a: Mapping[Turn, float], b: Mapping[Turn, float], seed: int, resamples: int) -> Estimate:
    """Ratio of the medians of rows without a common round: each row is resampled by itself.

    It holds whatever drifted between the two rows' rounds and is the wider for it. `slices` and
    `generations` are those of the row that has less.
    """
    data_a, data_b = _Grouped.of(a), _Grouped.of(b)
    seeds = np.random.SeedSequence(seed).spawn(2)
    medians_a, medians_b = (
        data.medians(np.random.default_rng(child), resamples)
        for data, child in zip((data_a, data_b), seeds, strict=True)
    )
    low, high = np.quantile(medians_a - medians_b, _QUANTILES)
    middle = float(np.median(list(a.values())) - np.median(list(b.values())))
    less = min(data_a, data_b, key=lambda data: int(data.counts.sum()))
    return _estimate(math.exp(middle), math.exp(low), math.exp(high), less)


def _any_ratio(
    rows: Mapping[Row, Mapping[Turn, float]], row: Row, other: Row, seed: int, resamples: int = RESAMPLES
) -> Estimate:
    pairs = _log_ratios(rows[row], rows[other])
    if pairs:
        return _ratio(pairs, seed, resamples)
    return _unpaired_ratio(rows[row], rows[other], seed, resamples)


def polished(rows: Sequence[Mapping[Turn, float]]) -> tuple[Floats, dict[Turn, float]]:
    """The position of each row on the logarithmic scale, and the reference of each round.

    The reference of a round is the mean over the rows in it of what is left of them without their positions, and a
    row's position is its median distance from the references; positions have a mean of 0. Where all rows are in every
    round one pass settles it. Where rows are missing the plain mean would move with *who* is missing; taking the
    positions out again, pass by pass, repairs that (the idea of J. Tukey's median polish, 1977, for a two-way table
    with holes).
    """
    turns = {turn: index for index, turn in enumerate(sorted({turn for row in rows for turn in row}))}
    if not turns:
        return np.zeros(0), {}
    table = np.full((len(rows), len(turns)), np.nan)
    for index, row in enumerate(rows):
        table[index, [turns[turn] for turn in row]] = list(row.values())
    positions = np.zeros(len(table))
    reference = np.nanmean(table, axis=0)
    for _pass in range(50):
        settled = np.nanmedian(table - reference, axis=1)
        settled -= settled.mean()
        moved = float(np.abs(settled - positions).max())
        positions = settled
        reference = np.nanmean(table - positions[:, None], axis=0)
        if moved < 1e-12:
            break
    return positions, {turn: float(reference[index]) for turn, index in turns.items()}
