"""How long the rest of a plan takes: estimates by a clock that is simulated, on plans that are wrong about the pace."""

from collections.abc import Iterator, Sequence

import pytest

from crossloop.bench.progress import TimeLeft

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
    ids=lambda paces: "-".join(str(one) for one in paces.values()),
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
