"""The A/A control: who runs twice, what the twins show, what follows for tiers, and how it is shown."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from crossloop.bench.cells import cells_of, comparison_record
from crossloop.bench.execution import highest_floor
from crossloop.bench.stages import Comparison, Row
from crossloop.bench.variants import Twin
from crossloop.journal import ComparisonRecord, Control, EndRecord, Estimate, Record, SliceRecord
from crossloop.outcomes import Crashed, Measured, Outcome
from crossloop.supervise.probe import Probed
from tests import journals
from tests.own_suite import SUITE
from tests.pages import text_of
from tests.plans import planned

ECHO = SUITE.scenarios["tcp-echo"]
PARAMETERS: dict[str, int | float | bool | str] = {"size": 1024, "connections": 50}
ASYNCIO, OTHER = Row("asyncio", "protocol"), Row("uvloop", "protocol")


def probed(name: str, *styles: str, scenario: str = "tcp-echo") -> Probed:
    level = SUITE.scenarios[scenario].about.levels[0]
    return Probed(SUITE.adapters[name], Measured(), levels={level: styles}, rows={scenario: styles})


def slices(costs: Mapping[str, float], *, rounds: int = 20, noise: float = 0.004) -> list[SliceRecord]:
    """Slices of rows that cost so many ns an operation, with normal *noise* and a drift common to a round."""
    draw = random.Random(1)
    taken = []
    for generation in range(3):
        for turn in range(rounds):
            drift = draw.gauss(1, 0.1)
            for name, cost_ns in costs.items():
                cpu_ns = int(1000 * cost_ns * drift * draw.gauss(1, noise))
                taken.append(slice_record(name, generation, turn, cpu_ns))
    return taken


def slice_record(name: str, generation: int, turn: int, cpu_ns: int, **more: Any) -> SliceRecord:
    values: dict[str, Any] = {"phase": "capacity", "operations": 1000, "elapsed_ns": 10**8, **more}
    return SliceRecord(
        adapter=name, style="protocol", scenario="tcp-echo", parameters=PARAMETERS, generation=generation,
        round=turn, cpu_ns=cpu_ns, **values,
    )  # fmt: skip


def comparison(control: Row | None = ASYNCIO) -> Comparison:
    return Comparison(ECHO, PARAMETERS, (ASYNCIO, OTHER), 20, (), control)


# Who runs twice


def test_one_row_runs_twice_in_its_first_style() -> None:
    adapters = [probed("poll", "native"), probed("asyncio", "protocol", "streams")]
    (stage,) = planned("quick", [ECHO], adapters).stages
    headline = stage.comparisons[0]
    assert headline.control == ASYNCIO
    assert headline.twin == Row("asyncio@twin", "protocol")
    assert headline.twin not in headline.rows
    assert headline.measured == (*headline.rows, headline.twin)
    assert stage.rows[: len(headline.measured)] == headline.measured
    assert stage.variants == {"asyncio@twin": Twin()}
    assert headline.slices_per_round == 4 * 2


@pytest.mark.parametrize(
    ("names", "control"),
    [(("poll", "select"), "poll"), (("asyncio", "epoll"), "epoll"), (("asyncio", "kqueue"), "kqueue")],
)
def test_a_model_comes_before_asyncio_and_without_either_the_first_row_does(
    names: tuple[str, str], control: str
) -> None:
    (stage,) = planned("quick", [ECHO], [probed(name, "native") for name in names]).stages
    assert stage.comparisons[0].control == Row(control, "native")


@pytest.mark.parametrize(("profile", "controlled"), [("quick", 1), ("standard", 9), ("full", 9)])
def test_where_a_profile_has_controls(profile: str, controlled: int) -> None:
    (stage,) = planned(profile, [ECHO], [probed("asyncio", "protocol")]).stages
    have = [comparison.control is not None for comparison in stage.comparisons]
    assert have[0]
    assert sum(have) == min(controlled, len(have)) or (controlled > 1 and all(have))


@pytest.mark.parametrize(("profile", "controlled"), [("smoke", False), ("quick", False), ("standard", True)])
def test_a_ladder_is_climbed_twice_only_where_its_rungs_can_be_told_apart(
    profile: str, controlled: bool
) -> None:
    c10k = SUITE.scenarios["c10k"]
    (stage,) = planned(profile, [c10k], [probed("asyncio", "protocol", scenario="c10k")]).stages
    assert {comparison.control is not None for comparison in stage.comparisons} == {controlled}


# Figures of slices


@pytest.mark.parametrize(("ticks", "share"), [(24, None), (25, 0.4)])
def test_user_time_is_told_from_system_time_from_25_ticks_on(ticks: int, share: float | None) -> None:
    split = {"user_ns": ticks * 2_000_000, "system_ns": ticks * 3_000_000}
    taken = [
        slice_record("asyncio", 0, 0, 10**8, **split),
        slice_record("asyncio", 0, 1, 10**8),
        slice_record("asyncio", 0, 2, 10**8, **split),
    ]
    (cell,) = cells_of(Comparison(ECHO, PARAMETERS, (ASYNCIO,), 3, ()), taken, {}, 1)
    assert cell.figures is not None
    assert cell.figures.user_share == share


# What the twins show


def test_the_floor_is_the_farther_end_of_the_twins_interval() -> None:
    taken = slices({"asyncio": 8000, "asyncio@twin": 8000, "uvloop": 6000})
    record = comparison_record(comparison(), taken, {}, 1)
    assert record.control is not None
    ratio = record.control.ratio
    assert (ratio.slices, ratio.generations, record.rounds, record.generations) == (60, 3, 60, 3)
    assert ratio.low < 1 < ratio.high
    assert record.noise_floor is not None
    assert record.noise_floor == pytest.approx(max(1 / ratio.low, ratio.high) - 1)
    assert 0 < record.noise_floor < 0.01


def test_twins_that_differ_raise_the_floor_to_what_they_differ_by() -> None:
    taken = slices({"asyncio": 8000, "asyncio@twin": 8240, "uvloop": 6000})
    record = comparison_record(comparison(), taken, {}, 1)
    assert record.noise_floor is not None
    assert 0.03 < record.noise_floor < 0.04


def test_rows_within_the_floor_tie_and_the_twin_is_no_cell() -> None:
    taken = slices({"asyncio": 8080, "asyncio@twin": 8080, "uvloop": 8000})
    tiers = [
        [cell.figures.tier for cell in cells_of(comparison(), taken, {}, 1, floor=floor) if cell.figures]
        for floor in (0.0, 0.03)
    ]
    assert tiers == [[2, 1], [1, 1]]
    assert [cell.adapter for cell in cells_of(comparison(), taken, {}, 1)] == ["asyncio", "uvloop"]


def test_a_twin_that_is_leanest_is_nobodys_measure() -> None:
    taken = slices({"asyncio": 8000, "asyncio@twin": 4000, "uvloop": 6000})
    cells = {cell.adapter: cell.figures for cell in cells_of(comparison(), taken, {}, 1)}
    assert cells["uvloop"] is not None
    assert (cells["uvloop"].tier, cells["uvloop"].ratio_to_best.value) == (1, 1.0)
    assert comparison_record(comparison(), taken, {}, 1).half_width == pytest.approx(0.0015, abs=0.001)


def test_a_floor_takes_six_pairs_and_is_the_headlines_where_there_are_fewer() -> None:
    few = slices({"asyncio": 8000, "asyncio@twin": 8000}, rounds=1)
    record = comparison_record(comparison(), few, {}, 1)
    assert record.control is not None
    assert (record.control.ratio.slices, record.noise_floor) == (3, None)
    assert comparison_record(comparison(), few, {}, 1, 0.02).noise_floor == 0.02
    without = comparison_record(comparison(None), few, {}, 1, 0.02)
    assert (without.control, without.noise_floor) == (None, 0.02)


@pytest.mark.parametrize("failed", [ASYNCIO, Row("asyncio@twin", "protocol")], ids=str)
def test_no_control_where_one_of_the_two_failed(failed: Row) -> None:
    taken = slices({"asyncio": 8000, "asyncio@twin": 8000})
    failures: dict[Row, Outcome] = {failed: Crashed("ended by SIGSEGV")}
    assert comparison_record(comparison(), taken, failures, 1).control is None


def test_no_control_where_the_two_share_no_round_with_an_answer() -> None:
    taken = [slice_record("asyncio", 0, 0, 1), slice_record("asyncio@twin", 0, 0, 1, operations=0)]
    assert comparison_record(comparison(), taken, {}, 1).control is None


def test_slices_at_offered_rates_are_no_part_of_the_control() -> None:
    taken = slices({"asyncio": 8000, "asyncio@twin": 8000})
    rates = [
        slice_record("asyncio@twin", slice_.generation, slice_.round, 10**9, phase="rate:common")
        for slice_ in taken
    ]
    assert comparison_record(comparison(), taken, {}, 1) == comparison_record(
        comparison(), [*taken, *rates[::2]], {}, 1
    )


def ratio(low: float, value: float, high: float, pairs: int = 60) -> Estimate:
    return Estimate(value, low, high, pairs, 3)


def record(ratio: Estimate | None, floor: float | None, **parameters: int) -> ComparisonRecord:
    control = None if ratio is None else Control("asyncio", "protocol", ratio)
    return ComparisonRecord("tcp-echo", {**parameters}, 20, 3, control, floor)


def test_the_runs_floor_is_that_of_its_noisiest_comparison() -> None:
    noisy = ratio(0.95, 0.99, 1.01)
    assert (
        highest_floor([record(ratio(0.99, 1.0, 1.02), 0.02), record(noisy, 0.05), record(None, 0.05)])
        == noisy
    )
    assert highest_floor([record(None, None)]) is None


# How it is shown


def page(*records: Record) -> str:
    cells = [
        journals.measured("asyncio", "tcp-echo", journals.figures(6.8), style="protocol", size=size)
        for size in (64, 1024)
    ]
    head = journals.run_record(scenarios=("tcp-echo",))
    return text_of([head, *records, *cells, EndRecord(1, {})], journals.ABOUT)


def test_the_page_says_who_ran_twice_and_what_follows() -> None:
    shown = page(record(ratio(0.994, 1.002, 1.008), 0.008, size=64), record(None, 0.008, size=1024))
    assert (
        "A/A control: asyncio (protocol) ran twice, in processes of its own. Twin ÷ itself: 1.002 (0.994–1.008), "
        "60 pairs in 3 generations. Noise floor 0.80 %: rows nearer than that are tied."
    ) in shown
    assert (
        "Noise floor 0.80 %, that of the scenario's main parameter set: rows nearer than that are tied."
        in shown
    )
    assert "**Noise floor: 0.80 %.** In 1 comparison one row ran twice" in shown
    assert "The smallest control has" not in shown
    assert "asyncio@twin" not in shown


def test_the_page_says_when_pairs_are_few_or_too_few() -> None:
    few = page(
        record(ratio(0.97, 1.002, 1.03, 9), 0.031, size=64), record(ratio(0.9, 1, 1.1, 12), 0.111, size=1024)
    )
    assert "**Noise floor: 3.1 % to 11 %, by table.** In 2 comparisons" in few
    assert "The smallest control has 9 pairs of slices: with so few the floor is wide" in few
    none = page(record(ratio(0.99, 1, 1.01, 2), None, size=64))
    assert (
        "**Noise floor: not known.** One row of each comparison ran twice (A/A control), for 2 pairs" in none
    )
    assert "1.000 (0.990–1.010), 2 pairs in 3 generations. Too few for a noise floor, which takes 6." in none
