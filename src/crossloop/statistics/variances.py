"""Student's t, and variances that borrow strength from each other. Pure.

Two runs give a cell three and three sets of processes, and four degrees of freedom know little of a variance: at the
level that two hundred cells demand, only a difference of a dozen standard errors would pass. But the cells of
a scenario were measured in one way, and their variances are alike. `moderated` takes each cell's variance for a draw
from a scaled inverse χ² distribution that the cells themselves show, and moves it towards that distribution's
middle; the degrees of freedom that this is worth are added to the cell's own.

Source: G. K. Smyth, *Linear models and empirical Bayes methods for assessing differential expression*, Statistical
Applications in Genetics and Molecular Biology 3 (2004), §3 and §6.2. scipy has the functions. It is imported
where it is used: that takes 0.2 s, and whoever does not compare needs none of it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEAST_VARIANCE = 1e-12
"""Of logarithms: a standard deviation of a millionth. What is below was rounded, or copied."""
_FEWEST = 3
"""Variances from which a distribution of variances can be seen at all."""


MOST_FREEDOM = 20.0
"""A hundred cells would give a variance hundreds of degrees of freedom, were noise normal. Noise of a shared machine
has outliers; with more than twenty, simulated equal runs (docs/compare.md) were called different too often."""


class Variance(NamedTuple):
    """A variance and how well it is known."""

    value: float
    freedom: float
    """Degrees of freedom."""


def moderated(variances: Sequence[Variance]) -> list[Variance]:
    """Each variance, moved towards what the others show (Smyth 2004, equations of §6.2).

    Fewer than three are returned as they are. Degrees of freedom never exceed the sum of all, nor
    twenty but where a variance has more by itself.
    """
    from scipy.special import polygamma, psi

    kept = [Variance(max(variance.value, _LEAST_VARIANCE), variance.freedom) for variance in variances]
    if len(kept) < _FEWEST:
        return kept
    values, freedoms = np.array(kept).T
    halves = freedoms / 2
    residues = np.log(values) - psi(halves) + np.log(halves)
    middle = float(residues.mean())
    spread = float(residues.var(ddof=1) - polygamma(1, halves).mean())
    total = float(freedoms.sum())
    if spread <= 0:  # no more than chance makes of one variance common to all
        prior = Variance(math.exp(middle), total)
    else:
        half = _inverse_trigamma(spread)
        prior = Variance(math.exp(middle + float(psi(half)) - math.log(half)), 2 * half)
    return [
        Variance(
            (prior.freedom * prior.value + variance.freedom * variance.value)
            / (prior.freedom + variance.freedom),
            min(prior.freedom + variance.freedom, total, max(MOST_FREEDOM, variance.freedom)),
        )
        for variance in kept
    ]


def two_sided(t: float, freedom: float) -> float:
    """Probability that Student's t with so many degrees of *freedom* is at least as far from 0 as *t*."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))


def quantile(level: float, freedom: float) -> float:
    """The t that is exceeded, on either side, with probability 1 − *level*: 2.776 for 0.95 and 4."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _inverse_trigamma(y: float) -> float:
    """The x with ψ′(x) = *y* > 0: ψ′ falls from ∞ to 0."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return math.exp(brentq(lambda x: float(polygamma(1, math.exp(x))) - y, math.log(1e-6), math.log(1e6)))


def adjusted(probabilities: Sequence[float]) -> list[float]:
    """Probabilities adjusted for their number, by Holm (1979), in the order given.

    Where every one of at most q is called a difference, anything at all is called so wrongly with probability q at
    most, however many there are and however they depend on each other.
    """
    order = sorted(range(len(probabilities)), key=lambda index: probabilities[index])
    result = [1.0] * len(probabilities)
    most = 0.0
    for done, index in enumerate(order):
        most = max(most, min(1.0, probabilities[index] * (len(order) - done)))
        result[index] = most
    return result
