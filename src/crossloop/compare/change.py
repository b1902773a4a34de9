"""How a row changed between two runs that were made at different times. Pure.

Absolute figures drift between runs by more than what one looks for, so the two runs are never compared by them. What
they share is the other rows: within each run a row is placed among them round by round, which cancels what
moved all of them, and the places are compared. In each run, with x(r, g, t) a row's logarithm of cost in
round t of generation g:

    reference(g, t)  = mean over the rows of that round of  x − their positions      (median polish, Tukey 1977)
    place(r, g)      = median over t of  x(r, g, t) − reference(g, t)
    shift(r)         = mean over g of place(r, g) in NEW − mean over g of place(r, g) in BASE
    change(r)        = shift(r) − where most of the other rows' shifts are

The last line makes a row's change its own: were the mean of all rows the reference, one row that became cheaper
by a fifth would make each of four others look dearer by a twentieth. So it is the median, of those that are within
three deviations of it, which stays where most rows are. An *anchor* takes the place of all that: one row is it.

Sets of fresh processes (generations) are what is repeated: what a process gets for life differs between them, and
no number of rounds within one tells. Where a run has a single generation, rounds are taken instead, and what
processes may differ by is added as a constant (`PROCESS_DEVIATION`). The standard error is Welch's, moderated over
the cells of a scenario (`statistics.moderated`); the reference's own error, of a median of the k − 1 other rows, is
added.

What none of this can see is a change common to all rows of a comparison: it is the drift.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from crossloop.statistics import MOST_FREEDOM, Variance, adjusted, moderated, polished, quantile, two_sided

LEVEL = 0.95
LEAST_REPEATS = 2
"""Of each run: one number has no spread."""

Turn: TypeAlias = tuple[int, int]
"""(generation, round)."""
Logarithms: TypeAlias = Mapping[Turn, float]
RowKey: TypeAlias = tuple[str, str]
"""(adapter, style)."""
PROCESS_DEVIATION = 0.02
"""Standard deviation of what a process gets for life, where a single one a run leaves it unseen: about as large as
the largest of the bindings here (docs/compare.md)."""
DRIFT_DEVIATION = 0.125
"""Standard deviation of the ratio of one row's figures in two runs where nothing changed: they lay up to 25 % apart
(docs/method.md)."""
_MAD_TO_DEVIATION = 1.4826
_MEDIAN_COST = math.pi / 2
"""Variance of a median ÷ that of a mean, of many normal values."""


@dataclass(frozen=True)
class Shift:
    """A row's change, as far as its comparison alone can tell: before variances are moderated."""

    change: float
    """Logarithm of NEW ÷ BASE, both in units of the other rows, or of the anchor."""
    variance: Variance
    """Of the row's own place."""
    others: int
    """Rows that the reference is made of; 1 with an anchor, 0 for a row that has no reference."""
    repeats: tuple[int, int]
    """What the places were averaged over, in BASE and in NEW."""
    repeated: Literal["generations", "rounds"]
    """Rounds where a run has a single generation."""
    slices: tuple[int, int]
    anchored: bool
    unseen: float = 0.0
    """Variance of what no spread within the two runs shows: other processes, or the drift that a lone row has in it."""
    places: tuple[Mapping[int, float], Mapping[int, float]] = ({}, {})
    """By generation, where those are what is repeated: in BASE, and in NEW less the reference's shift."""


@dataclass(frozen=True)
class Change:
    """A row's change with its interval, and how likely chance alone makes one as large."""

    ratio: float
    """NEW ÷ BASE, relative to the reference."""
    low: float
    high: float
    """95 % interval, of this one cell."""
    chance: float
    """Two-sided probability, adjusted for the number of rows and cells (Holm)."""


@dataclass(frozen=True)
class _Places:
    """A row's places in one run: one a generation, and one a round."""

    by_generation: Mapping[int, float]
    by_round: Mapping[Turn, float]

    def repeats(self, *, generations: bool) -> list[float]:
        return list(self.by_generation.values()) if generations else list(self.by_round.values())


def shifts(
    base: Mapping[RowKey, Logarithms], new: Mapping[RowKey, Logarithms], anchor: RowKey | None = None
) -> dict[RowKey, Shift | str]:
    """The shift of each row that both runs of one comparison have, or why there is none.

    *anchor* is one of the rows, or None; its own shift is not known then.
    """
    common = [row for row in base if row in new]
    if anchor is not None and anchor not in common:
        return dict.fromkeys(common, "the anchor has no figure here in both runs")
    if len(common) < 2:
        return {row: _alone(base[row], new[row]) for row in common}
    runs = [{row: run[row] for row in common} for run in (base, new)]
    places = [_places(run) if anchor is None else _places_beside(anchor, run) for run in runs]
    by_row = {
        row: _own_shift(
            (places[0][row], places[1][row]), (len(base[row]), len(new[row])), anchored=anchor is not None
        )
        for row in common
        if row != anchor
    }
    if anchor is None:
        return {row: _beside_others(row, by_row) for row in common}
    return {**by_row, anchor: "it is the anchor"}


