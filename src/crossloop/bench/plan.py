"""The plan: which rows are compared on which parameters, how often, and how long that takes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crossloop.api.about import ScenarioAbout
from crossloop.bench.variants import Twin, Variant, variant_name
from crossloop.journal import parameters_key
from crossloop.outcomes import Measured, Outcome, Unsupported
from crossloop.references import STYLE
from crossloop.statistics import ROUNDS_TO_SEPARATE
from crossloop.suite import ScenarioEntry
from crossloop.supervise.probe import Probed

COMMON_RATE_PER_S = 5_000.0
COMMON_BYTES_PER_S = 100e6
"""The offered load common to all adapters: 5,000 requests or 100 MB a second, whichever is less. Every
adapter reaches it on one CPU of a small virtual machine, so that latencies are compared at equal work."""

CONTROLLED = ("epoll", "kqueue", "asyncio")
"""Adapters whose primary style runs twice, the first that is among the rows: they depend on no binding. The model comes
before asyncio, whose own slices scattered by 15 to 23 % where epoll's did by 1 to 16 (TCP echo, slices of 50 ms; the
cause was not looked for): the floor is to show the machine's noise, not one library's."""

START_S = 0.35
"""Time to start and end one worker, for the estimate; measured on two CPUs of a virtual machine."""
BETWEEN_S = 0.018
"""Time between two slices (stopping, resuming, asking), for the estimate; measured likewise."""


STEPS = 40
"""Of a coarse clock in a slice: one step more or less is then 2.5 %."""
CONNECT_S = 0.0002
"""Time to make, serve once and close one of many connections, for the estimate; measured likewise."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Sets of fresh processes, and the length of a slice and of its run-in."""

    generations: int
    slice_ms: float
    run_in_ms: float
    connect_s: float = 15.0
    """Of a ladder: time in which all connections of a rung must have been answered once."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much is measured. Rounds are per generation; the headline set of a scenario gets more."""

    name: str
    generations: int
    headline_rounds: int
    rounds: int
    slice_ms: float
    run_in_ms: float
    rates_headline: tuple[str, ...]
    """Offered loads at the headline parameter set: `common`, or a share of the row's own capacity."""
    rates: tuple[str, ...]
    climb: Pace = Pace(generations=1, slice_ms=370, run_in_ms=30)
    """Of a ladder. Latency at a fixed rate takes samples: slices are longer; thousands of connections are made
    for each visit, so that all its slices are taken in one: generations are fewer."""
    climb_slices: int = 3
    """Slices of each rung, row and generation."""
    controls_everywhere: bool = False
    """Whether each set of parameters has an A/A control of its own; otherwise the headline of each scenario."""
    precision: float = 0.03
    """Half width of the interval of a ratio to the leanest row at which rounds end, as a fraction, in a run whose
    length is not fixed."""
    more: float = 0.0
    """Part of the plan's time that may be added to get there; 0: the rounds are fixed, unless a budget is given."""
    references_everywhere: bool = False
    """Whether all native references run on each set of parameters; otherwise on the headline, and the first on all."""

    @property
    def pace(self) -> Pace:
        """Of what is no ladder."""
        return Pace(generations=self.generations, slice_ms=self.slice_ms, run_in_ms=self.run_in_ms)

    def for_clock(self, step_ns: int) -> "Profile":
        """With slices of `STEPS` steps of the CPU clock at least: an end of a slice is known to one step."""
        least_ms = STEPS * step_ns / 1e6
        climb = replace(self.climb, slice_ms=max(self.climb.slice_ms, least_ms))
        return replace(self, slice_ms=max(self.slice_ms, least_ms), climb=climb)


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            generations=1,
            headline_rounds=2,
            rounds=1,
            slice_ms=50,
            run_in_ms=10,
            rates_headline=("common",),
            rates=(),
            climb=Pace(generations=1, slice_ms=100, run_in_ms=20),
            climb_slices=3,
        ),
        Profile(
            name="quick",
            generations=3,
            headline_rounds=5,
            rounds=2,
            slice_ms=20,
            run_in_ms=6,
            rates_headline=("common",),
            rates=(),
            climb=Pace(generations=1, slice_ms=300, run_in_ms=30),
            climb_slices=2,
        ),
        Profile(
            name="standard",
            generations=5,
            headline_rounds=20,
            rounds=8,
            slice_ms=40,
            run_in_ms=12,
            rates_headline=("common", "50%", "80%", "95%"),
            rates=("common",),
            climb=Pace(generations=3, slice_ms=600, run_in_ms=50, connect_s=30),
            climb_slices=6,
            controls_everywhere=True,
            precision=0.01,
            more=0.25,
            references_everywhere=True,
        ),
        Profile(
            name="full",
            generations=5,
            headline_rounds=40,
            rounds=20,
            slice_ms=40,
            run_in_ms=12,
            rates_headline=("common", "50%", "80%", "95%"),
            rates=("common", "50%", "80%", "95%"),
            climb=Pace(generations=5, slice_ms=600, run_in_ms=50, connect_s=60),
            climb_slices=6,
            controls_everywhere=True,
            precision=0.005,
            more=1.0,
            references_everywhere=True,
        ),
    )
}

