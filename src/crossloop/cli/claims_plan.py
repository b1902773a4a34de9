"""The plan that claims need: their rows on their sets of parameters, and nothing else. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from crossloop.bench.plan import Exchanges, Plan, make_plan
from crossloop.bench.profiles import PROFILES
from crossloop.bench.stages import Comparison
from crossloop.bench.variants import Twin
from crossloop.claims import Need
from crossloop.load.walls import Wall
from crossloop.suite import ScenarioEntry
from crossloop.supervise.probe import Probed

PROFILES_TRIED = ("standard", "quick", "smoke")
"""From the one that tells most; the first whose estimate is within the budget is taken."""


def adapters_of(needs: Sequence[Need]) -> tuple[str, ...]:
    """Every adapter that is needed."""
    return tuple(dict.fromkeys(adapter for need in needs for adapter in need.adapters))


def scenarios_of(needs: Sequence[Need]) -> tuple[str, ...]:
    """Every scenario that is needed."""
    return tuple(dict.fromkeys(need.scenario for need in needs))


def claims_plan(
    needs: Sequence[Need],
    scenarios: Sequence[ScenarioEntry],
    probed: Sequence[Probed],
    exchanges: Callable[[str], Exchanges],
    *,
    budget_s: float,
    walls: Sequence[Wall],
) -> Plan:
    """The most telling plan within *budget_s*; the least one where none is. *exchanges* are asked for by profile."""
    for name in PROFILES_TRIED:
        whole = make_plan(PROFILES[name], scenarios, probed, exchanges(name), walls=walls)
        plan = _reduced(whole, needs)
        if plan.seconds <= budget_s:
            break
    return plan


def _reduced(plan: Plan, needs: Sequence[Need]) -> Plan:
    stages = []
    for stage in plan.stages:
        kept = [_needed(comparison, needs) for comparison in stage.comparisons]
        comparisons = tuple(comparison for comparison in kept if comparison.rows)
        if comparisons:
            twins = {
                comparison.twin.adapter: Twin() for comparison in comparisons if comparison.twin is not None
            }
            stages.append(replace(stage, comparisons=comparisons, variants=twins))
    excluded = tuple(
        excluded
        for excluded in plan.excluded
        if any(_wanted(need, excluded.scenario, excluded.row.adapter, excluded.parameters) for need in needs)
    )
    return replace(plan, stages=tuple(stages), excluded=excluded)


def _needed(comparison: Comparison, needs: Sequence[Need]) -> Comparison:
    """A comparison with the rows that any claim is tested by; without offered loads, which no claim is about."""
    rows = tuple(
        row
        for row in comparison.rows
        if any(_wanted(need, comparison.scenario.id, row.adapter, comparison.parameters) for need in needs)
    )
    control = (
        comparison.control
        if comparison.control in rows or comparison.control is None
        else next(iter(rows), None)
    )
    return replace(comparison, rows=rows, rates=(), control=control)


def _wanted(need: Need, scenario: str, adapter: str, parameters: object) -> bool:
    if need.scenario != scenario or adapter not in need.adapters or not isinstance(parameters, dict):
        return False
    return all(parameters.get(name) == value for name, value in need.parameters.items())
