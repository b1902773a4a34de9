"""How long the rest of a plan takes: estimates by a clock that is simulated, on plans that are wrong about the pace.

Then what is said of it on stderr.
"""

from collections.abc import Iterator, Sequence

import pytest

from crossloop.bench.progress import EVIDENCE_KIND, TimeLeft
from crossloop.cli.progress import PLAIN_EVERY_S, PlanView, ProgressView, left_text

CLIMB_FIRST = (("climb", 120.0), ("work", 60.0), ("driven", 130.0), ("work", 30.0), ("evidence", 54.0))
CLIMB_LAST = (*CLIMB_FIRST[1:4], CLIMB_FIRST[0], CLIMB_FIRST[4])
FIRST_MINUTE_S = 60.0
STEP_S = 0.5


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def estimates(
    stages: Sequence[tuple[str, float]], paces: dict[str, float]
) -> Iterator[tuple[float, float, float]]:
    """(elapsed, said to be left, really left) after each step of a run in which each kind has its own pace."""
    clock = Clock()
    planned: dict[str, float] = {}
    for kind, seconds in stages:
        planned[kind] = planned.get(kind, 0.0) + seconds
    left = TimeLeft(planned, clock)
    whole = sum(paces[kind] * seconds for kind, seconds in stages)
    for kind, seconds in stages:
        left.begin(kind, seconds)
        for _step in range(round(seconds / STEP_S)):
            clock.now += STEP_S * paces[kind]
            left.done(STEP_S)
            elapsed = clock.now - 1000
            yield elapsed, left.left_s(), whole - elapsed
        left.end()


@pytest.mark.parametrize("stages", [CLIMB_FIRST, CLIMB_LAST], ids=["climb first", "climb last"])
@pytest.mark.parametrize(
    "paces",
    [
        {"climb": 1.0, "work": 1.0, "driven": 1.0, "evidence": 1.0},
        {"climb": 0.6, "work": 0.6, "driven": 0.6, "evidence": 0.6},
        {"climb": 2.0, "work": 2.0, "driven": 2.0, "evidence": 2.0},
        {"climb": 0.7, "work": 1.0, "driven": 0.9, "evidence": 1.0},
        {"climb": 1.4, "work": 1.2, "driven": 1.1, "evidence": 1.2},
    ],
    ids=lambda paces: "-".join(str(pace) for pace in paces.values()),
)
def test_right_within_a_quarter_from_the_first_minute_on(
    stages: Sequence[tuple[str, float]], paces: dict[str, float]
) -> None:
    seen = 0
    for elapsed, said, really in estimates(stages, paces):
        if elapsed >= FIRST_MINUTE_S and really > 2 * STEP_S:
            assert said == pytest.approx(really, rel=0.25, abs=5), f"after {elapsed:.0f} s"
            seen += 1
    assert seen > 100


def test_a_ladder_that_comes_first_says_nothing_of_the_rest() -> None:
    """Ten slow visits of a climb, and slices by the hundred afterwards: it was once said that they take an hour."""
    paces = {"climb": 1.0, "work": 1.0, "driven": 1.0, "evidence": 1.0}
    for _elapsed, said, really in estimates(CLIMB_FIRST, paces):
        assert said == pytest.approx(really, abs=1e-6)


def test_what_is_not_done_of_a_stage_falls_away_and_what_is_added_was_not_planned() -> None:
    clock = Clock()
    left = TimeLeft({"driven": 100.0, "work": 20.0}, clock)
    left.begin("driven", 100.0)
    clock.now += 10
    left.done(10.0)
    left.end()  # all of its rows have failed
    assert left.left_s() == pytest.approx(20)
    left.begin("work", 20.0)
    clock.now += 40
    left.done(40.0)  # it went on until its intervals were narrow
    left.end()
    assert left.left_s() == 0


# What is said


@pytest.mark.parametrize(
    ("least_s", "most_s", "text"),
    [
        (0, 0, "about 5 s left"),
        (31, 0, "about 35 s left"),
        (89, 89, "about 90 s left"),
        (90, 0, "about 2 min left"),
        (200, 0, "about 4 min left"),
        (200, 239, "about 4 min left"),
        (5399, 0, "about 1 h 30 min left"),
        (3 * 3600 + 240, 0, "about 3 h 04 min left"),
        (31, 52, "35 to 55 s left"),
        (200, 350, "4 to 6 min left"),
        (45, 350, "45 s to 6 min left"),
        (600, 6000, "10 min to 1 h 40 min left"),
        (6000, 7500, "1 h 40 min to 2 h 05 min left"),
    ],
)
def test_the_rest_is_said_as_coarsely_as_it_is_known(least_s: float, most_s: float, text: str) -> None:
    assert left_text(least_s, most_s) == text


def test_a_plans_view_says_which_part_how_many_slices_and_how_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    planned = {"driven": 200.0, EVIDENCE_KIND: 40.0}
    with PlanView(planned, 1_200, parts=3, most_s=400.0, clock=clock) as view:
        view.begin("driven", 100.0)
        view.tell("tcp-echo: starting 8 processes")
        clock.now += PLAIN_EVERY_S
        view.tell("tcp-echo, size 1 KiB: uvloop (protocol)")  # nothing is done yet
        clock.now += 40
        view.done(50.0, slices=300)
        clock.now += 50
        view.done(50.0, slices=300)
        view.end()
        view.begin("driven", 100.0)
        view.tell("timers: asyncio")
        clock.now += 100
        view.done(100.0, slices=600)
        view.end()
        view.begin(EVIDENCE_KIND, 40.0)
        view.tell("tcp-echo: asyncio (protocol)")
        clock.now += 20
        view.done(20.0)
    assert capsys.readouterr().err.splitlines() == [
        "crossloop: 0/1,200 slices, starting; part 1 of 3: tcp-echo, size 1 KiB: uvloop (protocol)",
        "crossloop: 300/1,200 slices, 4 to 6 min left; part 1 of 3: tcp-echo, size 1 KiB: uvloop (protocol)",
        "crossloop: 600/1,200 slices, 3 to 5 min left; part 1 of 3: tcp-echo, size 1 KiB: uvloop (protocol)",
        "crossloop: 1,200/1,200 slices, 40 s to 4 min left; part 2 of 3: timers: asyncio",
        "crossloop: 1,200/1,200 slices, about 20 s left; part 3 of 3: tcp-echo: asyncio (protocol)",
    ]


def test_a_view_of_a_count_holds_all_units_for_alike(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressView(40, unit="questions", clock=clock) as view:
        clock.now += 30
        view.advance("uvloop: the first half", 10)
        clock.now += 30
        view.advance("asyncio: the second half", 10)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "crossloop: 10/40 questions, about 2 min left; uvloop: the first half"
    assert second == "crossloop: 20/40 questions, about 60 s left; asyncio: the second half"
