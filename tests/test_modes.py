"""Two modes: synthetic slices with a known truth, and what the modes go with."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from crossloop.bench.cells import cells_of
from crossloop.bench.stages import Comparison, Row
from crossloop.journal import MeasuredRow, Mode, Modes, SliceRecord
from crossloop.report import ScenarioTexts
from crossloop.report.modes import mode_lines
from crossloop.statistics import Floats
from crossloop.statistics.modes import LEAST, LEVELS, OTHERS, Slice, two_modes, usual
from tests import journals
from tests.own_suite import SUITE

Generator = np.random.Generator
SHAPES: Mapping[str, Callable[[Generator, int], Floats]] = {
    "normal": lambda random, n: random.normal(0, 0.3, n),
    "heavy-tailed": lambda random, n: 0.1 * random.standard_t(3, n),
    "skewed": lambda random, n: random.exponential(0.3, n),
    "flat": lambda random, n: random.random(n),
    "disturbed": lambda random, n: random.normal(0, 0.05, n) + (random.random(n) < 0.1) * random.random(n),
}
"""One mode each, on logarithms; spread so far that the least ratio of two modes keeps nobody from being split."""


def slices(logs: Sequence[float] | Floats, per_generation: int = 1000) -> list[Slice]:
    return [
        Slice(index // per_generation, index % per_generation, math.exp(value), {})
        for index, value in enumerate(logs)
    ]


# One mode is one


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", [9, 50])
def test_one_mode_is_seldom_split(shape: str, number: int) -> None:
    random = np.random.default_rng(5)
    draws = 200
    split = sum(two_modes(slices(SHAPES[shape](random, number)), 1) is not None for _draw in range(draws))
    assert split <= 0.05 * draws + 2 * math.sqrt(0.05 * 0.95 * draws)


@pytest.mark.parametrize(
    "logs",
    [
        [0.0] * 4 + [1.0] * 4,  # too few to judge
        [0.0] * 48 + [1.0] * 2,  # two that were disturbed
        [0.01 * (index % 3) for index in range(25)]
        + [0.05 + 0.01 * (index % 3) for index in range(25)],  # close
    ],
)
def test_what_is_no_second_mode_is_none(logs: Sequence[float]) -> None:
    assert two_modes(slices(logs), 1) is None


# Two modes are two


def bimodal(share: float, number: int = 51, ratio: float = 1.5, seed: int = 3) -> list[float]:
    random = np.random.default_rng(seed)
    low = round(number * share)
    place = np.array([0.0] * low + [math.log(ratio)] * (number - low))
    return list(place + random.normal(0, 0.03, number))


@pytest.mark.parametrize("share", [0.5, 0.65, 0.25])
def test_two_modes_are_found_with_their_places_and_shares(share: float) -> None:
    two = two_modes(slices(bimodal(share)), 1)
    assert two is not None
    assert two.low.value == pytest.approx(1, rel=0.03)
    assert two.high.value == pytest.approx(1.5, rel=0.03)
    assert two.low.slices == round(51 * share)
    assert two.high.slices == 51 - round(51 * share)
    assert two.chance in LEVELS


def test_the_fewest_slices_that_are_judged_suffice_for_clear_halves() -> None:
    logs = [0.0, 0.002, 0.003, 0.005, 0.7, 0.702, 0.703, 0.704, 0.705]
    assert len(logs) == LEAST
    assert two_modes(slices(logs), 1) is not None


def test_order_and_unit_do_not_matter() -> None:
    given_slices = slices(bimodal(0.5), per_generation=17)
    two = two_modes(given_slices, 1)
    assert two == two_modes(given_slices[::-1], 1)
    scaled = two_modes([slice_._replace(value=slice_.value * 8) for slice_ in given_slices], 1)
    assert two is not None
    assert scaled is not None
    assert scaled.explained_by == two.explained_by
    assert scaled.high.value == pytest.approx(8 * two.high.value)


# What they go with


def mixed(
    label: Callable[[int, int], bool], conditions: Callable[[int, int, bool], dict[str, float]] | None = None
) -> list[Slice]:
    """Six generations of nine rounds; *label* says which are of the high mode."""
    random = np.random.default_rng(9)
    drawn = []
    for generation in range(6):
        for turn in range(9):
            high = label(generation, turn)
            value = (9.0 if high else 6.0) * math.exp(random.normal(0, 0.03))
            noise = {name: random.random() for name in ("server_share", "steal_share", OTHERS)}
            given_ones = conditions(generation, turn, high) if conditions is not None else {}
            drawn.append(Slice(generation, turn, value, {**noise, **given_ones}))
    return drawn


def shuffled(generation: int, turn: int) -> bool:
    return bool(np.random.default_rng(100 * generation + turn).random() < 0.5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (mixed(shuffled), ()),
        (mixed(lambda generation, _turn: generation in (1, 4, 5)), ("process",)),
        (mixed(lambda _generation, turn: turn > 4), ("age",)),
        (
            mixed(shuffled, lambda _g, turn, high: {"operations_per_sleep": 40.0 + turn if high else turn}),
            ("regime",),
        ),
        (mixed(shuffled, lambda _g, turn, high: {OTHERS: 1.4 if high else 1 + turn / 100}), ("machine",)),
        (
            mixed(
                lambda generation, _turn: generation < 3,
                lambda _g, turn, high: {"server_share": high + turn / 10},
            ),
            ("process", "regime"),
        ),
    ],
    ids=["nothing", "process", "age", "regime", "machine", "both"],
)
def test_modes_go_with_what_they_were_made_with(given: list[Slice], expected: tuple[str, ...]) -> None:
    modes = two_modes(given, 1)
    assert modes is not None
    assert modes.explained_by == expected


def test_how_the_other_rows_were_is_their_median_each_in_its_own_measure() -> None:
    row = [(0, 0, 10.0), (0, 1, 10.0), (0, 2, 15.0)]
    assert usual({}) == {}
    assert usual({"a": row, "b": row, "c": [(0, 2, 4.0), (0, 1, 4.0), (0, 0, 4.0)]}) == {
        (0, 0): 1, (0, 1): 1, (0, 2): 1.5
    }  # fmt: skip


# From slices to the report


def test_a_cell_keeps_its_modes_and_a_line_says_them() -> None:
    scenario = SUITE.scenarios["tcp-echo"]
    row = Row("asyncio", "protocol")
    comparison = Comparison(scenario, {"size": 1024, "connections": 10}, (row,), 9, ())
    taken = [
        SliceRecord(
            row.adapter, row.style, "tcp-echo", {"size": 1024, "connections": 10}, "capacity", generation, turn,
            operations=1000 + turn, elapsed_ns=10_000_000, cpu_ns=6_000_000 + 3_000_000 * (generation == 1),
            load_cpu_ns=5_000_000, sleeps=20 if generation == 1 else 400,
        )
        for generation in range(3)
        for turn in range(9)
    ]  # fmt: skip
    (cell,) = cells_of(comparison, taken, {}, seed=1)
    assert cell.figures is not None
    (modes,) = cell.figures.modes
    assert (modes.figure, modes.low.slices, modes.high.slices) == ("cpu_ns_per_operation", 18, 9)
    assert modes.explained_by == ["process", "regime"]
    (line,) = mode_lines([MeasuredRow("asyncio", "protocol", cell.figures)], journals.ABOUT["tcp-echo"])
    assert line == (
        "**Two modes** of `asyncio (protocol)`: 5.98 µs of CPU per message in 67 %, 8.96 µs of CPU per message in 33 % "
        "of 27 slices (one mode looks so in fewer than 0.10 % of cases). They go with the process (each generation is "
        "in one of them); with who was the limit (subject's CPU 0.600 and 0.900, load's CPU 0.500 and 0.500, messages "
        "per sleep 2.51 and 50.2)."
    )


def test_a_row_with_one_mode_has_no_line_and_unknown_conditions_are_not_shown() -> None:
    plain = MeasuredRow("asyncio", "native", journals.figures(6.0))
    assert mode_lines([plain], ScenarioTexts("x")) == ()
    modes = Modes("operations_per_s", Mode(1e5, 20, {"odd": 1}), Mode(2e5, 31), 0.05, [])
    odd = MeasuredRow("asyncio", "native", journals.figures(6.0, modes=[modes]))
    assert mode_lines([odd], ScenarioTexts("x")) == (
        "**Two modes** of `asyncio`: 100,000 operations/s in 39 %, 200,000 operations/s in 61 % of 51 slices (one mode "
        "looks so in fewer than 5.0 % of cases). Nothing that was recorded tells them apart (no condition was "
        "recorded).",
    )
