"""Buckets in which times are counted: 1/128 of their value wide, either side of zero alike.

A pair is (value in ns, count); the value is the middle of its bucket, at most 0.4 % from any sample in it. Below
256 ns each value has a bucket of its own. The buckets of positive values are those of an HDR histogram of two
significant digits from 1 ns to 60 s (hdrhistogram.org), and those of the native load engine (`record` in engine.c).
A negative value is earlier than it ought to be: its bucket is that of its magnitude, with the sign.
"""

from collections import Counter
from collections.abc import Iterable

HIGHEST_NS = 60 * 1_000_000_000
"""Values beyond it, on either side, count as it."""
BUCKET_BITS = 8
"""Leading binary digits of a value that its bucket keeps."""


def pairs_of(samples_ns: Iterable[int]) -> list[tuple[int, int]]:
    """Histogram of single samples, values ascending."""
    return merge([Counter(samples_ns).items()])


def merge(histograms: Iterable[Iterable[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Sum of histograms, values ascending."""
    gathered: Counter[int] = Counter()  # most values recur: buckets are looked for once for each
    for histogram in histograms:
        for value, count in histogram:
            gathered[value] += count
    total: Counter[int] = Counter()
    for value, count in gathered.items():
        total[_middle(value)] += count
    return sorted(total.items())


def _middle(value: int) -> int:
    """Middle of the bucket that *value* is in, so that merging again puts it where it was."""
    magnitude = min(abs(value), HIGHEST_NS)
    shift = max(0, magnitude.bit_length() - BUCKET_BITS)
    middle = (magnitude >> shift << shift) + ((1 << shift) - 1) // 2
    return middle if value >= 0 else -middle
