"""Latencies as histograms whose buckets are 1/128 of their value wide, in the journal as pairs.

A pair is (value in ns, count); the value is the middle of its bucket, at most 0.4 % from any sample in it. Below 256 ns
each value has a bucket of its own. The buckets are those of an HDR histogram of two significant digits from 1 ns
to 60 s (hdrhistogram.org), and those of the native engine (`record` in engine.c).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeAlias

from crossloop.journal import Latency

LOWEST_NS = 1
HIGHEST_NS = 60 * 1_000_000_000
BUCKET_BITS = 8
"""Leading binary digits of a value that its bucket keeps."""
Pair: TypeAlias = tuple[int, int]
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def pairs_of(samples_ns: Iterable[int]) -> list[Pair]:
    """Histogram of single latencies. Values beyond its ends count as its ends."""
    return merge([Counter(samples_ns).items()])


def merge(histograms: Iterable[Iterable[Pair]]) -> list[Pair]:
    """Sum of histograms, values ascending."""
    gathered: Counter[int] = Counter()  # most values recur: buckets are looked for once for each
    for histogram in histograms:
        for value, count in histogram:
            gathered[value] += count
    total: Counter[int] = Counter()
    for value, count in gathered.items():
        total[_middle(min(max(value, LOWEST_NS), HIGHEST_NS))] += count
    return sorted(total.items())


def _middle(value: int) -> int:
    """Middle of the bucket that *value* is in, so that merging again puts it where it was."""
    shift = max(0, value.bit_length() - BUCKET_BITS)
    return (value >> shift << shift) + ((1 << shift) - 1) // 2


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
    """Percentiles in µs of all histograms together; None without a single sample."""
    pairs = merge(histograms)
    if not pairs:
        return None
    p50, p90, p99, p99_9 = (percentile(pairs, percent) / 1000 for percent in PERCENTILES)
    return Latency(
        count=sum(count for _value, count in pairs),
        p50=p50,
        p90=p90,
        p99=p99,
        p99_9=p99_9,
        max=pairs[-1][0] / 1000,
    )
