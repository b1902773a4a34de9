"""A scenario's server in a worker and the load before it, as the engine puts them together."""

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from crossloop.api import Adapter, styles_of
from crossloop.load.commands import Address, Exchange, Open, Slice
from crossloop.suite import AdapterEntry, ScenarioEntry, load_suite
from crossloop.supervise.answers import Serving, SliceAnswer
from crossloop.supervise.certificates import certificates
from crossloop.supervise.child import suite_paths, worker
from crossloop.supervise.load import LoadClient
from tests.documents import ROOT

LIMIT_S = 30.0
FAULTY = ROOT / "tests" / "faulty_suite"
LYING = "tests.lying_scenario"


def smoke_set(scenario: ScenarioEntry) -> Mapping[str, Any]:
    """Its headline."""
    return scenario.about.sets[0][1]


def style_of(adapter: AdapterEntry, level: str) -> str:
    """The first style at *level*; empty where the adapter does not offer it, or is not for this platform."""
    if adapter.about.why_not_here():
        return ""
    kind: type[Adapter] = importlib.import_module(adapter.module).Adapter
    return styles_of(kind).get(level, ("",))[0]


@contextmanager
def served(
    adapter: AdapterEntry, scenario: ScenarioEntry, parameters: Mapping[str, Any], lie: str = ""
) -> Iterator[tuple[Address, int]]:
    """Address and pid of a server, by the adapter's first style; with *lie* one of `tests.lying_scenario`.

    Raises ChildError.
    """
    about, level = scenario.about, scenario.about.levels[0]
    place: dict[str, Any] = {"transport": about.transport}
    with ExitStack() as stack:
        ca = ""
        match about.transport:
            case "unix":  # (a short path: the kernel takes a hundred bytes)
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cl-"))
                place["path"] = str(Path(folder) / "s")
            case "tls":
                made = stack.enter_context(certificates())
                place["certificate"], ca = str(made.server), str(made.ca)
            case _:
                pass
        child = stack.enter_context(worker(f"{adapter.id}-{scenario.id}"))
        lying = {"of": scenario.module, "level": level, "lie": lie} if lie else {}
        request = {
            "do": "serve",
            "module": adapter.module,
            "scenario": LYING if lie else scenario.module,
            "style": style_of(adapter, level),
            "paths": [*suite_paths(load_suite([FAULTY]).paths), str(ROOT)],
            "cpu": None,
            "parameters": {**parameters, **lying},
            "levels": [level],
            **place,
        }
        ready = child.ask(request, Serving, LIMIT_S)
        address = Address(about.transport, ready.host, ready.port, ready.path, ca)
        yield address, ready.pid


def driven(
    load: LoadClient,
    scenario: ScenarioEntry,
    parameters: Mapping[str, Any],
    address: Address,
    pid: int,
    duration_ms: float = 100,
    run_in_ms: float = 20,
) -> SliceAnswer:
    """What a slice measures. Raises LoadFaultError."""
    exchange = importlib.import_module(scenario.module).Scenario(parameters).exchange()
    command = Open(
        target="server",
        address=address,
        connections=parameters["connections"],
        exchange=msgspec.convert(exchange.as_dict(), Exchange),
        pids=[pid],
        drive=scenario.about.drive,
        timeout_s=LIMIT_S,
    )
    load.open(command)
    answer = load.slice(
        Slice(target="server", phase="capacity", run_in_ms=run_in_ms, duration_ms=duration_ms, seed=1)
    )
    load.close("server")
    return answer
