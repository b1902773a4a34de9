"""How long a run goes on: plans cut to a budget, shares of it, when to stop, and what is said of that."""

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crossloop.bench.cells import comparison_record
from crossloop.bench.execution import Bench
from crossloop.bench.length import (
    FIXED,
    Length,
    allowance_s,
    described,
    fitted,
    least,
    length_of,
    settings_of,
)
from crossloop.bench.past import Past
from crossloop.bench.plan import Plan
from crossloop.bench.profiles import PROFILES
from crossloop.bench.site import Conditions
from crossloop.journal import (
    ComparisonRecord,
    EndRecord,
    Estimate,
    JournalWriter,
    Record,
    SliceRecord,
    read_journal,
)
from crossloop.outcomes import Measured
from crossloop.statistics import GENERATIONS_TO_STOP, half_width, paired_ratio, precise
from crossloop.supervise.probe import Probed, probe_all
from tests import journals
from tests.own_suite import SUITE
from tests.pages import text_of
from tests.plans import planned
from tests.test_bench import crossloop, records
from tests.test_control import comparison, slices


def plan(profile: str = "standard", *scenarios: str) -> Plan:
    wanted = [SUITE.scenarios[name] for name in scenarios or ("tcp-echo", "timers")]
    rows = {scenario.id: ("native",) for scenario in wanted}
    levels = {"StreamServer": ("native",), "Readiness": ("native",)}
    probed = [
        Probed(SUITE.adapters[name], Measured(), levels=levels, rows=rows) for name in ("asyncio", "epoll")
    ]
    return planned(profile, wanted, probed)


def rounds(whole: Plan) -> list[int]:
    return [comparison.rounds for stage in whole.stages for comparison in stage.comparisons]


# Pure


def test_smoke_has_fixed_rounds_unless_somebody_asks() -> None:
    smoke = plan("smoke")
    assert length_of(smoke, None, None) == FIXED
    assert length_of(smoke, 7, None) == Length(420, PROFILES["smoke"].precision)
    assert length_of(smoke, None, 2) == Length(2 * smoke.seconds, 0.02, keeps_plan=True)
    assert length_of(smoke, 7, 0.5) == Length(420, 0.005)


def test_quick_gives_rounds_to_wide_intervals_and_ends_in_time_whatever_is_chosen() -> None:
    quick = plan("quick")
    longest = PROFILES["quick"].longest_s
    assert 3 * quick.seconds < longest
    assert length_of(quick, None, None).budget_s == pytest.approx(3 * quick.seconds)
    many = replace(quick, stages=quick.stages * 100)
    assert length_of(many, None, None).budget_s == longest
    assert fitted(many, length_of(many, None, None)).seconds < many.seconds


def test_longer_profiles_add_a_part_of_their_own_time() -> None:
    standard = plan("standard")
    length = length_of(standard, None, None)
    assert length.budget_s == pytest.approx(1.25 * standard.seconds)
    assert length.precision == 0.01


def test_a_plan_is_cut_to_its_budget_and_not_below_what_can_tell_rows_apart() -> None:
    whole = plan()
    assert fitted(whole, FIXED) is whole
    assert fitted(whole, Length(whole.seconds + 1, 0.01)) is whole
    half = fitted(whole, Length(whole.seconds / 2, 0.01))
    assert 0.4 * whole.seconds < half.seconds <= whole.seconds / 2
    assert all(2 <= cut <= full for cut, full in zip(rounds(half), rounds(whole), strict=True))
    assert set(rounds(least(whole))) == {2}, "five generations of two make the six pairs that it takes"
    assert set(rounds(least(plan("smoke")))) == {1, 2} & set(rounds(plan("smoke"))), (
        "never more than the plan"
    )
    assert fitted(whole, Length(1, 0.01)).seconds == least(whole).seconds > 1


def test_ladders_are_not_cut() -> None:
    wanted = [SUITE.scenarios["c10k"]]
    probed = [
        Probed(
            SUITE.adapters["epoll"],
            Measured(),
            levels={"StreamServer": ("native",)},
            rows={"c10k": ("native",)},
        )
    ]
    climbing = planned("standard", wanted, probed)
    assert rounds(least(climbing)) == rounds(climbing)


