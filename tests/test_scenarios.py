"""Every workload measures what it says: on asyncio here, and on every adapter in a worker of its own."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from adapters.asyncio_select import Adapter as SelectAdapter
from crossloop.api import UnsupportedError
from crossloop.declarations import PROFILES
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.outcomes import NotInstalled, Unsupported
from crossloop.suite import ScenarioEntry
from crossloop.supervise.answers import Ready, SliceAnswer
from crossloop.supervise.child import ChildError, suite_paths, worker
from crossloop.supervise.load import LoadClient
from scenarios import dns, http_client, pipe_pairs, timers, wakeups
from tests.own_suite import SUITE
from tests.serving import driven, served, smoke_set, style_of
from tests.workloads import (
    CANCEL,
    FIRE,
    LATENCY,
    LATENESS,
    LIMIT_S,
    PAIRS,
    PAIRS_WITH_TIMEOUTS,
    THROUGHPUT,
    Opened,
    Server,
    running,
)

SCENARIOS = list(SUITE.scenarios.values())
SERVED = [entry for entry in SCENARIOS if entry.about.drive != "work"]
WORKLOADS = [entry for entry in SCENARIOS if entry.about.drive == "work"]
ONE_OF_EACH_IDIOM = ("asyncio", "uvloop", "tornado", "gevent-libev", "pyev", "libevent", "threads")
"""Those that the small workloads are tried on; all others are of one of these idioms, or lack their levels."""
IN_WORKERS = [
    (adapter_id, entry)
    for entry in WORKLOADS
    for adapter_id in (ONE_OF_EACH_IDIOM if entry.about.brief else SUITE.adapters)
]


@pytest.fixture
def adapter() -> Iterator[AsyncioLoop]:
    """asyncio on a selector, on every platform."""
    opened = SelectAdapter()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The DNS server of the suite."""
    with running(dns.companion) as address:
        yield address


@pytest.mark.parametrize(
    ("module", "parameters", "operations", "samples"),
    [
        pytest.param(pipe_pairs, PAIRS, 203, 0, id="pipe-pairs"),
        pytest.param(pipe_pairs, PAIRS_WITH_TIMEOUTS, 203, 0, id="pipe-pairs-timeouts"),
        pytest.param(timers, CANCEL, 300, 0, id="timers-create-cancel"),
        pytest.param(timers, FIRE, 300, 0, id="timers-fire"),
        pytest.param(timers, LATENESS, 50, 50, id="timers-lateness"),
        pytest.param(wakeups, THROUGHPUT, 2000, 0, id="wakeups-throughput"),
        pytest.param(wakeups, LATENCY, 400, 400, id="wakeups-latency"),
    ],
)
def test_a_loop_that_works_is_measured(
    adapter: AsyncioLoop, module: ModuleType, parameters: Mapping[str, Any], operations: int, samples: int
) -> None:
    with Opened(module, adapter, parameters) as opened:
        assert opened.repeat(3) == 3 * operations
        assert len(opened.workload.samples_ns) == 3 * samples
        assert all(sample >= 0 for sample in opened.workload.samples_ns)


@pytest.mark.parametrize("kind", ["plain", "nxdomain", "truncated", "delayed", "lossy", "mixed"])
@pytest.mark.parametrize("in_flight", [1, 100])
def test_names_are_resolved_by_c_ares_on_the_loop(
    adapter: AsyncioLoop, server: Server, kind: str, in_flight: int
) -> None:
    parameters = {"names": 20 if kind != "lossy" else 10, "in_flight": in_flight, "kind": kind}
    with Opened(dns, adapter, parameters, "pycares", server) as opened:
        assert opened.repeat(2) == 2 * parameters["names"]
        assert len(opened.workload.samples_ns) == 2 * parameters["names"]
        assert opened.workload.counters["sockets"] >= 1
        assert opened.workload.counters["deadlines"] > 0 or kind != "lossy"


