"""The plan: which rows are compared on which parameters, in which stages, how often, and how long that takes. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from crossloop.bench.ladder import Climb
from crossloop.bench.profiles import Profile, parameter_sets
from crossloop.bench.stages import Comparison, Rounds, Row, Stage
from crossloop.bench.variants import Build, Processes, Twin, Variant, variant_name
from crossloop.journal import is_variant, parameters_key, processes_of
from crossloop.load.commands import Exchange
from crossloop.load.walls import Wall
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
        return [comparison for stage in self.stages for comparison in stage.comparisons]

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
    return any(candidate.serves(about) for candidate in known)


def takes_processes(scenario: ScenarioEntry) -> bool:
    """Whether a scenario's servers can be in several processes that share a port.

    Its connections must be independent of one another, and come over TCP; a climb has a server for each rung already.
    """
    about = scenario.about
    shares = about.drive in ("exchange", "connect") and about.transport in ("tcp", "tls")
    return shares and not climbs(scenario)


def make_plan(
    profile: Profile,
    scenarios: Sequence[ScenarioEntry],
    probed: Sequence[Probed],
    exchanges: Exchanges,
    *,
    walls: Sequence[Wall] = (),
    objective_p99_ms: float | None = None,
    references: Sequence[str] = (),
    builds: Mapping[str, Build] | None = None,
    processes: Sequence[int] = (),
    no_sharing: str = "",
) -> Plan:
    """The plan of a bench over *probed* adapters; cells that cannot be had are listed with their reason.

    *walls*: what bounds the connections on this machine, the lowest first.
    *references*: ids of the native references that can run, the one for the headroom certificate first.
    *objective_p99_ms* takes the place of what scenarios with a ladder declare.
    *builds*: by name, those of *probed* that are other builds of a binding.
    *processes*: in how many processes each server runs beside the one; *no_sharing*: why none can on this platform.
    """
    planner = _Planner(profile, probed, exchanges, walls, references, builds or {}, processes, no_sharing)
    shared: dict[str, list[Comparison]] = {}
    excluded: list[Excluded] = []
    for scenario in scenarios:
        comparisons, without = planner.of(scenario)
        excluded += without
        for comparison in comparisons:
            shared.setdefault(_processes(comparison), []).append(comparison)
    stages = [planner.stage(group, objective_p99_ms) for group in shared.values()]
    return Plan(profile, tuple(stages), tuple(excluded))


def _processes(comparison: Comparison) -> str:
    """What comparisons of which the same processes serve have in common."""
    about = comparison.scenario.about
    if climbs(comparison.scenario) or about.drive == "work":
        return comparison.scenario.id
    if about.serves == "echo":
        return f"echo {' '.join(about.levels)} {about.transport}"
    known = {
        name: comparison.parameters[name] for name in about.server_parameters if name in comparison.parameters
    }
    return comparison.scenario.id + parameters_key(known)


@dataclass(frozen=True)
class _Planner:
    """What all scenarios of a plan have in common (see `make_plan`)."""

    profile: Profile
    probed: Sequence[Probed]
    exchanges: Exchanges
    walls: Sequence[Wall]
    references: Sequence[str]
    builds: Mapping[str, Build]
    processes: Sequence[int] = ()
    no_sharing: str = ""

    def of(self, scenario: ScenarioEntry) -> tuple[list[Comparison], list[Excluded]]:
        """Comparisons of a scenario, with the rounds of a stage of its own, and the cells that it cannot have."""
        sets = parameter_sets(scenario.about, self.profile.name)
        given = self.exchanges[scenario.id] if scenario.about.drive != "work" else [None] * len(sets)
        excluded = [
            Excluded(Row(adapter.name, ""), scenario.id, parameters, styles)
            for adapter in self.probed
            if not isinstance(styles := _styles(adapter, scenario), tuple)
            for parameters in sets
        ]
        comparisons = []
        for position, parameters in enumerate(sets):
            rows = self._rows(scenario, position)
            forbidden = self._forbidden(parameters)
            outcome = forbidden if isinstance(given, Sequence) else given
            if outcome is not None or not isinstance(given, Sequence):
                assert outcome is not None
                excluded += [
                    Excluded(row, scenario.id, parameters, outcome, forbidden=outcome is forbidden)
                    for row in rows
                ]
            elif rows:
                comparison = self._comparison(scenario, position, parameters, rows, given[position])
                comparisons.append(comparison)
                excluded += [
                    Excluded(row, scenario.id, parameters, Unsupported(self.no_sharing))
                    for row in (self._in_processes(scenario, comparison) if self.no_sharing else ())
                ]
        return comparisons, excluded

    def stage(self, group: Sequence[Comparison], objective_p99_ms: float | None) -> Stage:
        """The stage of comparisons that share processes."""
        profile, first = self.profile, group[0].scenario
        present = {row.adapter for comparison in group for row in comparison.rows}
        variants: dict[str, Variant] = {name: build for name, build in self.builds.items() if name in present}
        variants |= {comparison.twin.adapter: Twin() for comparison in group if comparison.twin is not None}
        variants |= {
            row.adapter: Processes(processes_of(row.adapter))
            for comparison in group
            for row in comparison.in_processes
        }
        libraries = _libraries([adapter for adapter in self.probed if adapter.name in present])
        if climbs(first):
            rungs = sorted(group, key=lambda rung: float(rung.parameters[first.about.ladder]))
            declared = first.about.objective_p99_ms
            objective = objective_p99_ms if declared and objective_p99_ms is not None else declared
            return Climb(tuple(rungs), profile.climb, variants, libraries, objective)
        pace = profile.pace
        if profile.brief_generations and all(comparison.scenario.about.brief for comparison in group):
            pace = replace(pace, generations=profile.brief_generations)
        brief = math.ceil(profile.brief_rounds / pace.generations)
        comparisons = [
            replace(comparison, rounds=brief, rates=()) if self._briefly(comparison.scenario) else comparison
            for comparison in group
        ]
        return Rounds(tuple(comparisons), pace, variants, libraries)

    def _briefly(self, scenario: ScenarioEntry) -> bool:
        return bool(self.profile.brief_rounds) and scenario.about.brief

    def _forbidden(self, parameters: Mapping[str, Any]) -> Outcome | None:
        """Why a parameter set cannot be had on this machine by any adapter; None: nothing is known against it."""
        wanted = int(parameters.get("connections", 0))
        lower = [wall for wall in self.walls if wall.most < wanted]
        if not lower:
            return None
        reasons = "; ".join(wall.reason(wanted) for wall in lower)
        return Unsupported(f"{wanted:,} connections asked for, {lower[0].most:,} are possible: {reasons}")

    def _rows(self, scenario: ScenarioEntry, position: int) -> tuple[Row, ...]:
        beyond = scenario.about.primary_styles_only_beyond
        most = 1 if beyond is not None and position >= beyond else None
        left_out = scenario.about.brief_first_styles if self._briefly(scenario) else ()
        return tuple(
            Row(adapter.name, style)
            for adapter in self.probed
            if isinstance(styles := _styles(adapter, scenario), tuple)
            for style in _without_later(styles, [adapter.levels.get(level, ()) for level in left_out])[:most]
        )

    def _comparison(
        self,
        scenario: ScenarioEntry,
        position: int,
        parameters: Mapping[str, Any],
        rows: tuple[Row, ...],
        exchange: Exchange | None,
    ) -> Comparison:
        profile = self.profile
        rates = profile.rates if position else profile.rates_headline
        rounds = profile.rounds if position else profile.headline_rounds
        comparison = Comparison(
            scenario,
            parameters,
            rows,
            profile.climb_slices if climbs(scenario) else rounds,
            rates if _takes_rates(scenario, parameters, exchange) else (),
            self._control(scenario, position, rows),
            self._references(scenario, position),
            exchange,
        )
        if self.no_sharing:
            return comparison
        return replace(comparison, in_processes=self._in_processes(scenario, comparison))

    def _in_processes(self, scenario: ScenarioEntry, comparison: Comparison) -> tuple[Row, ...]:
        """Each row once more for each number of processes that there are connections for; no other builds."""
        if not takes_processes(scenario):
            return ()
        return tuple(
            Row(variant_name(row.adapter, Processes(count)), row.style)
            for row in comparison.rows
            if not is_variant(row.adapter)
            for count in self.processes
            if count <= comparison.connections
        )

    def _control(self, scenario: ScenarioEntry, position: int, rows: Sequence[Row]) -> Row | None:
        """The row that runs twice: the first of `CONTROLLED` in its first style, or else the first. None: no control.

        Another build of a binding never runs twice. Where no other row is, nothing does.
        A climb of thousands of connections is not made twice where its rungs could not be told apart anyway.
        """
        profile = self.profile
        if climbs(scenario):
            wanted = profile.climb.generations * profile.climb_slices >= ROUNDS_TO_SEPARATE
        else:
            wanted = not position or profile.controls_everywhere
        first = {row.adapter: row for row in reversed(rows) if not is_variant(row.adapter)}
        names = [name for name in (*CONTROLLED, *(row.adapter for row in rows)) if name in first]
        return first[names[0]] if wanted and names else None

    def _references(self, scenario: ScenarioEntry, position: int) -> tuple[Row, ...]:
        able = [reference for reference in self.references if takes_references(scenario, reference)]
        every = self.profile.references_everywhere or not (position or self._briefly(scenario))
        return tuple(Row(reference, STYLE) for reference in (able if every else able[:1]))


def _takes_rates(scenario: ScenarioEntry, parameters: Mapping[str, Any], exchange: Exchange | None) -> bool:
    """Whether requests can be offered at rates: one by one, on connections that stay, and at none of its own."""
    if scenario.about.drive != "exchange" or exchange is None or "rate" in parameters:
        return False
    return exchange.in_flight == 1 and not exchange.greedy


def _libraries(probed: Sequence[Probed]) -> dict[str, str]:
    """By adapter, as each said itself: its library, or `none` where the kernel's epoll is asked without one."""
    libraries = {}
    for adapter in probed:
        library, mechanism = str(adapter.facts.get("library", "")), adapter.facts.get("mechanism")
        if mechanism == "epoll" or library not in ("", "none"):
            libraries[adapter.name] = library
    return libraries


def _without_later(styles: Sequence[str], levels: Sequence[Sequence[str]]) -> Sequence[str]:
    """*styles* without those that are not the first of their level, of *levels*."""
    later = {style for level in levels for style in level[1:]}
    return [style for style in styles if style not in later]


def _styles(adapter: Probed, scenario: ScenarioEntry) -> tuple[str, ...] | Outcome:
    """Styles in which an adapter takes part in a scenario, or why it does not."""
    if not isinstance(adapter.outcome, Measured):
        return adapter.outcome
    styles = adapter.rows.get(scenario.id, ())
    if not isinstance(styles, tuple):
        return styles
    levels = scenario.about.levels
    if styles and set(levels) & set(adapter.levels):
        return styles
    if why := next((adapter.lacks[level] for level in levels if level in adapter.lacks), ""):
        return Unsupported(why)
    return Unsupported(
        f"{adapter.entry.id} offers {', '.join(adapter.levels) or 'no level'}; this needs {' or '.join(levels)}"
    )