def _alone(base: Logarithms, new: Logarithms) -> Shift | str:
    """A row that has no other beside it: as it is, with the machine's drift in it."""
    shift = _own_shift((_grouped(base.items()), _grouped(new.items())), (len(base), len(new)), anchored=True)
    if isinstance(shift, str):
        return shift
    return replace(shift, others=0, unseen=shift.unseen + DRIFT_DEVIATION**2)


def _beside_others(row: RowKey, by_row: Mapping[RowKey, Shift | str]) -> Shift | str:
    """A row's shift less the median of the others'."""
    shift = by_row[row]
    if isinstance(shift, str):
        return shift
    others = [other.change for name, other in by_row.items() if name != row and isinstance(other, Shift)]
    if not others:
        return "the other rows have too few slices to make a reference"
    reference = _where_most_are(others)
    base, new = shift.places
    return replace(
        shift,
        change=shift.change - reference,
        others=len(others),
        places=(base, {generation: place - reference for generation, place in new.items()}),
    )


def _where_most_are(changes: Sequence[float]) -> float:
    """Median of the changes that are within three times their scale of it: those who moved are left out of it.

    The scale is the median distance from the median, in units of a standard deviation (Rousseeuw and Croux 1993).
    """
    kept = list(changes)
    for _pass in range(10):
        middle = median(kept)
        scale = median(abs(change - middle) for change in kept) * _MAD_TO_DEVIATION
        closer = [change for change in changes if abs(change - middle) <= 3 * scale]
        if not scale or closer == kept:
            return middle
        kept = closer
    return median(kept)


def _own_shift(places: tuple[_Places, _Places], slices: tuple[int, int], *, anchored: bool) -> Shift | str:
    """From a row's place in BASE to that in NEW."""
    generations = min(len(run_places.by_generation) for run_places in places) >= LEAST_REPEATS
    base, new = (run_places.repeats(generations=generations) for run_places in places)
    counts = len(base), len(new)
    if min(counts) < LEAST_REPEATS:
        return f"{counts[0]} and {counts[1]} rounds of one generation; a spread takes {LEAST_REPEATS} in each run"
    parts = [float(np.var(side, ddof=1)) / len(side) for side in (base, new)]
    return Shift(
        change=fmean(new) - fmean(base),
        variance=Variance(sum(parts), _welch(parts, counts)),
        others=1,
        repeats=counts,
        repeated="generations" if generations else "rounds",
        slices=slices,
        anchored=anchored,
        unseen=0.0 if generations else 2 * PROCESS_DEVIATION**2,
        places=(places[0].by_generation, places[1].by_generation) if generations else ({}, {}),
    )


def over_sets(set_shifts: Sequence[Shift]) -> Shift | str:
    """The shift of a row over several sets of parameters: the mean of those it has on each.

    Sets of one generation share their processes, and so what those got for life: they are averaged generation by
    generation, and the spread between generations is that of the averages. Without generations sets are taken for
    independent.
    """
    if len(set_shifts) < 2:
        return "one set of parameters is one cell"
    lesser, counts = min(shift.others for shift in set_shifts), [shift.repeats for shift in set_shifts]
    slices = sum(shift.slices[0] for shift in set_shifts), sum(shift.slices[1] for shift in set_shifts)
    if all(shift.repeated == "generations" for shift in set_shifts):
        sides = [_averaged([shift.places[side] for shift in set_shifts]) for side in (0, 1)]
        if min(map(len, sides)) < LEAST_REPEATS:
            return "its sets of parameters share too few generations"
        parts = [float(np.var(side, ddof=1)) / len(side) for side in sides]
        repeats = len(sides[0]), len(sides[1])
        change, variance = fmean(sides[1]) - fmean(sides[0]), Variance(sum(parts), _welch(parts, repeats))
    else:
        change = fmean(shift.change for shift in set_shifts)
        parts = [shift.variance.value / len(set_shifts) ** 2 for shift in set_shifts]
        spread = sum(part**2 / shift.variance.freedom for part, shift in zip(parts, set_shifts, strict=True))
        freedom = sum(parts) ** 2 / spread if spread else min(shift.variance.freedom for shift in set_shifts)
        variance, repeats = (
            Variance(sum(parts), freedom),
            (sum(a for a, _b in counts), sum(b for _a, b in counts)),
        )
    unseen = max(shift.unseen for shift in set_shifts)  # it is common to them
    # Alone on one of its sets, the row has no reference there, and what it drifts by in place of a reference's error.
    anchored = set_shifts[0].anchored or not lesser
    return Shift(change, variance, lesser, repeats, set_shifts[0].repeated, slices, anchored, unseen)