ORDER = tuple(PROFILES)
"""Each profile runs what those before it run, and more."""


@dataclass(frozen=True, order=True)
class Row:
    """One line of a table: an adapter, or a variant of it (`ID@LABEL`), in one style."""

    adapter: str
    style: str

    def __str__(self) -> str:
        return f"{self.adapter}/{self.style}" if self.style not in ("", "native") else self.adapter


@dataclass(frozen=True)
class Comparison:
    """Rows that are measured side by side on one set of parameters, slice by slice."""

    scenario: ScenarioEntry
    parameters: Mapping[str, Any]
    rows: tuple[Row, ...]
    rounds: int
    """Rounds in each generation."""
    rates: tuple[str, ...]
    """Offered loads beside capacity; empty for workloads that drive themselves, and on ladders."""
    control: Row | None = None
    """The row that runs twice (A/A control)."""

    @property
    def twin(self) -> Row | None:
        """The second one of the control, which is measured and not ranked."""
        if self.control is None:
            return None
        return Row(variant_name(self.control.adapter, Twin()), self.control.style)

    references: tuple[Row, ...] = ()
    """Native references: they run in the same rounds, at capacity alone, and are ranked with nobody."""

    @property
    def measured(self) -> tuple[Row, ...]:
        """Every row that takes slices."""
        twin = () if self.twin is None else (self.twin,)
        return (*self.rows, *twin, *self.references)

    @property
    def key(self) -> str:
        """Identity of the parameter set within its scenario."""
        return parameters_key(self.parameters)

    @property
    def slices_per_round(self) -> int:
        """Slices that one round takes."""
        beside = len(self.references)
        return (len(self.measured) - beside) * (1 + len(self.rates)) + beside


