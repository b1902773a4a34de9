"""Plans that no worker is asked for: each scenario that is driven from outside exchanges echoes."""

from collections.abc import Sequence
from typing import Any

import msgspec

from crossloop.api import echo
from crossloop.bench.plan import Exchanges, Plan, make_plan
from crossloop.bench.profiles import PROFILES, parameter_sets
from crossloop.load.commands import Exchange
from crossloop.suite import ScenarioEntry
from crossloop.supervise.probe import Probed


def echo_of(size: int = 64, in_flight: int = 1) -> Exchange:
    """As a worker would say it."""
    return msgspec.convert(echo(size, in_flight).as_dict(), Exchange)


def echoes(profile: str, scenarios: Sequence[ScenarioEntry]) -> Exchanges:
    """Of each parameter set, by its `size`."""
    return {
        scenario.id: [echo_of(sets.get("size", 64)) for sets in parameter_sets(scenario.about, profile)]
        for scenario in scenarios
    }


def planned(profile: str, scenarios: Sequence[ScenarioEntry], probed: Sequence[Probed], **more: Any) -> Plan:
    """The plan of a profile."""
    return make_plan(PROFILES[profile], scenarios, probed, echoes(profile, scenarios), **more)
