"""Statistics against answers by hand, synthetic data with a known truth, and properties."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.journal import Estimate
from crossloop.statistics import (
    ROUNDS_TO_SEPARATE,
    Slices,
    Variance,
    adjusted,
    costlier,
    estimate,
    half_width,
    inverse,
    log_slope,
    moderated,
    noise_floor,
    paired_ratio,
    quantile,
    tiers,
    two_sided,
)

SLICES = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 9)), st.floats(1e-3, 1e9), min_size=1, max_size=25
).map(lambda values: [(generation, turn, value) for (generation, turn), value in values.items()])
ROWS = st.dictionaries(st.sampled_from("abcdefgh"), SLICES, min_size=1, max_size=6)


def noisy(
    seed: int,
    *,
    truth: float = 100.0,
    generations: int = 3,
    rounds: int = 50,
    noise: float = 0.03,
    generation_effect: float = 0.0,
    drift: float = 0.0,
) -> list[tuple[int, int, float]]:
    """Log-normal slices around *truth*; *generation_effect* and *noise* are standard deviations.

    *drift* moves the values of every row alike over the rounds, from −drift/2 to +drift/2.
    """
    random = np.random.default_rng(seed)
    slices = []
    for generation in range(generations):
        effect = random.normal(0, generation_effect)
        for turn in range(rounds):
            common = drift * (turn / rounds - 0.5)
            slices.append((generation, turn, truth * math.exp(effect + common + random.normal(0, noise))))
    return slices


def one_generation(*values: float) -> list[tuple[int, int, float]]:
    return [(0, turn, value) for turn, value in enumerate(values)]


# Known answers


def test_estimate_is_the_median_with_its_counts() -> None:
    estimated = estimate([(0, 0, 3.0), (0, 1, 1.0), (1, 0, 2.0), (1, 1, 100.0)], seed=1)
    assert (estimated.value, estimated.slices, estimated.generations) == (2.5, 4, 2)
    assert 1.0 <= estimated.low <= estimated.value <= estimated.high <= 100.0


def around(value: float, spread: float = 0.1) -> Estimate:
    return Estimate(value, value / (1 + spread), value * (1 + spread), slices=3, generations=2)


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.5, 1.0, 2.0])
def test_the_slope_of_a_power_law_is_its_exponent(exponent: float) -> None:
    slope = log_slope([(x, around(7 * x**exponent)) for x in (100, 300, 1000, 3000, 10000)])
    assert slope is not None
    assert slope.value == pytest.approx(exponent, abs=1e-9)
    assert (slope.slices, slope.generations) == (15, 2)


def test_the_slopes_interval_by_hand() -> None:
    """Two points a factor e apart: the slope is the difference of the logarithms, its variance their sum."""
    slope = log_slope([(1.0, around(1.0, 0.1)), (math.e, around(math.e, 0.3))])
    assert slope is not None
    half = math.hypot(math.log(1.1), math.log(1.3))
    assert slope.value == pytest.approx(1)
    assert [slope.low, slope.high] == pytest.approx([1 - half, 1 + half])


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1.0, around(1))],
        [(2.0, around(1)), (2.0, around(3))],
        [(0.0, around(1)), (2.0, around(3))],
        [(1.0, around(1)), (2.0, Estimate(math.nan, 1, 1, 1, 1))],
        [(1.0, around(1)), (2.0, Estimate(1, 0, 1, 1, 1))],
        [(1.0, around(1)), (math.inf, around(3))],
    ],
    ids=["none", "one", "same", "zero", "nan", "low-zero", "infinite"],
)
def test_no_slope_without_two_places_and_positive_figures(points: list[tuple[float, Estimate]]) -> None:
    assert log_slope(points) is None


def test_one_slice_has_no_width() -> None:
    alone = estimate([(7, 3, 42.0)], seed=1)
    assert (alone.value, alone.low, alone.high, alone.slices, alone.generations) == (42.0, 42.0, 42.0, 1, 1)


def test_bootstrap_of_two_slices_is_the_whole_range() -> None:
    # Of two values each resample is (low, low), (low, high), (high, low) or (high, high): a quarter of
    # the medians is the lower value and a quarter the upper one.
    estimated = estimate(one_generation(1.0, 3.0), seed=1)
    assert (estimated.low, estimated.value, estimated.high) == (1.0, 2.0, 3.0)


def test_generations_are_resampled_as_wholes() -> None:
    # Two generations, each constant: with probability ¼ a resample is one of them twice. Were all 200
    # slices resampled as equals, the medians would hardly leave the middle.
    slices = [(generation, turn, 10.0 + 2.0 * generation) for generation in range(2) for turn in range(100)]
    estimated = estimate(slices, seed=1)
    assert (estimated.low, estimated.value, estimated.high) == (10.0, 11.0, 12.0)


def test_generations_of_unequal_length_keep_their_padding_out() -> None:
    slices = [(0, turn, 5.0) for turn in range(9)] + [(1, 0, 5.0)]
    estimated = estimate(slices, seed=1)
    assert (estimated.low, estimated.value, estimated.high, estimated.slices) == (5.0, 5.0, 5.0, 10)


def test_paired_ratio_uses_common_rounds_alone() -> None:
    a = [(0, 0, 2.0), (0, 1, 40.0), (0, 2, 6.0), (1, 0, 999.0)]
    b = [(0, 0, 1.0), (0, 1, 10.0), (0, 2, 3.0), (0, 3, 1e-6)]
    ratio = paired_ratio(a, b, seed=1)
    assert ratio.value == pytest.approx(2.0)
    assert ratio.low == pytest.approx(2.0)
    assert ratio.high == pytest.approx(4.0)
    assert (ratio.slices, ratio.generations) == (3, 1)


def test_tiers_by_hand() -> None:
    turns = range(8)
    rows = {
        "double": [(0, turn, 2.0 * (turn + 1)) for turn in turns],
        "lean": [(0, turn, 1.0 * (turn + 1)) for turn in turns],
        "same": [(0, turn, (1.0 if turn % 2 else 1.02) * (turn + 1)) for turn in turns],
    }
    standings = tiers(rows, seed=1)
    assert {row: standing.tier for row, standing in standings.items()} == {"lean": 1, "same": 1, "double": 2}
    assert list(standings) == ["lean", "same", "double"]
    best = standings["lean"].ratio_to_best
    assert (best.value, best.low, best.high, best.slices) == (1.0, 1.0, 1.0, 8)
    assert standings["double"].ratio_to_best.value == pytest.approx(2.0)


def test_tiers_compare_with_the_leader_and_not_with_the_neighbour() -> None:
    # Steps of 0.8 % lie within the floor of 1 %; the third row is 1.6 % from the leader and does not.
    rows = {name: one_generation(*[1.008**step] * 8) for step, name in enumerate("abc")}
    standings = tiers(rows, seed=1, floor=0.01)
    assert [standing.tier for standing in standings.values()] == [1, 1, 2]


def test_too_few_rounds_separate_nothing() -> None:
    def tier_of_b(rounds: int) -> int:
        rows = {"a": one_generation(*[1.0] * rounds), "b": one_generation(*[2.0] * rounds)}
        return tiers(rows, seed=1)["b"].tier

    assert [tier_of_b(ROUNDS_TO_SEPARATE - 1), tier_of_b(ROUNDS_TO_SEPARATE)] == [1, 2]


def test_equal_rows_are_ordered_by_name() -> None:
    slices = one_generation(3.3, 1.1, 7.7)
    assert list(tiers({"b": slices, "a": slices, "c": slices}, seed=1)) == ["a", "b", "c"]


def test_no_rows_are_no_tiers() -> None:
    assert tiers({}, seed=1) == {}


def test_missing_rounds_do_not_move_the_reference() -> None:
    # "heavy" is there only in the rounds in which everything is slow. By plain round means "a" and "b"
    # would seem lean exactly there; taken out by passes, the ratios come out as they were put in.
    speed = [1.0] * 8 + [1.25] * 8
    rows = {
        "a": one_generation(*speed),
        "b": one_generation(*(1.05 * value for value in speed)),
        "heavy": [(0, turn, 3.0 * speed[turn]) for turn in range(8, 16)],
    }
    standings = tiers(rows, seed=1)
    assert [(row, standing.tier) for row, standing in standings.items()] == [("a", 1), ("b", 2), ("heavy", 3)]
    assert standings["b"].ratio_to_best.value == pytest.approx(1.05)
    assert standings["heavy"].ratio_to_best.value == pytest.approx(3.0)
    assert standings["heavy"].ratio_to_best.slices == 8


def test_rows_without_a_common_round_are_compared_unpaired() -> None:
    rows = {
        "early": [(0, turn, 1.0 + turn / 100) for turn in range(11)],
        "late": [(0, turn, 2.0 + turn / 100) for turn in range(11, 32)],
    }
    ratio = tiers(rows, seed=1)["late"].ratio_to_best
    assert ratio.value == pytest.approx(2.21 / 1.05)
    assert (ratio.low < ratio.value < ratio.high, ratio.slices) == (True, 11)


# Refusals


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_values_must_be_positive_and_finite(value: float) -> None:
    with pytest.raises(ValueError, match=r"generation 2, round 5: expected a positive, finite value, not "):
        estimate([(2, 5, value)], seed=1)


def test_a_turn_occurs_once() -> None:
    with pytest.raises(ValueError, match="generation 1, round 2 occurs twice in one row"):
        paired_ratio([(1, 2, 1.0), (1, 2, 3.0)], [(1, 2, 1.0)], seed=1)


def test_nothing_cannot_be_estimated() -> None:
    with pytest.raises(ValueError, match="no slices: nothing can be estimated"):
        estimate([], seed=1)
    with pytest.raises(ValueError, match="no round in common"):
        paired_ratio([(0, 0, 1.0)], [(0, 1, 1.0)], seed=1)
    with pytest.raises(ValueError, match=r"the noise floor must be 0 or more, not -0\.1"):
        tiers({}, seed=1, floor=-0.1)


# Synthetic data with a known truth


@pytest.mark.parametrize(
    ("generations", "rounds", "effect_ratio"),
    [(1, 50, 0), (3, 50, 0), (3, 50, 1), (5, 30, 1), (8, 50, 1), (8, 50, 3)],
)
def test_intervals_cover_the_truth(generations: int, rounds: int, effect_ratio: float) -> None:
    """Of 250 simulated runs, how many 95 % intervals hold the true median.

    *effect_ratio*: the generations' standard deviation in units of that of one generation's median, which
    is 1.2533 · noise / √rounds for normal noise. FACTS' eight generations of 50 rounds lie near 1.
    """
    noise, simulations = 0.03, 250
    effect = effect_ratio * 1.2533 * noise / math.sqrt(rounds)
    covered = 0
    for seed in range(simulations):
        estimated = estimate(
            noisy(seed, generations=generations, rounds=rounds, noise=noise, generation_effect=effect),
            seed,
            resamples=400,
        )
        covered += estimated.low <= 100.0 <= estimated.high
    assert 0.88 <= covered / simulations <= 0.99


def test_pairing_finds_three_per_cent_under_a_drift_of_a_quarter() -> None:
    detected, unpaired = 0, 0
    for seed in range(100):
        a = noisy(seed, drift=0.25, noise=0.02)
        b = noisy(seed + 1000, truth=103.0, drift=0.25, noise=0.02)
        ratio = paired_ratio(b, a, seed)
        assert ratio.value == pytest.approx(1.03, abs=0.012)
        detected += ratio.low > 1
        unpaired += estimate(b, seed).low > estimate(a, seed).high
    assert detected >= 98
    assert unpaired <= 5  # the control: without pairing the same data show nothing


def test_identical_rows_tie_and_a_difference_opens_a_tier() -> None:
    same, apart = 0, 0
    for seed in range(100):
        rows = {
            "a": noisy(seed, drift=0.25),
            "b": noisy(seed + 1000, drift=0.25),
            "slow": noisy(seed + 2000, truth=104.0, drift=0.25),
        }
        standings = tiers(rows, seed)
        same += standings["a"].tier == standings["b"].tier
        apart += standings["slow"].tier > standings["a"].tier
    assert same >= 88
    assert apart >= 98


def test_the_floor_joins_what_lies_within_it() -> None:
    rows = {"a": noisy(1, noise=0.001), "b": noisy(2, truth=100.5, noise=0.001)}
    assert [tiers(rows, 1, floor)["b"].tier for floor in (0.0, 0.02)] == [2, 1]


def ratio(low: float, value: float, high: float, pairs: int = 60) -> Estimate:
    return Estimate(value, low, high, pairs, 3)


@pytest.mark.parametrize(
    ("ratio", "floor", "said"),
    [
        (ratio(1.01, 1.03, 1.05), 0.0, True),
        (ratio(1.01, 1.03, 1.05), 0.029, True),
        (ratio(1.01, 1.03, 1.05), 0.03, False),  # within the floor
        (ratio(1.0, 1.03, 1.05), 0.0, False),  # the interval holds 1
        (ratio(1.01, 1.03, 1.05, 5), 0.0, False),  # too few pairs
        (ratio(0.95, 0.97, 0.99), 0.0, False),
    ],
)
def test_when_a_row_is_costlier(ratio: Estimate, floor: float, said: bool) -> None:
    assert costlier(ratio, floor) is said
    assert costlier(inverse(inverse(ratio)), floor) is said


def test_the_floor_and_the_width_of_an_interval() -> None:
    assert noise_floor(ratio(0.98, 1.0, 1.01)) == pytest.approx(1 / 0.98 - 1)
    assert noise_floor(ratio(0.99, 1.01, 1.03)) == pytest.approx(0.03)
    assert noise_floor(ratio(1.0, 1.0, 1.0)) == 0
    assert half_width(ratio(1.0, 1.0, 1.0)) == 0
    assert half_width(ratio(2 / 1.02, 2.0, 2 * 1.02)) == pytest.approx(0.02)
    twins = ratio(0.97, 0.98, 1.02)
    assert noise_floor(inverse(twins)) == pytest.approx(noise_floor(twins))
    assert half_width(inverse(twins)) == pytest.approx(half_width(twins))


def test_the_floor_of_twins_keeps_false_alarms_away() -> None:
    """Three identical rows whose processes differ (k = 1): how often the third is said to differ, either way."""
    with_floor, without = 0, 0
    for seed in range(300):
        a, b, c = (
            noisy(seed + 10_000 * row, rounds=20, noise=0.03, drift=0.25, generation_effect=0.0084)
            for row in range(3)
        )
        ratio = paired_ratio(c, a, seed, 300)
        floor = noise_floor(paired_ratio(b, a, seed, 300))
        without += costlier(ratio, 0.0) or costlier(inverse(ratio), 0.0)
        with_floor += costlier(ratio, floor) or costlier(inverse(ratio), floor)
    assert with_floor <= 9
    assert without >= 15  # the interval alone: 5 % by its own account, more where there are three generations


def test_memory_stays_small() -> None:
    rows = {f"row{index}": noisy(index) for index in range(25)}
    tracemalloc.start()
    try:
        tiers(rows, seed=1)
        _now, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 << 20


def test_many_rounds_are_resampled_in_pieces() -> None:
    tracemalloc.start()
    try:
        estimated = estimate(noisy(1, rounds=3000), seed=1)
        _now, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 << 20  # 1000 resamples of 9000 values at once would be 72 MB for each array
    assert estimated.low < 100.0 < estimated.high


# Properties


@given(SLICES, st.integers(0, 2**32), st.floats(1e-3, 1e3))
def test_estimates_scale_with_their_unit(slices: Slices, seed: int, factor: float) -> None:
    plain = estimate(slices, seed, resamples=50)
    scaled = estimate([(g, t, value * factor) for g, t, value in slices], seed, resamples=50)
    assert scaled.value == pytest.approx(plain.value * factor)
    assert scaled.low == pytest.approx(plain.low * factor)
    assert scaled.high == pytest.approx(plain.high * factor)


@given(SLICES, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_order_of_slices_does_not_matter(slices: Slices, seed: int, random: object) -> None:
    shuffled = list(slices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    assert estimate(shuffled, seed, resamples=50) == estimate(slices, seed, resamples=50)


@given(SLICES, st.integers(0, 2**32))
def test_intervals_hold_the_estimate_and_lie_within_the_data(slices: Slices, seed: int) -> None:
    estimated = estimate(slices, seed, resamples=50)
    values = [value for _generation, _turn, value in slices]
    assert min(values) <= estimated.low <= estimated.high <= max(values)
    assert min(values) <= estimated.value <= max(values)


@given(SLICES, SLICES, st.integers(0, 2**32))
def test_ratios_are_symmetric(a: Slices, b: Slices, seed: int) -> None:
    b = [*b, (a[0][0], a[0][1], 1.0)] if not any(s[:2] == a[0][:2] for s in b) else b
    forth, back = paired_ratio(a, b, seed, resamples=50), paired_ratio(b, a, seed, resamples=50)
    assert forth.value * back.value == pytest.approx(1)
    assert forth.low * back.high == pytest.approx(1)
    assert forth.high * back.low == pytest.approx(1)
    assert (forth.slices, forth.generations) == (back.slices, back.generations)


@given(SLICES, st.integers(0, 2**32))
def test_a_row_is_exactly_as_costly_as_itself(slices: Slices, seed: int) -> None:
    ratio = paired_ratio(slices, slices, seed, resamples=50)
    assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 2**32), st.floats(0, 0.1))
def test_tiers_rise_by_one_and_start_with_the_best(rows: dict[str, Slices], seed: int, floor: float) -> None:
    standings = tiers(rows, seed, floor)
    assert set(standings) == set(rows)
    numbers = [standing.tier for standing in standings.values()]
    assert numbers[0] == 1
    assert all(after - before in (0, 1) for before, after in itertools.pairwise(numbers))
    first = next(iter(standings.values())).ratio_to_best
    assert (first.value, first.low, first.high) == (1.0, 1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: dict[str, Slices], seed: int, random: object) -> None:
    names = list(rows)
    random.shuffle(names)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    shuffled = tiers({name: rows[name] for name in names}, seed)
    plain = tiers(rows, seed)
    assert list(shuffled.items()) == list(plain.items())


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 2**32), st.sampled_from([0.25, 2.0, 1024.0]))
def test_tiers_do_not_depend_on_the_unit(rows: dict[str, Slices], seed: int, factor: float) -> None:
    scaled = {row: [(g, t, value * factor) for g, t, value in slices] for row, slices in rows.items()}
    plain = tiers(rows, seed)
    for row, standing in tiers(scaled, seed).items():
        assert standing.ratio_to_best.value == pytest.approx(plain[row].ratio_to_best.value)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 2**32))
def test_a_floor_above_every_difference_leaves_one_tier(rows: dict[str, Slices], seed: int) -> None:
    assert {standing.tier for standing in tiers(rows, seed, floor=1e13).values()} == {1}


# Student's t, and variances


def test_students_t_is_that_of_the_tables() -> None:
    assert [round(quantile(0.95, freedom), 3) for freedom in (1, 2, 4, 10, 30, 1e6)] == [
        12.706, 4.303, 2.776, 2.228, 2.042, 1.960,
    ]  # fmt: skip
    assert two_sided(0.0, 4) == 1
    assert two_sided(2.776445, 4) == pytest.approx(0.05, abs=1e-6)
    assert two_sided(-13.0337, 4) == pytest.approx(0.0002, rel=1e-3)


def test_holms_adjustment_by_hand() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert adjusted([]) == []


def test_a_variance_borrows_from_the_others_as_much_as_they_are_alike() -> None:
    random = np.random.default_rng(3)
    alike = moderated([Variance(float(random.chisquare(4)) / 4, 4.0) for _ in range(200)])
    assert all(0.7 < variance.value < 1.3 for variance in alike)
    assert {variance.freedom for variance in alike} == {20.0}
    scales = np.exp(random.normal(0, 3, 200))
    unlike = moderated([Variance(float(random.chisquare(4)) / 4 * scale, 4.0) for scale in scales])
    assert all(4 < variance.freedom < 6 for variance in unlike)
    two = [Variance(1.0, 4.0), Variance(2.0, 4.0)]
    assert moderated(two) == two