@pytest.mark.parametrize("kind", ["plain", "mixed"])
def test_names_are_resolved_by_the_adapters_own_resolvers(
    adapter: AsyncioLoop, server: Server, kind: str
) -> None:
    parameters = {"names": 20, "in_flight": 10, "kind": kind}
    for style in SelectAdapter.styles["NameResolution"]:
        with Opened(dns, adapter, parameters, style, server) as opened:
            try:
                assert opened.repeat(2) == 40
            except UnsupportedError as error:
                pytest.skip(str(error))


def test_rows_of_name_resolution() -> None:
    assert dns.Scenario.styles(SelectAdapter) == ("pycares", *SelectAdapter.styles["NameResolution"])


@pytest.mark.parametrize("entry", SCENARIOS, ids=lambda entry: entry.id)
def test_a_declaration_that_the_engine_can_plan_with(entry: ScenarioEntry) -> None:
    """What is within bounds is `crossloop.declarations`' to say; this is what every one here has besides."""
    profiles = [profile for profile, _parameters in entry.about.sets]
    assert profiles == sorted(profiles, key=PROFILES.index), "sets of larger profiles come later"
    assert profiles[0] == "smoke", "the headline of each profile is the set that smoke runs"
    assert profiles[-1] == "full"
    names = {tuple(sorted(parameters)) for _profile, parameters in entry.about.sets}
    assert len(names) == 1, "each set has the same parameters"
    numbers = {name for name, value in entry.about.sets[0][1].items() if type(value) in {int, float}}
    assert entry.about.limits.keys() == numbers


# Every adapter, as the engine drives it


@pytest.fixture(scope="module")
def web() -> Iterator[Server]:
    """The web server that clients ask."""
    with running(http_client.companion) as address:
        yield address


@pytest.mark.parametrize(
    ("adapter_id", "scenario"),
    IN_WORKERS,
    ids=[f"{adapter_id}-{scenario.id}" for adapter_id, scenario in IN_WORKERS],
)
def test_every_adapter_in_a_worker(
    adapter_id: str, scenario: ScenarioEntry, server: Server, web: Server
) -> None:
    paths = suite_paths(SUITE.paths)
    request = {
        "do": "work",
        "module": SUITE.adapters[adapter_id].module,
        "scenario": scenario.module,
        "style": {"dns": "pycares", "http-client": "aiohttp"}.get(scenario.id, "native"),
        "paths": paths,
        "cpu": None,
        "server": list(web if scenario.id == "http-client" else server),
    }
    with worker(f"{adapter_id}-{scenario.id}") as child:
        try:
            child.ask(request, Ready, LIMIT_S)
            for profile, parameters in scenario.about.sets:
                if profile != "smoke":
                    continue
                order = {"do": "slice", "parameters": dict(parameters), "run_in_ms": 0, "duration_ms": 1}
                answer = child.ask(order, SliceAnswer, LIMIT_S)
        except ChildError as error:
            if isinstance(error.outcome, Unsupported | NotInstalled):
                pytest.skip(f"{error.outcome.name}: {error.outcome.reason}")
            raise
    assert answer.operations > 0


@pytest.fixture(scope="module")
def load() -> Iterator[LoadClient]:
    """A load process for all of them."""
    with LoadClient() as client:
        yield client


@pytest.mark.parametrize("scenario", SERVED, ids=lambda entry: entry.id)
@pytest.mark.parametrize("adapter_id", ["asyncio", "select", "threads"])
def test_served_scenarios_under_load(adapter_id: str, scenario: ScenarioEntry, load: LoadClient) -> None:
    """Three ways to wait. That every adapter serves each level right is for contract to show."""
    chosen, parameters = SUITE.adapters[adapter_id], smoke_set(scenario)
    if not style_of(chosen, scenario.about.levels[0]):
        pytest.skip(f"{adapter_id} offers no {scenario.about.levels[0]}")
    with served(chosen, scenario, parameters) as (address, pid):
        answer = driven(load, scenario, parameters, address, pid)
    assert answer.answered > 0
    assert sum(count for _ns, count in answer.latency) == answer.operations
