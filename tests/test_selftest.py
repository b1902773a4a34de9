"""The self-test: what is injected, how it is counted and judged, and one small run of it."""

import math
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from crossloop.bench.detection import (
    Injection,
    Line,
    detected,
    doubts,
    injections,
    lines,
    shortfalls,
)
from crossloop.bench.loading import LoadEngine
from crossloop.bench.profiles import Pace
from crossloop.bench.selftest import SelfTest, Trial
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Row
from crossloop.bench.variants import Slowed
from crossloop.cli import selftesting
from crossloop.cli.exits import DONE, FALSE, INTERRUPTED, StopError
from crossloop.cli.selftesting import Request, Session
from crossloop.journal import DetectionRecord, Estimate, SliceRecord, read_journal
from crossloop.statistics import noise_floor, paired_ratio, wilson
from tests.own_suite import SUITE
from tests.plans import echo_of
from tests.test_bench import crossloop

ROW = Row("asyncio", "protocol")


# What is injected


def test_turns_that_are_worth_what_was_asked() -> None:
    injected = injections(8000, 10, (0.0, 0.01, 0.05))
    assert [injection.variant for injection in injected] == [
        Slowed("slow-0", 0),
        Slowed("slow-1", 8),
        Slowed("slow-5", 40),
    ]
    assert [injection.worth for injection in injected] == pytest.approx([0, 0.01, 0.05])
    coarse = injections(8000, 60, (0.01,))
    assert coarse[0].variant.iterations == 1
    assert coarse[0].worth == pytest.approx(0.0075), "what is injected is said, not what was asked for"


@pytest.mark.parametrize("turn_ns", [0.0, -3.0, math.nan, math.inf])
def test_a_loop_that_cannot_be_told_from_nothing_is_refused(turn_ns: float) -> None:
    with pytest.raises(ValueError, match="a turn of the loop took"):
        injections(8000, turn_ns, (0.01,))


def test_turns_too_coarse_to_tell_two_slowdowns_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="too coarse"):
        injections(8000, 1000, (0.0, 0.01, 0.02))


# How it is counted


def synthetic(seed: int, slowdown: float, *, noise: float = 0.012, between: float = 0.003) -> DetectionRecord:
    """One comparison of a row that is slower by *slowdown*: five generations of 18 rounds."""
    draw = random.Random(seed)

    def row(truth: float) -> list[tuple[int, int, float]]:
        return [
            (generation, turn, math.exp(math.log1p(truth) + effect + draw.gauss(0, noise)))
            for generation in range(5)
            for effect in [draw.gauss(0, between)]
            for turn in range(18)
        ]

    base, twin, slow = row(0), row(0), row(slowdown)
    ratios = [paired_ratio(values, base, seed, 300) for values in (slow, twin)]
    return detected(Row(f"asyncio@slow-{100 * slowdown:g}", "protocol"), seed, ratios[0], ratios[1])


def test_known_slowdowns_are_found_and_nothing_is_not() -> None:
    """Synthetic slices with a known truth, through the rule, the counting and the verdict."""
    injected = injections(8000, 8, (0.0, 0.02, 0.05))
    counted = lines(
        injected, [synthetic(seed, injection.wanted) for injection in injected for seed in range(100)]
    )
    assert [counts.trials for counts in counted] == [100, 100, 100]
    same, two, five = counted
    assert same.false <= 1
    assert two.slower >= 95
    assert (five.slower, two.leaner, five.leaner) == (100, 0, 0)
    assert two.found_as == pytest.approx(0.02, abs=0.002)
    assert two.spread == pytest.approx(0.0025, abs=0.0012)
    assert shortfalls(counted) == []
    assert doubts(counted) == []


def test_noise_as_large_as_the_slowdown_falls_short() -> None:
    injected = injections(8000, 8, (0.0, 0.02))
    counted = lines(
        injected,
        [synthetic(seed, injection.wanted, noise=0.06) for injection in injected for seed in range(40)],
    )
    (reason,) = shortfalls(counted)
    assert reason.startswith("2% slower was found in ")
    assert reason.endswith(" of 40 comparisons, 38 are asked for")


