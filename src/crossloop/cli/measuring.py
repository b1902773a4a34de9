"""From a plan to its journal: what `bench`, `compare --adapters` and `claims` share."""

import contextlib
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from crossloop.bench.execution import Bench, planned_parts, planned_seconds
from crossloop.bench.header import run_header
from crossloop.bench.length import FIXED, Length
from crossloop.bench.loading import LoadEngine, ask_load_engine, engine_warning
from crossloop.bench.past import Past
from crossloop.bench.plan import Plan
from crossloop.bench.profiles import Profile
from crossloop.bench.progress import EVIDENCE_KIND
from crossloop.bench.site import LOOPBACK, SLICE_LIMIT_S, Conditions
from crossloop.cli.exits import NOTHING_MEASURED, StopError
from crossloop.cli.progress import PlanView
from crossloop.cli.refusing import begun, holding
from crossloop.installing import recorded_setup
from crossloop.installing.versions import installed_versions, outside_range
from crossloop.journal import (
    LOAD_ENGINE,
    LOAD_FROM,
    AdapterRecord,
    EndRecord,
    JournalWriter,
    Record,
    RunRecord,
    ScenarioRecord,
    WarningRecord,
    is_variant,
    journal_path,
)
from crossloop.machine.facts import cpus_usable
from crossloop.native import LOAD_ENGINE as PART
from crossloop.outcomes import Outcome, outcome_reason, outcome_stderr
from crossloop.plain_text import without_folders
from crossloop.suite import ScenarioEntry, Suite
from crossloop.supervise.child import MEMORY_BYTES, ChildError
from crossloop.supervise.hosts import LoadHost
from crossloop.supervise.load_hosts import LoadHosts
from crossloop.supervise.probe import Probed, versions_of

SHARED_CPUS = "processes-share-cpus"
"""Name of the warning that a server's processes and the load share a CPU."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a run may take."""

    limit_s: float = SLICE_LIMIT_S
    """Longest slice."""
    limit_bytes: int = MEMORY_BYTES
    """Largest worker."""
    length: Length = FIXED
    evidence: bool = False
    load_hosts: tuple[LoadHost, ...] = ()
    engine: str = ""
    """Of the load on `load_hosts`: each takes the best that it has, unless one was asked for."""
    ssh_config: str = ""
    listen: str = LOOPBACK


def measure(
    suite: Suite, plan: Plan, adapters: Sequence[AdapterRecord], names: Sequence[str], folder: Path, seed: int
) -> None:
    """Measure *plan* into a new journal in *folder*; *names* are its adapters as the first record lists them.

    Without evidence: nothing is concluded of it here. Raises `StopError`, and KeyboardInterrupt as it comes.
    """
    scenarios = {comparison.scenario.id: comparison.scenario for comparison in plan.comparisons}
    engine = load_engine(None, scenarios.values())
    header = run_header(
        plan.profile.name,
        names,
        list(dict.fromkeys((*scenarios, *(excluded.scenario for excluded in plan.excluded)))),
        seed=seed,
        slice_ms=plan.profile.slice_ms,
        run_in_ms=plan.profile.run_in_ms,
        settings=settings_of_profile(plan.profile, engine),
    )
    with holding(journal_path(folder)), begun(journal_path(folder), header) as journal:
        write_head(journal, adapters, header, engine)
        carry_out(suite, plan, journal, header, engine, Bounds())


def carry_out(
    suite: Suite,
    plan: Plan,
    journal: JournalWriter,
    header: RunRecord,
    engine: LoadEngine | None,
    bounds: Bounds,
    past: Past = Past(),  # noqa: B008  (frozen)
) -> EndRecord:
    """Measure what is not in *past*, with progress on stderr.

    Raises KeyboardInterrupt, and `JournalError` where the journal cannot be written on.
    """
    conditions = Conditions(
        header.server_cpu,
        header.load_cpu,
        bounds.limit_s,
        bounds.limit_bytes,
        engine.name if engine is not None and not bounds.load_hosts else bounds.engine,
        bounds.load_hosts,
        bounds.ssh_config,
        bounds.listen,
        tuple(header.process_cpus),
    )
    planned_s = planned_seconds(plan, past, evidence=bounds.evidence)
    parts = planned_parts(plan, past, evidence=bounds.evidence)
    most_s = 0.0
    if bounds.length.budget_s is not None and bounds.length.precision is not None:
        most_s = bounds.length.budget_s + planned_s[EVIDENCE_KIND]
    with PlanView(planned_s, plan.slices, len(past.slices), parts=parts, most_s=most_s) as view:
        bench = Bench(
            suite,
            plan,
            journal,
            conditions=conditions,
            seed=header.seed,
            past=past,
            watch=view,
            length=bounds.length,
            evidence=bounds.evidence,
        )
        end = bench.run()
    if end.in_slices_share is not None:
        click.echo(
            f"crossloop: {end.elapsed_s:.0f} s, outside ladders {end.in_slices_share:.0%} of the time in slices",
            err=True,
        )
    return end


def settings_of_profile(profile: Profile, engine: LoadEngine | None) -> dict[str, int | float | str]:
    """What the first record of a journal says of it."""
    settings: dict[str, int | float | str] = {
        "generations": profile.generations,
        "headline-rounds": profile.headline_rounds,
        "rounds": profile.rounds,
    }
    if profile.brief_generations:
        settings |= {"brief-generations": profile.brief_generations, "brief-rounds": profile.brief_rounds}
    if engine is not None:
        settings[LOAD_ENGINE] = engine.name
    return settings


