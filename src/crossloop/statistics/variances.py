"""Student's t, and variances that borrow strength from each other. Pure; the standard library alone.

Two runs give a cell three and three sets of processes, and four degrees of freedom know little of a variance: at the
level that two hundred cells demand, only a difference of a dozen standard errors would pass. But the cells of
a scenario were measured in one way, and their variances are alike. `moderated` takes each cell's variance for a draw
from a scaled inverse χ² distribution that the cells themselves show, and moves it towards that distribution's
middle; the degrees of freedom that this is worth are added to the cell's own.

Sources: G. K. Smyth, *Linear models and empirical Bayes methods for assessing differential expression*, Statistical
Applications in Genetics and Molecular Biology 3 (2004), §3 and §6.2; W. H. Press et al., *Numerical Recipes*, third
edition (2007), §6.4 (incomplete beta function); M. Abramowitz, I. Stegun, *Handbook of Mathematical Functions*, 6.3.18
and 6.4.12 (asymptotic series of ψ and ψ′).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_LEAST_VARIANCE = 1e-12
"""Of logarithms: a standard deviation of a millionth. What is below was rounded, or copied."""
_FEWEST = 3
"""Variances from which a distribution of variances can be seen at all."""


MOST_FREEDOM = 20.0
"""A hundred cells would give a variance hundreds of degrees of freedom, were noise normal. Noise of a shared machine
has outliers; with more than twenty, simulated equal runs (docs/method.md) were called different too often."""


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
    kept = [Variance(max(one.value, _LEAST_VARIANCE), one.freedom) for one in variances]
    if len(kept) < _FEWEST:
        return kept
    residues = [math.log(one.value) - digamma(one.freedom / 2) + math.log(one.freedom / 2) for one in kept]
    middle = math.fsum(residues) / len(residues)
    spread = math.fsum((one - middle) ** 2 for one in residues) / (len(residues) - 1)
    spread -= math.fsum(trigamma(one.freedom / 2) for one in kept) / len(kept)
    total = math.fsum(one.freedom for one in kept)
    if spread <= 0:  # no more than chance makes of one variance common to all
        prior = Variance(math.exp(middle), total)
    else:
        freedom = 2 * inverse_trigamma(spread)
        prior = Variance(math.exp(middle + digamma(freedom / 2) - math.log(freedom / 2)), freedom)
    return [
        Variance(
            (prior.freedom * prior.value + one.freedom * one.value) / (prior.freedom + one.freedom),
            min(prior.freedom + one.freedom, total, max(MOST_FREEDOM, one.freedom)),
        )
        for one in kept
    ]


def two_sided(t: float, freedom: float) -> float:
    """Probability that Student's t with so many degrees of *freedom* is at least as far from 0 as *t*."""
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def quantile(level: float, freedom: float) -> float:
    """The t that is exceeded, on either side, with probability 1 − *level*: 2.776 for 0.95 and 4."""
    return _quantile(level, round(freedom, 2))


@lru_cache(1024)
def _quantile(level: float, freedom: float) -> float:
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > 1 - level:
        high *= 2
    for _step in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > 1 - level else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function Iₓ(a, b), by its continued fraction where that converges quickly."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction, by Lentz's method (Numerical Recipes, §6.4, `betacf`)."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 500):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + factor * d
            c = 1 + factor / c
            c, d = (c if abs(c) > tiny else tiny), 1 / (d if abs(d) > tiny else tiny)
            result *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return result


def digamma(x: float) -> float:
    """ψ(x) for x > 0: stepped up to where six terms of the asymptotic series are exact."""
    result = 0.0
    while x < 8:
        result -= 1 / x
        x += 1
    square = 1 / (x * x)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132))))
    return result + math.log(x) - 0.5 / x - series


def trigamma(x: float) -> float:
    """ψ′(x) for x > 0, likewise."""
    result = 0.0
    while x < 8:
        result += 1 / (x * x)
        x += 1
    square = 1 / (x * x)
    series = square * (1 / 6 - square * (1 / 30 - square * (1 / 42 - square * (1 / 30 - square * 5 / 66))))
    return result + 1 / x + square / 2 + series / x


def inverse_trigamma(y: float) -> float:
    """The x with ψ′(x) = *y* > 0, by bisection on the logarithm: ψ′ falls from ∞ to 0."""
    low, high = 1e-6, 1e6
    for _step in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if trigamma(middle) > y else (low, middle)
    return math.sqrt(low * high)


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