def test_what_was_not_injected_as_asked_is_doubted() -> None:
    injected = injections(8000, 8, (0.0, 0.02))
    records = [
        DetectionRecord(
            "asyncio@slow-2", "protocol", number, Estimate(1.012, 1, 1.02, 90, 5), 0.01, False, False
        )
        for number in range(10)
    ]
    assert doubts(lines(injected, records)) == [
        "2.00% was injected and 1.20% found: the loop costs here what it did not in the calibration"
    ]
    assert doubts(lines(injected, records[:9])) == [], "of few comparisons that is noise"


def line(wanted: float, trials: int, slower: int, leaner: int = 0) -> Line:
    return Line(Injection(wanted, wanted, Slowed(f"slow-{wanted}", 1)), trials, slower, leaner, wanted, 0.003)


@pytest.mark.parametrize(
    ("same", "two", "reasons"),
    [
        (line(0.0, 100, 1), line(0.02, 100, 95), 0),
        (line(0.0, 100, 1, 1), line(0.02, 100, 95), 1),  # both directions are false
        (line(0.0, 100, 0), line(0.02, 100, 94), 1),
        (line(0.0, 100, 2), line(0.02, 100, 94), 2),
        (line(0.0, 30, 1), line(0.02, 30, 29), 0),
        (line(0.0, 30, 2), line(0.02, 30, 28), 2),
        (line(0.0, 400, 4), line(0.02, 400, 380), 0),
        (line(0.0, 400, 5), line(0.02, 400, 380), 1),
        (line(0.0, 0, 0), line(0.02, 0, 0), 0),
    ],
)
def test_the_verdict(same: Line, two: Line, reasons: int) -> None:
    assert len(shortfalls([same, line(0.01, 100, 3), two])) == reasons


def test_the_rule_is_that_of_the_report_with_the_comparisons_own_twin() -> None:
    ratio, twins = Estimate(1.02, 1.012, 1.028, 90, 5), Estimate(0.997, 0.985, 1.004, 90, 5)
    record = detected(Row("asyncio@slow-2", "protocol"), 7, ratio, twins)
    assert record.noise_floor == pytest.approx(noise_floor(twins))
    assert (record.costlier, record.leaner, record.comparison) == (True, False, 7)
    assert not detected(Row("a@b", ""), 0, ratio, Estimate(1.0, 0.979, 1.004, 90, 5)).costlier, (
        "within the floor"
    )
    assert detected(Row("a@b", ""), 0, Estimate(0.95, 0.94, 0.96, 90, 5), twins).leaner


