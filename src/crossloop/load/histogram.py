"""Percentiles of the times that a histogram holds (`worker.buckets` says what a bucket is)."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeAlias

from crossloop.journal import Latency
from crossloop.worker.buckets import HIGHEST_NS, merge, pairs_of

__all__ = ["HIGHEST_NS", "PERCENTILES", "Pair", "latency_of", "merge", "pairs_of", "percentile"]

Pair: TypeAlias = tuple[int, int]
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def percentile(pairs: Sequence[Pair], percent: float) -> int:
    """Smallest value in ns that at least *percent* of the samples do not exceed (inverted CDF).

    *pairs* ascend and are not empty.
    """
    rank = max(1, ceil(sum(count for _value, count in pairs) * percent / 100))
    seen = 0
    for value, count in pairs:
        seen += count
        if seen >= rank:
            return value
    return pairs[-1][0]


def latency_of(histograms: Iterable[Iterable[Pair]]) -> Latency | None:
    """Percentiles in µs of all histograms together, with their signs; None without a single sample."""
    pairs = merge(histograms)
    if not pairs:
        return None
    p50, p90, p99, p99_9 = (percentile(pairs, percent) / 1000 for percent in PERCENTILES)
    samples = sum(count for _value, count in pairs)
    return Latency(
        count=samples,
        p50=p50,
        p90=p90,
        p99=p99,
        p99_9=p99_9,
        max=pairs[-1][0] / 1000,
        min=pairs[0][0] / 1000,
        early_share=sum(count for value, count in pairs if value < 0) / samples,
    )
