"""`crossloop bench`: from the selection to the journal, and from the journal to the report."""

import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from crossloop.api.errors import UnsupportedError
from crossloop.bench import evidence
from crossloop.bench.header import run_header
from crossloop.bench.length import Length, described, fitted, least, length_of, settings_of
from crossloop.bench.loading import LoadEngine, ask_exchanges, without_unspread
from crossloop.bench.past import Past
from crossloop.bench.plan import Plan, climbs, make_plan, takes_processes, takes_references
from crossloop.bench.profiles import PROFILES, Profile, left_out
from crossloop.bench.site import LOOPBACK, SLICE_LIMIT_S
from crossloop.bench.stages import LONG_VISIT_S
from crossloop.cli.builds import Target, probe_target, targets
from crossloop.cli.choosing import chosen, parse_loop, records_or_stop, suite_or_stop
from crossloop.cli.exits import DONE, INTERRUPTED, NOTHING_MEASURED, StopError
from crossloop.cli.load_hosts import config_or_stop, hosts_or_stop, listening_or_stop
from crossloop.cli.measuring import (
    SHARED_CPUS,
    Bounds,
    adapter_record,
    carry_out,
    crowded,
    load_engine,
    scenario_records,
    settings_of_profile,
    terminated_is_interrupted,
    warnings_of,
    write_head,
)
from crossloop.cli.refusing import begun, holding, require_descriptors, require_loopback, unwritable
from crossloop.cli.rendering import render_apart
from crossloop.declarations import parameters_with
from crossloop.installing import recorded_setup
from crossloop.journal import (
    LADDER_RUN_IN_MS,
    LADDER_SLICE_MS,
    LOAD_FROM,
    SUITES,
    AdapterRecord,
    JournalError,
    JournalWriter,
    Record,
    RunRecord,
    journal_path,
    parameters_key,
    slices_left_out,
)
from crossloop.load.target import OWN_DESCRIPTORS
from crossloop.load.walls import walls
from crossloop.measure import clocks
from crossloop.outcomes import outcome_reason
from crossloop.references import FAMILY, REFERENCES, REFERENCES_SETTING, STYLE
from crossloop.suite import ScenarioEntry, Suite
from crossloop.supervise.child import MEMORY_BYTES
from crossloop.supervise.hosts import LoadHost
from crossloop.supervise.probe import Probed, probe_all
from crossloop.supervise.references import ProbedReference, probe_references
from crossloop.worker.process import raise_descriptor_limit
from crossloop.worker.serving import sharing_option

BUILD_BROUGHT = "brought for this run"
"""How another build of a binding is installed, as a report says it."""
LEAST_DESCRIPTORS = 64
"""Below this not even the interpreters of one comparison can be started and spoken to."""