@pytest.mark.parametrize(
    ("seen", "trials", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(seen: int, trials: int, low: float, high: float) -> None:
    assert wilson(seen, trials) == pytest.approx((low, high), abs=5e-5)
    assert wilson(trials - seen, trials) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 of 2 is no count"):
        wilson(3, 2)


# How it runs


PARAMETERS = {"size": 64, "connections": 2}


def small_trial() -> Trial:
    return Trial(
        SUITE.scenarios["tcp-echo"],
        ROW,
        PARAMETERS,
        echo_of(64),
        Pace(generations=1, slice_ms=10, run_in_ms=2),
        6,
        (0.0, 0.5),
    )


def test_a_comparison_has_fresh_processes_and_judges_every_slowdown() -> None:
    taken: list[SliceRecord] = []
    injected = [Injection(0.0, 0.0, Slowed("slow-0", 0)), Injection(0.5, 0.5, Slowed("slow-50", 300))]
    with Site(SUITE, Conditions(None, None)) as site:
        test = SelfTest(site, small_trial(), 1, record=taken.append)
        records = [record for number in range(2) for record in test.compare(number, injected)]
    assert [(record.adapter, record.comparison) for record in records] == [
        ("asyncio@slow-0", 0), ("asyncio@slow-50", 0), ("asyncio@slow-0", 1), ("asyncio@slow-50", 1)
    ]  # fmt: skip
    assert {slice_.generation for slice_ in taken} == {0, 1}, "each comparison has processes of its own"
    names = {"asyncio@base", "asyncio@twin", "asyncio@slow-0", "asyncio@slow-50"}
    for generation in (0, 1):
        for turn in range(6):
            both = {
                slice_.adapter for slice_ in taken if (slice_.generation, slice_.round) == (generation, turn)
            }
            assert both == names
    assert [line_.trials for line_ in lines(injected, records)] == [2, 2]


def request(out: Path, comparisons: int, *, resume: bool = False) -> Request:
    return Request("asyncio", comparisons, 1, 1, out, resume)


class Small(Session):
    """A session that calibrates nothing, and is interrupted after so many comparisons."""

    def __init__(self, out: Path, comparisons: int, *, interrupted_after: int = 99, resume: bool = False):
        super().__init__(SUITE, small_trial(), request(out, comparisons, resume=resume), LoadEngine("python"))
        self._interrupted_after = interrupted_after

    def _calibrated(self) -> list[Injection]:
        labels = (("slow-0", 0), ("slow-1", 3), ("slow-2", 6), ("slow-3", 9), ("slow-5", 15))
        return [
            Injection(float(label[5:]) / 100, turns / 300, Slowed(label, turns)) for label, turns in labels
        ]

    def _compared(self, number: int) -> list[DetectionRecord]:
        if number == self._interrupted_after:
            raise KeyboardInterrupt
        same, two = Estimate(1.001, 0.99, 1.01, 90, 5), Estimate(1.02, 1.015, 1.025, 90, 5)
        return [
            detected(
                Row(f"asyncio@{injection.variant.label}", "protocol"),
                number,
                two if injection.wanted else same,
                same,
            )
            for injection in self._injected
        ]


def test_an_interrupted_self_test_prints_what_it_has_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Small(tmp_path, 5, interrupted_after=3).run() == INTERRUPTED
    out, errors = capsys.readouterr()
    assert "| 2.0 % | 6 | 2.00% | +2.00% | 0.00% | 3 of 3 | 44% to 100% | 0 of 3 |" in out
    assert "| 0 % (A/A) | 0 | 0.00% | +0.10% | 0.00% | 0 of 3 | 0% to 56% | 0 of 3 |" in out
    assert "Passed" not in out
    assert f"`--resume --out {tmp_path}` goes on from here" in errors
    assert Small(tmp_path, 5, resume=True).run() == DONE
    out, errors = capsys.readouterr()
    assert "2 comparisons of 7 rows" in errors
    assert "5 of 5" in out
    assert out.endswith("Passed.\n")
    journal = read_journal(tmp_path / "selftest.jsonl")
    assert sum(isinstance(record, DetectionRecord) for record in journal) == 25
    assert Small(tmp_path, 5, resume=True).run() == DONE
    assert read_journal(tmp_path / "selftest.jsonl") == journal, "a complete one stays as it is"


def test_a_self_test_that_falls_short_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Blind(Small):
        def _compared(self, number: int) -> list[DetectionRecord]:
            same = Estimate(1.001, 0.99, 1.01, 90, 5)
            rows = [Row(f"asyncio@{injection.variant.label}", "protocol") for injection in self._injected]
            return [detected(row, number, same, same) for row in rows]

    assert Blind(tmp_path, 2).run() == FALSE
    assert (
        "Falls short: 2% slower was found in 0 of 2 comparisons, 2 are asked for." in capsys.readouterr().out
    )


def test_resume_refuses_another_self_test(tmp_path: Path) -> None:
    assert Small(tmp_path, 1).run() == DONE
    other = Small(tmp_path, 1, resume=True)
    other._trial = replace(other._trial, row=Row("epoll", "native"))
    with pytest.raises(StopError, match=r"was begun with adapters \['asyncio'\], this is \['epoll'\]"):
        other.run()


def test_an_adapter_without_a_server_cannot_be_tried(tmp_path: Path) -> None:
    foreign = "kqueue" if sys.platform == "win32" else "iocp"
    done = crossloop("selftest", "--adapters", foreign, "--comparisons", "1", "--out", str(tmp_path))
    assert done.returncode == 3
    assert f"crossloop: {foreign} cannot be tried: " in done.stderr


def test_the_one_that_is_slowed_is_a_model_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's own slices scatter more than the smallest slowdowns that are looked for."""
    seen: list[str] = []

    def run(session: Session) -> int:
        seen.append(session._trial.row.adapter)
        return DONE

    monkeypatch.setattr(Session, "run", run)
    for adapters in (None, "asyncio"):
        assert selftesting.run((), Request(adapters, 1, 5.0, 1, tmp_path, False)) == DONE
    model = {"linux": "epoll", "darwin": "kqueue", "win32": "asyncio"}[sys.platform]
    assert seen == [model, "asyncio"]
