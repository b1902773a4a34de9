"""What is asked of a load process, and of scenarios for it, before a plan is made: its engine, and its exchanges."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from crossloop.api import ScenarioAbout
from crossloop.bench.profiles import parameter_sets
from crossloop.journal import PYTHON_LOAD, WarningRecord
from crossloop.load.commands import Exchange
from crossloop.outcomes import Outcome, Unsupported, outcome_reason
from crossloop.plain_text import without_folders
from crossloop.suite import ScenarioEntry, Suite
from crossloop.supervise.child import ChildError
from crossloop.supervise.hosts import LoadHost
from crossloop.supervise.load import LoadClient
from crossloop.supervise.probe import exchanges_of


@dataclass(frozen=True)
class LoadEngine:
    """The engine that load processes are to be started with."""

    name: str
    """`native` or `python`."""
    reason: str = ""
    """Why it is not the native one; empty where it is, or where Python's was asked for."""


def ask_load_engine() -> LoadEngine:
    """What a load process would take here: Python's engine where the native one ends its process.

    Raises ChildError when none can be started.
    """
    try:
        return _answer("")
    except ChildError as error:
        _answer("python")
        return LoadEngine("python", f"a load process with the native one {outcome_reason(error.outcome)}")


def _answer(engine: str) -> LoadEngine:
    with LoadClient(engine) as load:
        answer = load.engine()
    return LoadEngine(answer.engine, without_folders(answer.reason))


def engine_warning(engine: LoadEngine, recorded: str) -> WarningRecord | None:
    """The warning of a run that had to do with Python's engine; *recorded* is what the last setup said of the other."""
    if not engine.reason:
        return None
    setup = f"; the last setup: {recorded}" if recorded.startswith("failed") else ""
    return WarningRecord(
        PYTHON_LOAD,
        f"The load generator ran on its engine in Python: {engine.reason}{setup}.",
        "crossloop setup load-engine, which takes a C compiler. Python's engine is the limit sooner: a fast server "
        "on few connections is then client-bound.",
    )


def without_unspread(
    exchanges: Mapping[str, Sequence[Exchange] | Outcome],
    scenarios: Sequence[ScenarioEntry],
    hosts: Sequence[LoadHost],
) -> Mapping[str, Sequence[Exchange] | Outcome]:
    """*exchanges* of *scenarios* for a load from *hosts*: `Unsupported` where what they count cannot be added up."""
    abouts = {scenario.id: scenario.about for scenario in scenarios}
    reasons = {id_: _one_load_alone(abouts[id_], given, hosts) for id_, given in exchanges.items()}
    return {id_: Unsupported(reasons[id_]) if reasons[id_] else given for id_, given in exchanges.items()}


def _one_load_alone(
    about: ScenarioAbout, given: Sequence[Exchange] | Outcome, hosts: Sequence[LoadHost]
) -> str:
    """Why the load of a scenario cannot come from *hosts*; empty where it can."""
    if not hosts or not isinstance(given, Sequence):
        return ""
    if about.drive == "push":
        return "each load would take what another one has pushed for its own; measure it without --load-from"
    if any(exchange.greedy or exchange.stall_ms or exchange.rest_ms for exchange in given):
        return "it is looked at between two steps of one load process; measure it without --load-from"
    if about.transport == "unix" and not all(host.local for host in hosts):
        return "a unix socket is reached from its own machine alone"
    return ""


def ask_exchanges(
    suite: Suite, scenarios: Sequence[ScenarioEntry], profile: str
) -> Mapping[str, Sequence[Exchange] | Outcome]:
    """By scenario that is driven from outside: what the load exchanges on each set of a profile, or why not known."""

    def ask(scenario: ScenarioEntry) -> Sequence[Exchange] | Outcome:
        try:
            return exchanges_of(suite, scenario, parameter_sets(scenario.about, profile))
        except ChildError as error:
            return error.outcome

    driven = [scenario for scenario in scenarios if scenario.about.drive != "work"]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((scenario.id for scenario in driven), pool.map(ask, driven), strict=True))
