"""How long a run goes on: fixed rounds, or until intervals are narrow or a budget is spent. Pure.

The plan's rounds are the least of a run with a budget too; beyond them whole generations are added, because
what processes get for life is most of what is left after some 50 rounds. Whether to stop is asked only between
generations, and never of fewer than `statistics.GENERATIONS_TO_STOP`: the oftener one asks, the oftener an interval
that is narrow by luck is kept (docs/method.md, "When a run stops").
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.bench.plan import Plan
from crossloop.bench.stages import Stage


@dataclass(frozen=True)
class Length:
    """What ends a run beside its plan."""

    budget_s: float | None = None
    """Time for measuring; None: as long as the plan's rounds take."""
    precision: float | None = None
    """Half width of the interval of each row's ratio to the leanest that is enough, as a fraction; None: not asked."""
    keeps_plan: bool = False
    """Whether the plan's rounds are taken even where they need longer than was estimated: a budget of a profile's own
    bounds what is added, and one that was asked for bounds all."""


FIXED = Length()
"""The plan's rounds and no more."""


def length_of(plan: Plan, budget_min: float | None, precision_percent: float | None) -> Length:
    """The length that was asked for, or is the profile's own.

    A profile that adds nothing of itself keeps its fixed rounds when nothing is asked for. A precision without a
    budget may take as long again as the plan.
    """
    profile = plan.profile
    if budget_min is None and precision_percent is None and not profile.more:
        return FIXED
    precision = profile.precision if precision_percent is None else precision_percent / 100
    if budget_min is not None:
        return Length(60 * budget_min, precision)
    if precision_percent is not None:
        return Length(plan.seconds * (1 + max(profile.more, 1.0)), precision, keeps_plan=True)
    budget_s = min(profile.longest_s or math.inf, plan.seconds * (1 + profile.more))
    return Length(budget_s, precision, keeps_plan=True)


def fitted(plan: Plan, length: Length) -> Plan:
    """*plan* with as many rounds as its budget holds, and never more than it had; ladders stay as they are.

    May still take longer than the budget: `least` is what cannot be cut.
    """
    if length.budget_s is None or plan.seconds <= length.budget_s:
        return plan
    low, high = 0.0, 1.0
    for _step in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _cut(plan, middle).seconds <= length.budget_s else (low, middle)
    return _cut(plan, low)


def least(plan: Plan) -> Plan:
    """*plan* with the fewest rounds that can tell rows apart, or its own where they are fewer."""
    return _cut(plan, 0.0)


def _cut(plan: Plan, part: float) -> Plan:
    return dataclasses.replace(plan, stages=tuple(stage.cut(part) for stage in plan.stages))


def allowance_s(length: Length, spent_s: float, stages: Sequence[Stage]) -> float:
    """Seconds for the first of *stages*, all that are still to be run: its share of what is left of the budget."""
    if length.budget_s is None:
        return math.inf
    planned = sum(stage.seconds for stage in stages)
    share = stages[0].seconds / planned if planned else 1.0
    return max(0.0, length.budget_s - spent_s) * share


def described(length: Length) -> str:
    """What follows the plan's rounds, in words; nothing where they are fixed."""
    if length.budget_s is None or length.precision is None:
        return ""
    return (
        f", then on until each ratio to the leanest is known within ± {100 * length.precision:g} %, "
        f"or {length.budget_s / 60:.1f} minutes are spent"
    )


def settings_of(budget_min: float | None, precision_percent: float | None) -> dict[str, float]:
    """What the head of a journal says of the length that was asked for; nothing for the profile's own."""
    settings = {"budget-minutes": budget_min, "precision-percent": precision_percent}
    return {name: value for name, value in settings.items() if value is not None}
