"""The plan: which rows are compared on which parameters, in which stages, how often, and how long that takes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from crossloop.bench.ladder import Climb
from crossloop.bench.profiles import Profile, parameter_sets
from crossloop.bench.stages import Comparison, Rounds, Row, Stage
from crossloop.bench.variants import Twin
from crossloop.journal import parameters_key
from crossloop.load.commands import Exchange
from crossloop.outcomes import Measured, Outcome, Unsupported
from crossloop.references import REFERENCES, STYLE
from crossloop.statistics import ROUNDS_TO_SEPARATE
from crossloop.suite import ScenarioEntry
from crossloop.supervise.probe import Probed

CONTROLLED = ("epoll", "kqueue", "asyncio")
"""Adapters whose primary style runs twice, the first that is among the rows: they depend on no binding. The model comes
before asyncio, whose own slices scattered by 15 to 23 % where epoll's did by 1 to 16 (TCP echo, slices of 50 ms; the
cause was not looked for): the floor is to show the machine's noise, not one library's."""

Exchanges: TypeAlias = Mapping[str, Sequence[Exchange] | Outcome]
"""By scenario: what the load exchanges on each of a profile's parameter sets, or why that cannot be had."""


@dataclass(frozen=True)
class Excluded:
    """A cell that is known beforehand to have no figure, and why."""

    row: Row
    scenario: str
    parameters: Mapping[str, Any]
    outcome: Outcome
    forbidden: bool = False
    """By this machine, to every adapter alike."""


