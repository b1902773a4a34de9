"""Latencies as HDR histograms: two significant digits from 1 ns to 60 s, in the journal as pairs.

A pair is (value in ns, count); the value is the middle of its bucket, at most 0.4 % from any sample in it
(HdrHistogram: buckets are 1/128 of their value wide at two digits, and exact up to 255 ns).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeAlias

from hdrh.histogram import HdrHistogram

from crossloop.journal import Latency

LOWEST_NS = 1
HIGHEST_NS = 60 * 1_000_000_000
DIGITS = 2
Pair: TypeAlias = tuple[int, int]
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def pairs_of(samples_ns: Iterable[int]) -> list[Pair]:
    """Histogram of single latencies. Values beyond its ends count as its ends."""
    # Python's HdrHistogram takes about 1 µs a value: equal ones are gathered first, at its own resolution.
    gathered = Counter(
        value if value < 256 else value >> (shift := value.bit_length() - 8) << shift for value in samples_ns
    )
    return merge([gathered.items()])


def merge(histograms: Iterable[Iterable[Pair]]) -> list[Pair]:
    """Sum of histograms, values ascending."""
    gathered: Counter[int] = Counter()  # most buckets recur: a dict is ten times as fast as the histogram
    for histogram in histograms:
        for value, count in histogram:
            gathered[value] += count
    total = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
    for value, count in gathered.items():
        total.record_value(min(max(value, LOWEST_NS), HIGHEST_NS), count)
    return [
        (_middle(total, bucket.value_iterated_to), bucket.count_at_value_iterated_to)
        for bucket in total.get_recorded_iterator()
    ]


def _middle(histogram: HdrHistogram, value: int) -> int:
    """Middle of the bucket that *value* is in, so that merging again puts it where it was."""
    low, high = histogram.get_lowest_equivalent_value(value), histogram.get_highest_equivalent_value(value)
    return int(low + high) // 2


def percentile(pairs: Sequence[Pair], percent: float) -> int:
    """Smallest value in ns that at least *percent* of the samples do not exceed (inverted CDF).

    The library's own rule rounds the rank to the nearest and so understates tails of few samples.
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
