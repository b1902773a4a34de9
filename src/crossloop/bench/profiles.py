"""Profiles: how much is measured, and which parameter sets of a scenario that takes in. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossloop.api.about import ScenarioAbout
from crossloop.statistics import ROUNDS_TO_SEPARATE

CONNECT_LIMIT_S = 0.002
"""What each of a great many connections may take, on the mean, before a rung of a ladder is too slow to make."""
STEPS = 40
"""Of a coarse clock in a slice: one step more or less is then 2.5 %."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Sets of fresh processes, and the length of a slice and of its run-in."""

    generations: int
    slice_ms: float
    run_in_ms: float
    connect_s: float = 15.0
    """Of a ladder: time in which all connections of a rung must have been answered once; see `connect_limit_s`."""

    def connect_limit_s(self, connections: int) -> float:
        """Time in which so many connections must have been answered once."""
        return max(self.connect_s, connections * CONNECT_LIMIT_S)


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
    brief_generations: int = 0
    """Generations of scenarios that are `brief`; 0: as all others."""
    brief_rounds: int = 0
    """Rounds of each of their sets in all generations together, and no offered loads; 0: as all others."""
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
    longest_s: float = 0.0
    """Time that all of it may take on whatever is chosen: a plan of more is cut to fewer rounds; 0: no bound."""
    evidence_of_first_styles: bool = False
    """Whether the evidence pass takes the first style of each adapter alone; otherwise all."""
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
            brief_generations=1,
            brief_rounds=1,
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
            brief_generations=1,
            brief_rounds=ROUNDS_TO_SEPARATE,
            climb=Pace(generations=1, slice_ms=200, run_in_ms=30),
            climb_slices=2,
            more=2.0,
            longest_s=360.0,
            evidence_of_first_styles=True,
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


def parameter_sets(about: ScenarioAbout, profile: str) -> Sequence[Mapping[str, Any]]:
    """Parameter sets that a profile runs: those that are tagged with it or with a smaller one, the headline first."""
    within = ORDER[: ORDER.index(profile) + 1]
    return [parameters for smallest, parameters in about.sets if smallest in within]


def left_out(about: ScenarioAbout, profile: str) -> dict[str, int]:
    """Larger profile → how many parameter sets of a scenario it runs beyond those of the profile before it."""
    later = ORDER[ORDER.index(profile) + 1 :]
    counted = Counter(smallest for smallest, _parameters in about.sets)
    return {name: counted[name] for name in later if counted[name]}
