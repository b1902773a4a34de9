"""Two modes: whether the slices of one row fall into two clusters, and what the clusters go with. Pure functions.

*Whether* is decided by Hartigan's dip test on logarithms: the dip is the least distance between the empirical
distribution and any distribution with one mode (of any shape: skewed, heavy-tailed, flat). How large it gets by chance
is known from the uniform distribution, the one of all with one mode for which it is largest; so the test errs on the
safe side for any other. The package diptest computes both (P. M. Hartigan's algorithm AS 217, with R's table of
quantiles); a dip beyond that of 5 % counts.

A dip is not yet worth a word. The two clusters are those of least sums of squares (as J. Jenks's classes, 1967), with
at least `LEAST_SHARE` and `LEAST_SLICES` in the smaller one, and their medians lie apart by `LEAST_RATIO` or more.
Fewer slices than `LEAST` are not judged.

*What they go with*: each candidate is tested by itself, by permutation of the slices' labels (permuted within a
generation for the age). It counts when the labels follow it nearly everywhere (`STRONG`), and 95 % of permutations do
so less. Several may count at once: what a process was given for life also shows in how often it sleeps.

Source: J. A. Hartigan, P. M. Hartigan, *The Dip Test of Unimodality* (Annals of Statistics 13, 1985). docs/diary.md
tables how often the decision is wrong, and how often it finds what is there; the tests simulate both again.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

LEAST = 9
"""Slices from which a row is judged: with fewer not even two points in space have a dip that chance has not."""
LEAST_SHARE = 0.15
LEAST_SLICES = 3
LEAST_RATIO = 1.10
"""What lies closer together is a matter of intervals; this is about figures that nobody would average."""
STRONG = 0.8
"""How far labels must follow a condition: 0 not at all, 1 without exception."""
PERMUTATIONS = 999

Figure: TypeAlias = Literal["cpu_ns_per_operation", "operations_per_s"]
Explanation: TypeAlias = Literal["machine", "process", "age", "regime"]
CONDITIONS = ("server_share", "load_share", "operations_per_sleep", "steal_share")
"""Conditions of a slice that make its regime."""
OTHERS = "others"
"""Condition of a slice: the same figure of the other rows in its round, ÷ their median. 1 is as usual."""

Row = TypeVar("Row")
Floats: TypeAlias = NDArray[np.float64]

LEVELS = (0.05, 0.01, 0.001)
"""What a dip may be beyond, the first that counts first."""


class Slice(NamedTuple):
    """One slice of a row."""

    generation: int
    round: int
    value: float
    """Positive and finite."""
    conditions: Mapping[str, float]
    """Those of `CONDITIONS` and `OTHERS` that are known."""


class Cluster(NamedTuple):
    """One of two modes."""

    value: float
    """Median."""
    slices: int
    conditions: dict[str, float]
    """Medians."""


class TwoModes(NamedTuple):
    """What `two_modes` found."""

    low: Cluster
    high: Cluster
    chance: float
    """One of `LEVELS`: how often, at most, one mode alone looks like this."""
    explained_by: tuple[Explanation, ...]


def two_modes(slices: Sequence[Slice], seed: int) -> TwoModes | None:
    """The two modes of a row; None where there is no evidence of two. Independent of the order of *slices*."""
    if len(slices) < LEAST:
        return None
    ordered = sorted(slices, key=lambda slice_: (slice_.value, slice_.generation, slice_.round))
    logs = np.log([slice_.value for slice_ in ordered])
    chance = _unlikely(logs)
    at = _split(logs) if chance is not None else None
    if chance is None or at is None:
        return None
    low, high = _cluster(ordered[:at]), _cluster(ordered[at:])
    if high.value < LEAST_RATIO * low.value:
        return None
    return TwoModes(low, high, chance, _explanations(ordered, at, seed))


def usual(rows: Mapping[Row, Sequence[tuple[int, int, float]]]) -> dict[tuple[int, int], float]:
    """(generation, round) → how the rows were in it: the median of their values, each ÷ its own row's median."""
    turns: dict[tuple[int, int], list[float]] = {}
    for slices in rows.values():
        middle = float(np.median([value for *_turn, value in slices]))
        for generation, turn, value in slices:
            turns.setdefault((generation, turn), []).append(value / middle)
    return {turn: float(np.median(values)) for turn, values in turns.items()}