def _averaged(sets: Sequence[Mapping[int, float]]) -> list[float]:
    """Mean over the sets, of each generation that all of them have."""
    common = set.intersection(*(set(places) for places in sets))
    return [fmean(places[generation] for places in sets) for generation in sorted(common)]


def _welch(parts: Sequence[float], counts: Sequence[int]) -> float:
    """Degrees of freedom of a difference (Welch 1947); of two without any spread, the lesser of the two."""
    if not sum(parts):
        return float(min(counts) - 1)
    spread = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    return sum(parts) ** 2 / spread if spread else float(min(counts) - 1)


def _places(rows: Mapping[RowKey, Logarithms]) -> dict[RowKey, _Places]:
    """Each row among all of them."""
    _positions, at = polished(list(rows.values()))
    return {
        name: _grouped((turn, value - at[turn]) for turn, value in row.items()) for name, row in rows.items()
    }


def _places_beside(anchor: RowKey, rows: Mapping[RowKey, Logarithms]) -> dict[RowKey, _Places]:
    """Each row beside the anchor, in the rounds that both have."""
    at = rows[anchor]
    return {
        name: _grouped((turn, value - at[turn]) for turn, value in row.items() if turn in at)
        for name, row in rows.items()
    }


def _grouped(places: Iterable[tuple[Turn, float]]) -> _Places:
    by_round = dict(sorted(places))
    generations: dict[int, list[float]] = {}
    for (generation, _round), value in by_round.items():
        generations.setdefault(generation, []).append(value)
    return _Places({generation: median(values) for generation, values in generations.items()}, by_round)


Family = TypeVar("Family", str, tuple[str, str])
"""What names shifts whose variances are alike."""


def judged(families: Mapping[Family, Sequence[Shift]]) -> dict[Family, list[Change]]:
    """Changes from shifts, in the order given: variances are moderated within a family, chances adjusted over all."""
    drafts = {name: _drafts(family) for name, family in families.items()}
    chances = iter(adjusted([chance for family in drafts.values() for _change, chance in family]))
    return {
        name: [
            Change(math.exp(change.ratio), math.exp(change.low), math.exp(change.high), next(chances))
            for change, _chance in family
        ]
        for name, family in drafts.items()
    }


def _drafts(family: Sequence[Shift]) -> list[tuple[Change, float]]:
    """Changes on the logarithmic scale, with the chance of each by itself."""
    variances = moderated([shift.variance for shift in family])
    typical = median(variance.value for variance in variances) if variances else 0.0
    drafts = []
    for shift, part in zip(family, variances, strict=True):
        variance = _variance(shift, part.value, typical)
        freedom = _freedom(part.freedom, variance, shift.unseen)
        error = math.sqrt(variance)
        half = quantile(LEVEL, freedom) * error
        chance = two_sided(shift.change / error, freedom)
        drafts.append((Change(shift.change, shift.change - half, shift.change + half, chance), chance))
    return drafts


def _freedom(freedom: float, variance: float, unseen: float) -> float:
    """Degrees of freedom of a variance of which the *unseen* part is a constant (Satterthwaite 1946)."""
    return max(freedom, min(MOST_FREEDOM, freedom * (variance / (variance - unseen)) ** 2))


def _variance(shift: Shift, part: float, typical: float) -> float:
    """Of a row's change: its own part, and that of a reference made of *others* rows, each as noisy as is typical.

    A row's place is its distance from a mean that it is part of, which takes 1/k of its variance away.
    """
    if shift.anchored:
        return part + shift.unseen
    rows = shift.others + 1
    cost = _MEDIAN_COST if shift.others > 2 else 1.0  # the median of two is their mean
    return shift.unseen + rows / shift.others * (part + cost / shift.others * typical)


def paired_shift(base: Logarithms, new: Logarithms) -> Shift | str:
    """The shift between two rows of *one* run, round by round: nothing is left that a reference would cancel."""
    places = _grouped((turn, value - base[turn]) for turn, value in new.items() if turn in base)
    generations = len(places.by_generation) >= LEAST_REPEATS
    values = places.repeats(generations=generations)
    if len(values) < LEAST_REPEATS:
        return f"{len(values)} rounds that both have; a spread takes {LEAST_REPEATS}"
    return Shift(
        change=fmean(values),
        variance=Variance(float(np.var(values, ddof=1)) / len(values), len(values) - 1.0),
        others=1,
        repeats=(len(values), len(values)),
        repeated="generations" if generations else "rounds",
        slices=(len(base), len(new)),
        anchored=True,
        unseen=0.0 if generations else 2 * PROCESS_DEVIATION**2,
        places=(dict.fromkeys(places.by_generation, 0.0), places.by_generation) if generations else ({}, {}),
    )