def test_what_one_stage_leaves_goes_to_the_others() -> None:
    first, second = plan().stages
    assert allowance_s(FIXED, 5, [first, second]) == math.inf
    length = Length(100, 0.01)
    share = first.seconds / (first.seconds + second.seconds)
    assert allowance_s(length, 0, [first, second]) == pytest.approx(100 * share)
    assert allowance_s(length, 30, [second]) == pytest.approx(70)
    assert allowance_s(length, 130, [second]) == 0


def test_what_is_printed_and_recorded() -> None:
    assert described(FIXED) == ""
    assert described(Length(90, 0.025)) == (
        ", then on until each ratio to the leanest is known within ± 2.5 %, or 1.5 minutes are spent"
    )
    assert settings_of(None, None) == {}
    assert settings_of(2, 1.5) == {"budget-minutes": 2, "precision-percent": 1.5}


def ratio(half: float, *, pairs: int = 60, generations: int = 5) -> Estimate:
    return Estimate(1.5, 1.5 / (1 + half), 1.5 * (1 + half), pairs, generations)


def test_when_ratios_are_precise() -> None:
    assert precise([], 0.01)
    assert precise([ratio(0.0099), ratio(0.002)], 0.01)
    assert not precise([ratio(0.0099), ratio(0.0101)], 0.01)
    assert not precise([ratio(0.001, pairs=5)], 0.01)
    assert not precise([ratio(0.001, generations=GENERATIONS_TO_STOP - 1)], 0.01)


@pytest.mark.parametrize(
    ("precision", "stopped"),
    [(None, "rounds"), (0.5, "budget")],
    ids=["fixed", "three generations are too few"],
)
def test_why_a_comparison_stopped(precision: float | None, stopped: str) -> None:
    record = comparison_record(
        comparison(), slices({"asyncio": 8000, "uvloop": 6000}), {}, 1, None, precision
    )
    assert (record.stopped, record.precision) == (stopped, precision)
    assert record.half_width is not None
    assert 0.0005 < record.half_width < 0.01


def test_a_comparison_of_five_generations_stops_when_it_is_precise() -> None:
    taken = slices({"asyncio": 8000, "uvloop": 6000})
    more = [msgspec.structs.replace(slice_, generation=slice_.generation + 3) for slice_ in taken]
    for precision, stopped in ((0.01, "precise"), (0.0001, "budget")):
        assert comparison_record(comparison(), [*taken, *more], {}, 1, None, precision).stopped == stopped


@pytest.mark.parametrize(
    ("effect_ratio", "lowest"), [(0.0, 0.93), (1.0, 0.87), (3.0, 0.74)], ids=["k=0", "k=1", "k=3"]
)
def test_intervals_that_stopped_the_run_cover_the_truth(effect_ratio: float, lowest: float) -> None:
    """Generations are added until the interval is as narrow as that of six of them is on average."""
    noise, per_generation, runs = 0.01, 20, 150
    median_error = 1.2533 * noise / math.sqrt(per_generation)
    wanted = math.expm1(1.96 * median_error * math.sqrt(1 + effect_ratio**2) / math.sqrt(6))
    covered, generations = 0, []
    for seed in range(runs):
        ratio, taken = _stopped(seed, wanted, effect_ratio * median_error, noise, per_generation)
        covered += ratio.low <= 1 <= ratio.high
        generations.append(taken)
    assert min(generations) == GENERATIONS_TO_STOP
    assert max(generations) > GENERATIONS_TO_STOP, "or nothing was decided by the interval"
    assert covered >= lowest * runs


def _stopped(
    seed: int, wanted: float, between: float, noise: float, per_generation: int
) -> tuple[Estimate, int]:
    random = np.random.default_rng(seed)
    a: list[tuple[int, int, float]] = []
    for generation in range(20):
        effect = random.normal(0, between)
        a += [
            (generation, turn, math.exp(effect + random.normal(0, noise))) for turn in range(per_generation)
        ]
        if generation + 1 >= GENERATIONS_TO_STOP:
            ratio = paired_ratio(a, [(generation, turn, 1.0) for generation, turn, _value in a], seed, 200)
            if precise([ratio], wanted):
                break
    assert half_width(ratio) <= wanted or generation == 19
    return ratio, generation + 1


# From the command line to the report