def _unlikely(logs: Floats) -> float | None:
    """The least of `LEVELS` at which the dip of *logs*, which ascend, is beyond chance; None for none of them."""
    from diptest import diptest  # takes 0.05 s

    _dip, chance = diptest(logs, sort_x=False)
    return min((level for level in LEVELS if chance <= level), default=None)


def _split(logs: Floats) -> int | None:
    """Number of values in the lower of two clusters with the least sum of squares; None where neither may be cut."""
    least = max(LEAST_SLICES, math.ceil(LEAST_SHARE * len(logs)))
    places = range(least, len(logs) - least + 1)
    if not places:
        return None

    def squares(at: int) -> float:
        return float(logs[:at].var() * at + logs[at:].var() * (len(logs) - at))

    return min(places, key=squares)


def _cluster(slices: Sequence[Slice]) -> Cluster:
    names = dict.fromkeys(name for slice_ in slices for name in slice_.conditions)
    return Cluster(
        value=float(np.median([slice_.value for slice_ in slices])),
        slices=len(slices),
        conditions={
            name: float(
                np.median([slice_.conditions[name] for slice_ in slices if name in slice_.conditions])
            )
            for name in names
        },
    )


def _explanations(ordered: Sequence[Slice], at: int, seed: int) -> tuple[Explanation, ...]:
    """What the labels (the first *at* of *ordered* are of the low mode) go with."""
    labels = np.arange(len(ordered)) >= at
    generations = np.array([slice_.generation for slice_ in ordered])
    ages = np.array([float(slice_.round) for slice_ in ordered])
    whole = np.zeros(len(ordered), dtype=np.int64)

    def follows(name: str) -> bool:
        if any(name not in slice_.conditions for slice_ in ordered):
            return False
        values = np.array([slice_.conditions[name] for slice_ in ordered])
        return _follows(labels, whole, lambda drawn: _separation(drawn, values), seed)

    explanations: list[Explanation] = []
    if follows(OTHERS):
        explanations.append("machine")
    if _follows(labels, whole, lambda drawn: _purity(drawn, generations), seed):
        explanations.append("process")
    if _follows(labels, generations, lambda drawn: _separation(drawn, ages), seed):
        explanations.append("age")
    if any(follows(name) for name in CONDITIONS):
        explanations.append("regime")
    return tuple(explanations)


def _follows(
    labels: NDArray[np.bool_],
    within: NDArray[np.int64],
    strength: Callable[[NDArray[np.bool_]], float],
    seed: int,
) -> bool:
    """Whether *strength* of the labels is great, and greater than of labels that are permuted *within* groups."""
    seen = strength(labels)
    if seen < STRONG:
        return False
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(within == group) for group in np.unique(within)]
    reached = 0
    for _draw in range(PERMUTATIONS):
        drawn = labels.copy()
        for group in groups:
            drawn[group] = random.permutation(labels[group])
        reached += strength(drawn) >= seen - 1e-9
    return bool((1 + reached) / (1 + PERMUTATIONS) <= 0.05)


def _separation(labels: NDArray[np.bool_], values: Floats) -> float:
    """0 to 1: |2 · P(value in the high mode > value in the low one) − 1| (Mann and Whitney's U, scaled)."""
    high, low = values[labels][:, None], values[~labels][None, :]
    return abs(2 * float((high > low).mean() + (high == low).mean() / 2) - 1)


def _purity(labels: NDArray[np.bool_], generations: NDArray[np.int64]) -> float:
    """0 to 1: how much better than the larger mode's share labels are known from the generation alone."""
    usual = max(int(labels.sum()), int((~labels).sum()))
    known = 0
    for generation in np.unique(generations):
        inside = labels[generations == generation]
        known += max(int(inside.sum()), int((~inside).sum()))
    return (known - usual) / (len(labels) - usual)