@dataclass(frozen=True)
class Request:
    """The options of `crossloop bench`, as typed."""

    adapters: str | None
    scenarios: str | None
    profile: str
    out: Path | None
    resume: bool
    dry_run: bool
    seed: int
    limit: float
    memory: int
    objective: float | None
    rungs: str | None
    engine: str | None
    budget: float | None
    precision: float | None
    evidence: bool
    references: bool
    processes: tuple[int, ...] = ()
    """Beside one process; each number once, the lowest first."""
    loops: tuple[str, ...] = ()
    suites: tuple[Path, ...] = ()
    """Folders of `--suite`, which belongs to all commands."""
    load_from: str | None = None
    ssh_config: Path | None = None
    listen: str = LOOPBACK
    cache: Path | None = None
    """Where builds of bindings are kept; None: in a temporary folder."""

    @property
    def wanted(self) -> str | None:
        """The adapters that take part: those that were chosen, and each loop that was named."""
        if self.adapters is None:
            return None
        return ",".join([self.adapters, *(parse_loop(text).name for text in self.loops)])

    @property
    def load_hosts(self) -> tuple[LoadHost, ...]:
        """Where the load is to come from; none: from this machine as it does anyway. Raises `StopError`."""
        return hosts_or_stop("--load-from", self.load_from)

    @property
    def options(self) -> dict[str, int | float | str]:
        """What a command that measures the same has to say, by the option's name; defaults are left out."""
        given = {
            SUITES: shlex.join(map(str, self.suites)) or None,
            "loop": ",".join(self.loops) or None,
            "adapters": self.adapters,
            "scenarios": self.scenarios,
            "limit": None if self.limit == SLICE_LIMIT_S else self.limit,
            "memory": None if self.memory << 20 == MEMORY_BYTES else self.memory,
            "objective": self.objective,
            "rungs": self.rungs,
            "engine": self.engine,
            "budget": self.budget,
            "precision": self.precision,
            "evidence": None if self.evidence else False,
            "references": None if self.references else False,
            LOAD_FROM: ",".join(host.plain for host in self.load_hosts) or None,
            "processes": ",".join(map(str, self.processes)) or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def run(request: Request) -> int:
    """Plan, measure, render. See the contract of exit statuses in docs/design.md."""
    suite = suite_or_stop(request.suites, request.loops)
    with targets(suite, request.wanted, request.cache) as adapters:
        return _run(suite, adapters, request)


def _run(suite: Suite, adapters: Mapping[str, Target], request: Request) -> int:
    profile = PROFILES[request.profile].for_clock(clocks.cpu_step_ns())
    scenarios = chosen("scenario", suite.scenarios, request.scenarios)
    if request.rungs is not None:
        scenarios = with_rungs(scenarios, request.rungs)
    folder = request.out if request.out is not None else default_folder()
    _refuse_no_processes(scenarios, request)
    hosts, ssh_config = request.load_hosts, config_or_stop(request.ssh_config)
    listen = listening_or_stop(request.listen, hosts)
    engine = None if request.dry_run else load_engine(request.engine, scenarios.values(), hosts, ssh_config)
    references = _probed_references(suite, scenarios, request)
    header = _header(profile, adapters, scenarios, request, engine, references)
    with contextlib.nullcontext() if request.dry_run else holding(journal_path(folder)):
        if not request.dry_run:
            _refuse_other_run(journal_path(folder), header, resume=request.resume)
            _refuse_no_loopback(scenarios)
        click.echo("crossloop: asking each adapter what it is", err=True)
        probed = _probed(suite, adapters, scenarios)
        raise_descriptor_limit()
        exchanges = without_unspread(
            ask_exchanges(suite, list(scenarios.values()), profile.name),
            list(scenarios.values()),
            hosts,
        )
        plan = make_plan(
            profile,
            list(scenarios.values()),
            probed,
            exchanges,
            walls=walls(ends=1 if hosts else 2),
            objective_p99_ms=request.objective,
            references=[native.reference.id for native in references if native.usable],
            builds={name: target.build for name, target in adapters.items() if target.build is not None},
            processes=request.processes,
            no_sharing=_no_sharing(),
        )
        _refuse_unreachable(plan)
        length = length_of(plan, request.budget, request.precision)
        plan = _fitted(plan, length, request)
        if request.dry_run:
            return _print_plan(plan, length, folder, request)
        _say_forbidden(plan)
        _say_shared(header)
        bounds = Bounds(
            limit_s=request.limit,
            limit_bytes=request.memory << 20,
            length=length,
            evidence=request.evidence,
            load_hosts=hosts,
            engine=request.engine or "",
            ssh_config=ssh_config,
            listen=listen,
        )
        try:
            with terminated_is_interrupted():
                journal, past = _opened(folder, header, resume=request.resume)
                with journal:
                    if not past.cells and not past.slices:
                        known = _adapter_records(adapters, probed, references)
                        used = scenario_records(suite, scenarios.values())
                        write_head(journal, [*known, *used, *crowded(hosts)], header, engine)
                    end = carry_out(suite, plan, journal, header, engine, bounds, past)
        except KeyboardInterrupt:
            click.echo(f"crossloop: interrupted; `--resume --out {folder}` goes on from here", err=True)
            return INTERRUPTED
        render_apart(request.suites, [folder])
    if not end.cells.get("measured"):
        raise StopError(
            f"nothing could be measured; {folder / 'README.md'} says why, and `crossloop setup` brings bindings",
            NOTHING_MEASURED,
        )
    from crossloop.cli.showing import show_end  # what reports are made with, which measuring need not hold

    show_end(request.suites, folder)
    return DONE


def with_rungs(scenarios: Mapping[str, ScenarioEntry], rungs: str) -> dict[str, ScenarioEntry]:
    """*scenarios*, those with a ladder on the *rungs* that were named, in any profile. Raises `StopError`."""
    if not any(map(climbs, scenarios.values())):
        raise StopError(f"--rungs {rungs!r}: {', '.join(scenarios)} has no ladder; --scenarios c10k has one")
    return {id_: _on_rungs(entry, rungs) if climbs(entry) else entry for id_, entry in scenarios.items()}


def _on_rungs(entry: ScenarioEntry, rungs: str) -> ScenarioEntry:
    about = entry.about
    try:
        sets = [parameters_with(about, {about.ladder: rung.strip()}) for rung in rungs.split(",")]
    except ValueError as error:
        raise StopError(f"--rungs {rungs!r}: {error}") from error
    if len({parameters_key(parameters) for parameters in sets}) < len(sets):
        raise StopError(f"--rungs {rungs!r}: expected each rung once")
    smallest = next(iter(PROFILES))
    return replace(entry, about=replace(about, sets=tuple((smallest, parameters) for parameters in sets)))


def default_folder() -> Path:
    """`reports/linux`, `reports/macos` or `reports/windows`, below the working folder."""
    names = {"darwin": "macos", "win32": "windows", "cygwin": "windows"}
    return Path("reports") / names.get(sys.platform, sys.platform)


def _probed(
    suite: Suite, adapters: Mapping[str, Target], scenarios: Mapping[str, ScenarioEntry]
) -> list[Probed]:
    """What each adapter says of itself; builds come last. Raises `StopError`."""
    plain = {name: target.entry for name, target in adapters.items() if target.brought is None}
    builds = [target for target in adapters.values() if target.brought is not None]
    return [*probe_all(suite, plain, scenarios), *(probe_target(build, scenarios) for build in builds)]


def _header(
    profile: Profile,
    adapters: Mapping[str, Target],
    scenarios: dict[str, ScenarioEntry],
    request: Request,
    engine: LoadEngine | None,
    references: Sequence[ProbedReference],
) -> RunRecord:
    settings = settings_of_profile(profile, engine)
    if any(map(takes_references, scenarios.values())):
        usable = [native.reference.id for native in references if native.usable]
        settings[REFERENCES_SETTING] = (", ".join(usable) or "none") if request.references else False
    if ladders := [scenario for scenario in scenarios.values() if climbs(scenario)]:
        settings |= {
            "ladder-generations": profile.climb.generations,
            "ladder-slices": profile.climb_slices,
            LADDER_SLICE_MS: profile.climb.slice_ms,
            LADDER_RUN_IN_MS: profile.climb.run_in_ms,
        }
        settings |= {
            f"{scenario.id}-objective-p99-ms": declared if request.objective is None else request.objective
            for scenario in ladders
            if (declared := scenario.about.objective_p99_ms)
        }
        settings |= {"rungs": request.rungs} if request.rungs is not None else {}
    if request.processes:
        settings["processes"] = ", ".join(map(str, request.processes))
    settings |= settings_of(request.budget, request.precision)
    if request.load_hosts:
        settings[LOAD_FROM] = ", ".join(host.name for host in request.load_hosts)
    if request.listen != LOOPBACK:
        settings["listen"] = "beyond loopback"
    try:
        return run_header(
            profile.name,
            list(adapters),
            list(scenarios),
            seed=request.seed,
            slice_ms=profile.slice_ms,
            run_in_ms=profile.run_in_ms,
            settings=settings,
            options=request.options,
            left_out={
                id_: reason
                for id_, scenario in scenarios.items()
                if (reason := left_out(scenario.about, profile.name))
            },
            processes=1 if _no_sharing() else max(request.processes, default=1),
        )
    except JournalError as error:
        raise StopError(f"{error}; choose fewer or shorter names") from error


def _refuse_other_run(path: Path, header: RunRecord, *, resume: bool) -> None:
    """A run goes on only as what it began as: the same question, on the same kind of machine."""
    if not resume or not path.exists():
        return
    records = records_or_stop(path)
    if slices_left_out(records):
        raise StopError(
            f"--resume: the slices of {path} were left out by `crossloop export journal`, and slices are what a run "
            "goes on from; leave out --resume to begin anew"
        )
    refuse_other(path, records[0], header)
    if Past.of(records).end is not None:
        click.echo(f"crossloop: {path} is complete; rendering it again", err=True)


def refuse_other(path: Path, before: Record, now: RunRecord) -> None:
    """Raise `StopError` where a journal was begun with another question, or on another kind of machine."""
    for name in ("crossloop", "profile", "seed", "adapters", "scenarios", "machine", "slice_ms", "settings"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            raise StopError(
                f"--resume: {path} was begun with {name} {old!r:.500}, this is {new!r:.500}; "
                "use the same options, or leave out --resume to begin anew"
            )


def _opened(folder: Path, header: RunRecord, *, resume: bool) -> tuple[JournalWriter, Past]:
    path = journal_path(folder)
    if not (resume and path.exists()):
        return begun(path, header), Past()
    try:
        return JournalWriter(path, append=True), Past.of(records_or_stop(path))
    except OSError as error:
        raise unwritable(folder, error) from error


def _adapter_records(
    adapters: Mapping[str, Target], probed: Sequence[Probed], references: Sequence[ProbedReference]
) -> list[AdapterRecord]:
    installed, folders = recorded_setup(), {name: target.first for name, target in adapters.items()}
    return [
        *(
            adapter_record(
                adapter,
                BUILD_BROUGHT if adapter.build else installed.get(adapter.entry.id, ""),
                folders[adapter.name],
            )
            for adapter in probed
        ),
        *(_reference_record(native, installed.get(native.reference.id, "")) for native in references),
    ]


def _reference_record(native: ProbedReference, installed: str) -> AdapterRecord:
    return AdapterRecord(
        adapter=native.reference.id,
        family=FAMILY,
        library=native.reference.library,
        binding="C",
        usable=native.usable,
        outcome=native.outcome.name,
        reason=outcome_reason(native.outcome),
        facts=dict(native.facts),
        levels=["StreamServer"] if native.usable else [],
        styles=[STYLE] if native.usable else [],
        installed=installed,
    )


def _probed_references(
    suite: Suite, scenarios: Mapping[str, ScenarioEntry], request: Request
) -> list[ProbedReference]:
    """The native references, where one is wanted; an adapter of one's own by such an id takes its place."""
    if not (request.references and any(map(takes_references, scenarios.values()))):
        return []
    known = {id_: reference for id_, reference in REFERENCES.items() if id_ not in suite.adapters}
    return list(probe_references(known, recorded_setup()))


def _refuse_no_loopback(scenarios: Mapping[str, ScenarioEntry]) -> None:
    for id_, scenario in scenarios.items():
        if scenario.about.drive != "work" or scenario.about.companion:
            require_loopback(id_, "choose other --scenarios")
            return


def _refuse_unreachable(plan: Plan) -> None:
    """Say beforehand that the supervisor's own descriptors, its workers' pipes, will not do: both numbers."""
    require_descriptors("a bench", LEAST_DESCRIPTORS)
    for stage in plan.stages:
        # Three pipes each, of which those of a generation before are open until its processes have ended.
        require_descriptors(stage.name, 5 * stage.processes + OWN_DESCRIPTORS)


def _say_forbidden(plan: Plan) -> None:
    """Say before anything is measured which parameter sets this machine does not allow to anybody."""
    for reason in _forbidden(plan):
        click.echo(f"crossloop: no figure in {reason}", err=True)


def _forbidden(plan: Plan) -> list[str]:
    """Scenario and reason of each parameter set that this machine does not allow to anybody, each once."""
    forbidden = [excluded for excluded in plan.excluded if excluded.forbidden]
    return list(dict.fromkeys(f"{each.scenario}: {outcome_reason(each.outcome)}" for each in forbidden))


def _refuse_no_processes(scenarios: Mapping[str, ScenarioEntry], request: Request) -> None:
    """Refuse to be asked for several processes where no scenario that was chosen has a server for them."""
    if request.processes and not any(map(takes_processes, scenarios.values())):
        raise StopError(
            f"--processes {','.join(map(str, request.processes))}: no scenario of {', '.join(scenarios)} has a server "
            "that connections over TCP come to one by one; tcp-echo and http have"
        )


def _no_sharing() -> str:
    """Why no port can be shared on this platform; empty where one can."""
    try:
        sharing_option()
    except UnsupportedError as error:
        return str(error)
    return ""


def _say_shared(header: RunRecord) -> None:
    """Say before anything is measured that processes of a server have to share a CPU with the load."""
    for warning in warnings_of(header, None, {}):
        if warning.name == SHARED_CPUS:
            click.echo(f"crossloop: {warning.cause} {warning.remedy}", err=True)


def _fitted(plan: Plan, length: Length, request: Request) -> Plan:
    """The plan with as many rounds as its budget holds. Raises StopError where even the fewest do not fit a budget
    that was asked for."""
    plan, shortest = fitted(plan, length), least(plan)
    if request.budget is not None and shortest.seconds > 60 * request.budget:
        raise StopError(
            f"--budget {request.budget:g}: this selection takes {shortest.seconds / 60:.1f} minutes at "
            "least; give it that, or choose fewer --adapters or --scenarios"
        )
    return plan


def _print_plan(plan: Plan, length: Length, folder: Path, request: Request) -> int:
    for stage in plan.stages:
        for comparison in stage.comparisons:
            rates = f", offered loads: {', '.join(comparison.rates)}" if comparison.rates else ""
            rounds = comparison.rounds * stage.pace.generations
            twin = f", {comparison.control} twice" if comparison.control is not None else ""
            beside = f" and {len(comparison.references)} references" if comparison.references else ""
            if comparison.in_processes:
                beside += f" and {len(comparison.in_processes)} in several processes"
            rows = f"{len(comparison.rows)} rows{beside} × {rounds} rounds"
            row_s = max((stage.visit_s(row, comparison) for row in comparison.measured), default=0.0)
            long = f", about {row_s:.0f} s a row" if row_s >= LONG_VISIT_S else ""
            click.echo(f"{comparison}: {rows}{twin}{rates}{long}")
    allowed = [excluded for excluded in plan.excluded if not excluded.forbidden]
    for reason in _forbidden(plan):
        click.echo(f"no figure in {reason}")
    by_reason = {(excluded.row, excluded.scenario, excluded.outcome): excluded for excluded in allowed}
    for excluded in by_reason.values():
        click.echo(f"no figure: {excluded.row} in {excluded.scenario}: {outcome_reason(excluded.outcome)}")
    seconds = plan.seconds
    if request.evidence and (subject := evidence.subject(plan)):
        seconds += evidence.seconds(plan)
        click.echo(f"evidence: {subject[1].scenario.id}, {len(subject[1].rows)} rows")
    click.echo(f"{plan.slices} slices, about {seconds / 60:.1f} minutes{described(length)}, into {folder}")
    return DONE