def test_a_run_goes_on_until_its_budget_is_spent_and_says_so(tmp_path: Path) -> None:
    """No interval is as narrow as a millionth: generations are added until the time is over."""
    arguments = [
        "bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "tcp-echo",
        "--precision", "0.0001", "--out", str(tmp_path),
    ]  # fmt: skip
    done = crossloop(*arguments, "--budget", "0.1")
    assert done.returncode == 0, done.stderr
    (comparison_,) = records(tmp_path, "comparison")
    assert comparison_["stopped"] == "budget"
    assert comparison_["generations"] > PROFILES["smoke"].generations
    assert comparison_["rounds"] > PROFILES["smoke"].headline_rounds
    assert {slice_["generation"] for slice_ in records(tmp_path, "slice")} == set(
        range(comparison_["generations"])
    )
    page = (tmp_path / "scenarios" / "tcp-echo.md").read_text()
    assert (
        f"Stopped after {comparison_['rounds']} rounds in {comparison_['generations']} generations, when the time was"
        in page
    )
    assert "In 1 of 1 comparisons the time was spent before" in (tmp_path / "doubts.md").read_text()
    other = crossloop(*arguments, "--budget", "0.2", "--resume")
    assert other.returncode == 2
    assert "was begun with settings" in other.stderr


def test_a_run_ends_when_its_intervals_are_narrow(tmp_path: Path) -> None:
    """Within ± 90 % everything is known as soon as there are generations enough; the budget is not spent."""
    scenario = SUITE.scenarios["tcp-echo"]
    probed = list(probe_all(SUITE, {"asyncio": SUITE.adapters["asyncio"]}, {scenario.id: scenario}))
    smoke = planned("smoke", [scenario], probed)
    whole = bench(tmp_path / "run.jsonl", smoke, Past())
    (concluded,) = (record for record in whole if isinstance(record, ComparisonRecord))
    assert (concluded.stopped, concluded.generations) == ("precise", GENERATIONS_TO_STOP)

    # Had it been interrupted before its last generation, it would have taken another generation and no more.
    taken = [record for record in whole if isinstance(record, SliceRecord)]
    last = max(slice_.generation for slice_ in taken)
    kept = tuple(slice_ for slice_ in taken if slice_.generation < last)
    again = bench(tmp_path / "again.jsonl", smoke, Past(slices=kept))
    (fresh,) = {record.generation for record in again if isinstance(record, SliceRecord)}
    assert fresh >= last, "processes that are new have a number that is"
    (concluded,) = (record for record in again if isinstance(record, ComparisonRecord))
    assert (concluded.stopped, concluded.generations) == ("precise", GENERATIONS_TO_STOP)


def bench(path: Path, smoke: Plan, past: Past) -> list[Record]:
    """What a run within ± 90 % writes that has *past* behind it."""
    with JournalWriter(path) as journal:
        journal.write(journals.run_record())
        Bench(
            SUITE,
            smoke,
            journal,
            conditions=Conditions(None, None),
            seed=1,
            past=past,
            length=Length(3600, 0.9),
            evidence=False,
        ).run()
    return read_journal(path)


def test_a_budget_that_holds_nothing_is_refused_with_the_least_that_would(tmp_path: Path) -> None:
    done = crossloop("bench", "--adapters", "epoll", "--budget", "0.01", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "crossloop: --budget 0.01: this selection takes" in done.stderr
    assert not (tmp_path / "run.jsonl").exists()


def test_the_page_says_why_a_comparison_stopped() -> None:
    parameters: dict[str, int | float | bool | str] = {"size": 64}
    stops = [
        ComparisonRecord("tcp-echo", parameters, 60, 6, None, None, "precise", 0.0082, 0.01),
        ComparisonRecord("tcp-echo", {"size": 65}, 90, 9, None, None, "budget", 0.023, 0.01),
        ComparisonRecord("tcp-echo", {"size": 66}, 30, 3, None, None, "rounds", 0.02),
    ]
    cells = [
        journals.measured("asyncio", "tcp-echo", journals.figures(6.8), style="protocol", size=size)
        for size in (64, 65, 66)
    ]
    head = journals.run_record(scenarios=("tcp-echo",))
    page = text_of([head, *stops, *cells, EndRecord(1, {})], journals.ABOUT)
    assert (
        "Stopped after 60 rounds in 6 generations, when each ratio to the leanest was known within ± 1.0 %; "
        "the widest interval is ± 0.82 %."
    ) in page
    assert (
        "Stopped after 90 rounds in 9 generations, when the time was spent; the widest interval is ± 2.3 %, "
        "where ± 1.0 % was asked for."
    ) in page
    assert page.count("Stopped after") == 2
    assert "In 1 of 2 comparisons the time was spent before each ratio to the leanest was known" in page