@dataclass(frozen=True)
class Stage:
    """All comparisons of one scenario: they share their workers, generation by generation."""

    scenario: ScenarioEntry
    comparisons: tuple[Comparison, ...]
    pace: Pace
    objective_p99_ms: float = 0.0
    """Of a ladder (`ScenarioAbout.objective_p99_ms`)."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """By the adapter's name in a row: what `ID@LABEL` stands for. Each variant among the rows must be there."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Adapter → the library that it waits with; `none` for the kernel's epoll itself. Of others nothing is said."""

    @property
    def climbs(self) -> bool:
        """Whether its comparisons are the rungs of ladders, climbed until one fails."""
        return climbs(self.scenario)

    @property
    def slices(self) -> int:
        """Slices in all generations."""
        return self.pace.generations * sum(one.slices_per_round * one.rounds for one in self.comparisons)

    @property
    def seconds(self) -> float:
        """Estimated time: slices, processes and the slice that each is warmed with, connections on ladders."""
        one = (self.pace.slice_ms + self.pace.run_in_ms) / 1e3 + BETWEEN_S
        starts, connections, first_s = len(self.rows), 0, one
        if self.climbs:
            first_s = 0.0
            starts = sum(len(rung.measured) for rung in self.comparisons)
            connections = sum(
                len(rung.measured) * rung.parameters["connections"] for rung in self.comparisons
            )
        return self.slices * one + self.pace.generations * (
            starts * (START_S + first_s) + connections * CONNECT_S
        )

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row that takes part in any comparison, twins and references included."""
        return tuple(dict.fromkeys(row for comparison in self.comparisons for row in comparison.measured))


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
    def slices(self) -> int:
        """Slices in all."""
        return sum(stage.slices for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Estimated time."""
        return sum(stage.seconds for stage in self.stages)


def climbs(scenario: ScenarioEntry) -> bool:
    """Whether a scenario's sets are climbed as ladders: it has one, and is a server's."""
    return bool(scenario.about.ladder) and "StreamServer" in scenario.about.levels


def make_plan(
    profile: Profile,
    scenarios: Sequence[ScenarioEntry],
    probed: Sequence[Probed],
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
    stages, excluded = [], []
    for scenario in scenarios:
        sets = parameter_sets(scenario.about, profile.name)
        if climbs(scenario):
            sets = sorted(sets, key=lambda one: float(one[scenario.about.ladder]))
        present = [one for one in probed if isinstance(_styles(one, scenario), tuple)]
        excluded += list(_excluded(scenario, sets, probed))
        comparisons = []
        for position, parameters in enumerate(sets):
            comparison = replace(
                _comparison(profile, scenario, parameters, position, present),
                references=_references(profile, scenario, position, references),
            )
            forbidden = _forbidden(parameters, most_connections)
            if forbidden is not None:
                excluded += [
                    Excluded(row, scenario.id, parameters, forbidden, forbidden=True)
                    for row in comparison.rows
                ]
            elif comparison.rows:
                comparisons.append(comparison)
        if comparisons:
            pace = profile.climb if climbs(scenario) else profile.pace
            declared = scenario.about.objective_p99_ms
            objective = objective_p99_ms if declared and objective_p99_ms is not None else declared
            twins = {one.twin.adapter: Twin() for one in comparisons if one.twin is not None}
            stages.append(Stage(scenario, tuple(comparisons), pace, objective, twins, _libraries(present)))
    return Plan(profile, tuple(stages), tuple(excluded))


def parameter_sets(about: ScenarioAbout, profile: str) -> Sequence[Mapping[str, Any]]:
    """Parameter sets that a profile runs: those that are tagged with it or with a smaller one."""
    within = ORDER[: ORDER.index(profile) + 1]
    return [parameters for smallest, parameters in about.sets if smallest in within]


def _forbidden(parameters: Mapping[str, Any], most: tuple[int, str] | None) -> Outcome | None:
    """Why a parameter set cannot be had on this machine by any adapter; None: nothing is known against it."""
    wanted = int(parameters.get("connections", 0))
    if most is None or wanted <= most[0]:
        return None
    return Unsupported(f"{wanted:,} connections asked for, {most[0]:,} are possible: {most[1]}")


def _comparison(
    profile: Profile,
    scenario: ScenarioEntry,
    parameters: Mapping[str, Any],
    position: int,
    probed: Sequence[Probed],
) -> Comparison:
    beyond = scenario.about.primary_styles_only_beyond
    primary_only = beyond is not None and position >= beyond
    rows = []
    for one in probed:
        styles = _styles(one, scenario)
        if isinstance(styles, tuple):
            rows += [Row(one.entry.id, style) for style in (styles[:1] if primary_only else styles)]
    served = "StreamServer" in scenario.about.levels
    rates = (profile.rates if position else profile.rates_headline) if served else ()
    rounds = profile.rounds if position else profile.headline_rounds
    if climbs(scenario):
        rates, rounds = (), profile.climb_slices
    control = _control(profile, scenario, position, rows)
    return Comparison(scenario, parameters, tuple(rows), rounds, rates, control)


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
    return next((first[name] for name in CONTROLLED if name in first), rows[0] if rows else None)


def takes_references(scenario: ScenarioEntry) -> bool:
    """Whether native references run in a scenario: they serve an echo, and no ladder."""
    return "StreamServer" in scenario.about.levels and not climbs(scenario)


def _references(
    profile: Profile, scenario: ScenarioEntry, position: int, references: Sequence[str]
) -> tuple[Row, ...]:
    if not takes_references(scenario):
        return ()
    everywhere = profile.references_everywhere or not position
    return tuple(Row(one, STYLE) for one in (references if everywhere else references[:1]))


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
    if not styles or not set(scenario.about.levels) & set(one.levels):
        wanted = " or ".join(scenario.about.levels)
        return Unsupported(
            f"{one.entry.id} offers {', '.join(one.levels) or 'no level'}; this needs {wanted}"
        )
    return styles


def _excluded(
    scenario: ScenarioEntry, sets: Sequence[Mapping[str, Any]], probed: Sequence[Probed]
) -> Iterator[Excluded]:
    for one in probed:
        styles = _styles(one, scenario)
        if not isinstance(styles, tuple):
            for parameters in sets:
                yield Excluded(Row(one.entry.id, ""), scenario.id, parameters, styles)


def offered_rate(label: str, parameters: Mapping[str, Any], capacity_per_s: float) -> float:
    """Arrivals per second of an offered load: the common one, or a share of the row's own *capacity_per_s*."""
    if label == "common":
        return min(COMMON_RATE_PER_S, COMMON_BYTES_PER_S / float(parameters.get("size", 1)))
    return capacity_per_s * float(label.rstrip("%")) / 100