def load_engine(
    wanted: str | None,
    scenarios: Iterable[ScenarioEntry],
    hosts: Sequence[LoadHost] = (),
    ssh_config: str = "",
) -> LoadEngine | None:
    """The load generator's engine, on *hosts* the slowest; None where nothing takes a load. Raises `StopError`."""
    if not any(scenario.about.drive != "work" for scenario in scenarios):
        return None
    if hosts:
        return _engine_of(hosts, wanted, ssh_config)
    if wanted == "python":
        return LoadEngine(wanted)
    try:
        engine = ask_load_engine()
    except ChildError as error:
        raise StopError(f"the load generator does not start: {error}", NOTHING_MEASURED) from error
    if wanted and engine.name != wanted:
        raise StopError(f"--engine {wanted}: {engine.reason}")
    return engine


def _engine_of(hosts: Sequence[LoadHost], wanted: str | None, ssh_config: str) -> LoadEngine:
    """Each host is tried before anything is measured."""
    lost: dict[str, Outcome] = {}
    try:
        with LoadHosts(hosts, lost, engine=wanted or "", ssh_config=ssh_config) as load:
            engine = load.engine()
    except ChildError as error:
        raise StopError(f"--load-from: {outcome_reason(error.outcome)}", NOTHING_MEASURED) from error
    for name, outcome in lost.items():
        said = outcome_stderr(outcome).strip().rpartition("\n")[2]
        raise StopError(
            f"--load-from {name}: {outcome_reason(outcome)}" + (f": {said}" if said else ""), NOTHING_MEASURED
        )
    return LoadEngine(engine.engine, without_folders(engine.reason))


def crowded(hosts: Sequence[LoadHost]) -> Iterator[WarningRecord]:
    """The warning of a run in which a load of this machine has to share the server's CPU."""
    local, cpus = sum(host.local for host in hosts), cpus_usable()
    if local < cpus:
        return
    yield WarningRecord(
        "crowded-load",
        f"{local} load processes on a machine with {cpus} CPUs: one of them shares the server's, and takes from it.",
        f"--load-from with at most {max(1, cpus - 1)} times localhost, or other hosts.",
    )


def write_head(
    journal: JournalWriter, adapters: Iterable[Record], header: RunRecord, engine: LoadEngine | None
) -> None:
    """What is known before anything is measured: *adapters*, native references among them, and warnings."""
    known = list(adapters)
    remarks = [
        WarningRecord(
            "other-version",
            f"{record.adapter}: {record.reason}.",
            f"`crossloop setup {record.adapter}` brings it.",
        )
        for record in known
        if isinstance(record, AdapterRecord)
        and record.usable
        and record.reason
        and not is_variant(record.adapter)
    ]
    for record in (*known, *warnings_of(header, engine, recorded_setup()), *remarks):
        journal.write(record, sync=False)


def scenario_records(suite: Suite, scenarios: Iterable[ScenarioEntry]) -> Iterator[ScenarioRecord]:
    """What the scenarios use beside the adapters; none of one that uses nothing."""
    for scenario in scenarios:
        if requires := [
            *scenario.about.requires,
            *(need for of in scenario.about.style_requires.values() for need in of),
        ]:
            versions = installed_versions(requires) | dict(versions_of(suite, scenario))
            yield ScenarioRecord(scenario.id, versions)


def adapter_record(adapter: Probed, installed: str, first: Sequence[Path] = ()) -> AdapterRecord:
    """What a journal keeps of an adapter that was asked what it is; *first*: folder of a build."""
    about = adapter.entry.about
    return AdapterRecord(
        adapter=adapter.name,
        family=about.family,
        library=about.library,
        binding=about.binding,
        usable=adapter.usable,
        outcome=adapter.outcome.name,
        reason="; ".join(
            filter(None, (outcome_reason(adapter.outcome), *outside_range(about.requires, first)))
        ),
        facts=dict(adapter.facts),
        levels=list(adapter.levels),
        styles=list(adapter.levels.get("StreamServer", ())),
        installed=installed or ("" if about.requires or about.recipe else "standard library"),
        distributions=installed_versions(about.requires, first),
    )


def warnings_of(
    header: RunRecord, engine: LoadEngine | None, installed: Mapping[str, str]
) -> Iterator[WarningRecord]:
    """What makes figures of this machine, with this load, less sure."""
    if engine is not None and (warning := engine_warning(engine, installed.get(PART.id, ""))) is not None:
        yield warning
    if header.server_cpu is None:
        yield WarningRecord(
            "not-pinned",
            "Server and load share the CPUs: the system has fewer than two, or cannot pin.",
            "Compare ratios within one table only; use two CPUs on a system that can pin for absolute figures.",
        )
    if header.load_cpu in header.process_cpus and LOAD_FROM not in header.settings:
        yield WarningRecord(
            SHARED_CPUS,
            f"A server's processes run on the CPUs {', '.join(map(str, header.process_cpus))}, and CPU "
            f"{header.load_cpu} is the load's as well: a process there has what the load leaves, and the load has what "
            "that process leaves.",
            "What a server in several processes can do takes a CPU for each of them and one for the load.",
        )
    if header.machine.platform == "darwin" and header.machine.architecture == "arm64":
        yield WarningRecord(
            "cores-differ",
            "macOS chooses between performance and efficiency cores for each process (by its QoS class, which is left "
            "as it was inherited): a server or load that ran on slow cores looks slow.",
            "Compare ratios within one table only; run in the foreground, on mains power, on an idle machine.",
        )
    if header.machine.virtual:
        yield WarningRecord(
            "virtual-machine",
            f"The machine is virtual ({header.machine.virtual}): neighbours may take CPU time at any moment.",
            "Trust ratios (paired within a round) before absolute figures.",
        )


@contextlib.contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """SIGTERM, and on Windows Ctrl-Break, ends a bench as Ctrl-C does: children ended, journal intact, status 130."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if sys.platform != "win32":
            signal.siginterrupt(signal.SIGTERM, True)