@dataclass(frozen=True)
class Plan:
    """What a bench does."""

    profile: Profile
    stages: tuple[Stage, ...]
    excluded: tuple[Excluded, ...]

    @property
    def comparisons(self) -> list[Comparison]:
        """Of all stages."""
        return [one for stage in self.stages for one in stage.comparisons]

    @property
    def slices(self) -> int:
        """Slices in all."""
        return sum(stage.slices for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Estimated time."""
        return sum(stage.seconds for stage in self.stages)


def climbs(scenario: ScenarioEntry) -> bool:
    """Whether a scenario's sets are climbed as ladders: it has one, and is driven from outside."""
    return bool(scenario.about.ladder) and scenario.about.drive != "work"


def takes_references(scenario: ScenarioEntry, reference: str = "") -> bool:
    """Whether native references, or the one that is named, may stand beside a scenario's rows.

    They echo, over some transports, and hold no 10,000 connections for a climb.
    """
    about = scenario.about
    if about.drive not in ("exchange", "connect") or climbs(scenario):
        return False
    known = [REFERENCES[reference]] if reference else REFERENCES.values()
    return any(one.serves(about) for one in known)


def make_plan(
    profile: Profile,
    scenarios: Sequence[ScenarioEntry],
    probed: Sequence[Probed],
    exchanges: Exchanges,
    *,
    most_connections: tuple[int, str] | None = None,
    objective_p99_ms: float | None = None,
    references: Sequence[str] = (),
) -> Plan:
    """The plan of a bench over *probed* adapters; cells that cannot be had are listed with their reason.

    *most_connections*: how many the load, and a server, can open on this machine, and why not more.
    *references*: ids of the native references that can run, the one for the headroom certificate first.
    *objective_p99_ms* takes the place of what scenarios with a ladder declare.
    """
    shared: dict[str, list[Comparison]] = {}
    excluded: list[Excluded] = []
    for scenario in scenarios:
        comparisons, without = _of_scenario(
            profile, scenario, probed, exchanges, most_connections, references
        )
        excluded += without
        for one in comparisons:
            shared.setdefault(_processes(one), []).append(one)
    stages = []
    for group in shared.values():
        usable = [
            one for one in probed if any(isinstance(_styles(one, each.scenario), tuple) for each in group)
        ]
        stage = _stage(profile, group, objective_p99_ms)
        stages.append(replace(stage, libraries=_libraries(usable)))
    return Plan(profile, tuple(stages), tuple(excluded))


def _of_scenario(
    profile: Profile,
    scenario: ScenarioEntry,
    probed: Sequence[Probed],
    exchanges: Exchanges,
    most_connections: tuple[int, str] | None,
    references: Sequence[str],
) -> tuple[list[Comparison], list[Excluded]]:
    """Comparisons of a scenario, with the rounds of a stage of its own, and the cells that it cannot have."""
    sets = parameter_sets(scenario.about, profile.name)
    excluded = list(_excluded(scenario, sets, probed))
    driven = scenario.about.drive != "work"
    given = exchanges[scenario.id] if driven else [None] * len(sets)
    comparisons = []
    for position, parameters in enumerate(sets):
        rows = _rows(scenario, position, probed)
        known = given[position] if isinstance(given, Sequence) else None
        reason = None if isinstance(given, Sequence) else given
        forbidden = _forbidden(parameters, most_connections)
        if reason is not None or forbidden is not None:
            outcome = reason or forbidden
            assert outcome is not None
            excluded += [
                Excluded(row, scenario.id, parameters, outcome, forbidden=reason is None) for row in rows
            ]
        elif rows:
            comparisons.append(_comparison(profile, scenario, parameters, position, rows, known, references))
    return comparisons, excluded


def _processes(one: Comparison) -> str:
    """What comparisons of which the same processes serve have in common."""
    about = one.scenario.about
    if climbs(one.scenario) or about.drive == "work":
        return one.scenario.id
    if about.serves == "echo":
        return f"echo {about.levels[0]} {about.transport}"
    return one.scenario.id + parameters_key(
        {name: one.parameters[name] for name in about.server_parameters if name in one.parameters}
    )


def _stage(profile: Profile, group: Sequence[Comparison], objective_p99_ms: float | None) -> Stage:
    """The stage of comparisons that share processes."""
    twins = {one.twin.adapter: Twin() for one in group if one.twin is not None}
    first = group[0].scenario
    if climbs(first):
        rungs = sorted(group, key=lambda one: float(one.parameters[first.about.ladder]))
        declared = first.about.objective_p99_ms
        objective = objective_p99_ms if declared and objective_p99_ms is not None else declared
        return Climb(tuple(rungs), profile.climb, twins, objective_p99_ms=objective)
    pace = profile.pace
    if profile.brief_generations and all(one.scenario.about.brief for one in group):
        pace = replace(pace, generations=profile.brief_generations)
    comparisons = [_spread(profile, one, pace.generations) for one in group]
    return Rounds(tuple(comparisons), pace, twins)


def _spread(profile: Profile, one: Comparison, generations: int) -> Comparison:
    """The rounds of a brief scenario, over the generations of its stage."""
    if not (profile.brief_rounds and one.scenario.about.brief):
        return one
    return replace(one, rounds=-(-profile.brief_rounds // generations), rates=())


def _forbidden(parameters: Mapping[str, Any], most: tuple[int, str] | None) -> Outcome | None:
    """Why a parameter set cannot be had on this machine by any adapter; None: nothing is known against it."""
    wanted = int(parameters.get("connections", 0))
    if most is None or wanted <= most[0]:
        return None
    return Unsupported(f"{wanted:,} connections asked for, {most[0]:,} are possible: {most[1]}")


def _rows(scenario: ScenarioEntry, position: int, probed: Sequence[Probed]) -> tuple[Row, ...]:
    beyond = scenario.about.primary_styles_only_beyond
    primary_only = beyond is not None and position >= beyond
    rows = []
    for one in probed:
        styles = _styles(one, scenario)
        if isinstance(styles, tuple):
            rows += [Row(one.entry.id, style) for style in (styles[:1] if primary_only else styles)]
    return tuple(rows)


def _comparison(
    profile: Profile,
    scenario: ScenarioEntry,
    parameters: Mapping[str, Any],
    position: int,
    rows: tuple[Row, ...],
    exchange: Exchange | None,
    references: Sequence[str],
) -> Comparison:
    rates = (
        (profile.rates if position else profile.rates_headline)
        if _takes_rates(scenario, parameters, exchange)
        else ()
    )
    rounds = profile.rounds if position else profile.headline_rounds
    if climbs(scenario):
        rates, rounds = (), profile.climb_slices
    return Comparison(
        scenario,
        parameters,
        rows,
        rounds,
        rates,
        _control(profile, scenario, position, rows),
        _references(profile, scenario, position, references),
        exchange,
    )


def _takes_rates(scenario: ScenarioEntry, parameters: Mapping[str, Any], exchange: Exchange | None) -> bool:
    """Whether requests can be offered at rates: one by one, on connections that stay, and at none of its own."""
    if scenario.about.drive != "exchange" or exchange is None or "rate" in parameters:
        return False
    return exchange.in_flight == 1 and not exchange.greedy


def _control(profile: Profile, scenario: ScenarioEntry, position: int, rows: Sequence[Row]) -> Row | None:
    """The row that runs twice: the first of `CONTROLLED` in its first style, or else the first row. None: no control.

    A climb of thousands of connections is not made twice where its rungs could not be told apart anyway.
    """
    if climbs(scenario):
        if profile.climb.generations * profile.climb_slices < ROUNDS_TO_SEPARATE:
            return None
    elif position and not profile.controls_everywhere:
        return None
    first = {row.adapter: row for row in reversed(rows)}
    return next((first[name] for name in CONTROLLED if name in first), rows[0])


def _references(
    profile: Profile, scenario: ScenarioEntry, position: int, references: Sequence[str]
) -> tuple[Row, ...]:
    able = [one for one in references if takes_references(scenario, one)]
    short = profile.brief_rounds and scenario.about.brief
    every = profile.references_everywhere or not (position or short)
    return tuple(Row(one, STYLE) for one in (able if every else able[:1]))


def _libraries(probed: Sequence[Probed]) -> dict[str, str]:
    """By adapter, as each said itself: its library, or `none` where the kernel's epoll is asked without one."""
    found = {}
    for one in probed:
        library, mechanism = str(one.facts.get("library", "")), one.facts.get("mechanism")
        if mechanism == "epoll" or library not in ("", "none"):
            found[one.entry.id] = library
    return found


def _styles(one: Probed, scenario: ScenarioEntry) -> tuple[str, ...] | Outcome:
    """Styles in which an adapter takes part in a scenario, or why it does not."""
    if not isinstance(one.outcome, Measured):
        return one.outcome
    styles = one.rows.get(scenario.id, ())
    if not isinstance(styles, tuple):
        return styles
    levels = scenario.about.levels
    if styles and set(levels) & set(one.levels):
        return styles
    if why := next((one.lacks[level] for level in levels if level in one.lacks), ""):
        return Unsupported(why)
    return Unsupported(
        f"{one.entry.id} offers {', '.join(one.levels) or 'no level'}; this needs {' or '.join(levels)}"
    )


def _excluded(
    scenario: ScenarioEntry, sets: Sequence[Mapping[str, Any]], probed: Sequence[Probed]
) -> Iterator[Excluded]:
    for one in probed:
        styles = _styles(one, scenario)
        if not isinstance(styles, tuple):
            for parameters in sets:
                yield Excluded(Row(one.entry.id, ""), scenario.id, parameters, styles)
