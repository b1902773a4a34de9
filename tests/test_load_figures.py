"""Schedules of arrivals and histograms of latencies, against numpy and by properties."""

import random
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.load import LoadUsageError, loops
from crossloop.load.histogram import HIGHEST_NS, latency_of, merge, pairs_of, percentile
from crossloop.load.turns import Engine
from tests.misbehaving import echo, echo_target, serving


@given(st.integers(1, 10**6), st.floats(1, 10**5), st.sampled_from(["poisson", "constant"]))
def test_a_schedule_ascends_within_its_length_and_repeats(
    seed: int, rate: float, arrivals: loops.Arrivals
) -> None:
    due = loops.schedule(rate, arrivals, 20_000_000, seed)
    assert due == loops.schedule(rate, arrivals, 20_000_000, seed)
    assert all(0 <= at < 20_000_000 for at in due)
    assert all(earlier <= later for earlier, later in pairwise(due))


def test_poisson_gaps_have_the_mean_and_spread_of_an_exponential() -> None:
    gaps = np.diff(np.array(loops.schedule(10_000, "poisson", 5_000_000_000, seed=5)))
    assert gaps.mean() == pytest.approx(100_000, rel=0.02)
    assert gaps.std() == pytest.approx(100_000, rel=0.03)


def test_constant_gaps_are_equal() -> None:
    gaps = np.diff(np.array(loops.schedule(1000, "constant", 1_000_000_000, seed=5)))
    assert len(gaps) == 999
    assert set(gaps) <= {999_999, 1_000_000, 1_000_001}


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e12])
def test_rates_that_make_no_sense_are_refused(rate: float) -> None:
    with pytest.raises(LoadUsageError, match="rate"):
        loops.schedule(rate, "poisson", 1_000_000_000, seed=1)


SAMPLES = st.lists(st.integers(-HIGHEST_NS, HIGHEST_NS), min_size=1, max_size=300)


@given(st.lists(SAMPLES, min_size=1, max_size=4), st.sampled_from([50.0, 90.0, 99.0, 99.9, 100.0]))
def test_merged_histograms_have_the_percentiles_of_all_samples(
    parts: list[list[int]], percent: float
) -> None:
    together = [value for part in parts for value in part]
    merged = merge([pairs_of(part) for part in parts])
    assert sum(count for _value, count in merged) == len(together)
    exact = np.percentile(np.array(together), percent, method="inverted_cdf")
    assert percentile(merged, percent) == pytest.approx(exact, rel=0.01)


@given(SAMPLES)
def test_merging_keeps_every_pair_where_it_is(samples: list[int]) -> None:
    pairs = pairs_of(samples)
    assert merge([pairs]) == pairs
    assert [value for value, _count in pairs] == sorted({value for value, _count in pairs})


@pytest.mark.parametrize(
    ("value_ns", "middle_ns"),
    [
        (-5, -5), (0, 0), (1, 1), (255, 255), (256, 256), (257, 256), (258, 258), (511, 510), (512, 513), (515, 513),
        (1000, 1001), (123_456, 123_647), (20_000_000, 19_988_479), (59_999_999_999, 59_995_324_415),
        (HIGHEST_NS, 59_995_324_415), (10**12, 59_995_324_415),
        (-123_456, -123_647), (-(10**12), -59_995_324_415),
    ],
)  # fmt: skip
def test_the_buckets_are_those_of_an_hdr_histogram_of_two_digits(value_ns: int, middle_ns: int) -> None:
    """As hdrhistogram 0.10.3 gave them above zero: journals of before and of now add up."""
    assert pairs_of([value_ns]) == [(middle_ns, 1)]


def test_an_engine_gathers_latencies_in_the_same_buckets(every_engine: Engine) -> None:
    draw = random.Random(3)
    values = array("q", [round(2 ** draw.uniform(0, 35.8)) for _number in range(5_000)])
    with serving(echo) as port:
        target = echo_target(port, 1)
        target.connect(5)
        assert target.poller is not None
        assert every_engine.turns(target, target.poller, spin=False).latency(values) == pairs_of(values)
        target.close()


def test_latency_is_in_microseconds_and_absent_without_samples() -> None:
    latency = latency_of([pairs_of([1_000] * 90 + [100_000] * 10)])
    assert latency is not None
    assert latency.count == 100
    assert (latency.p50, latency.p90) == pytest.approx((1, 1), rel=0.01)
    assert (latency.p99, latency.p99_9, latency.max) == pytest.approx((100, 100, 100), rel=0.01)
    assert latency.min == pytest.approx(1, rel=0.01)
    assert latency.early_share == 0
    assert latency_of([]) is None
    assert latency_of([[]]) is None


def test_what_comes_early_keeps_its_sign_in_every_percentile() -> None:
    """Half of the timers a millisecond early, half a little late: the median alone would be no news."""
    latency = latency_of([pairs_of([-1_300_000] * 50), pairs_of([2_000] * 50)])
    assert latency is not None
    assert (latency.p50, latency.min) == pytest.approx((-1300, -1300), rel=0.01)
    assert (latency.p90, latency.max) == pytest.approx((2, 2), rel=0.01)
    assert latency.early_share == 0.5
