"""`crossloop compare --adapters ID@A,ID@B`: two builds of one binding, measured in the same rounds."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from crossloop.bench.loading import ask_exchanges
from crossloop.bench.plan import Plan, climbs, make_plan
from crossloop.bench.profiles import PROFILES, Profile
from crossloop.bench.stages import Comparison, Row
from crossloop.bench.variants import Build, Variant, variant_name
from crossloop.cli.choosing import chosen, one_of, suite_or_stop
from crossloop.cli.comparing import deliver, run_of
from crossloop.cli.exits import INTERRUPTED, NOTHING_MEASURED, StopError
from crossloop.cli.measuring import adapter_record, measure, terminated_is_interrupted
from crossloop.cli.refusing import probe_writable, require_descriptors, require_loopback
from crossloop.compare import BuildNames, compare_builds
from crossloop.installing.builds import Brought, BuildError, Wanted, bring_build, proven, wanted_build
from crossloop.journal import AdapterRecord
from crossloop.load.walls import walls
from crossloop.measure import clocks
from crossloop.outcomes import outcome_reason
from crossloop.suite import AdapterEntry, ScenarioEntry, Suite
from crossloop.supervise.probe import Probed, probe

TWIN_SUFFIX = "-twin"
DESCRIPTORS = 128


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    adapters: str
    loops: tuple[str, ...]
    scenarios: str
    profile: str
    threshold_percent: float
    out: Path | None
    cache: Path | None
    seed: int


@dataclass(frozen=True)
class Proven:
    """A build, and what its own worker said of it."""

    brought: Brought
    probed: Probed

    @property
    def name(self) -> str:
        """Of its rows' adapter."""
        return variant_name(self.brought.wanted.adapter.id, Build(self.brought.wanted.label, ()))


def run(suites: Sequence[Path], request: Request) -> int:
    """Bring both builds, measure them beside a twin of the first, and give the verdict."""
    suite = suite_or_stop(suites, request.loops)
    wanted = _wanted(suite, request.adapters)
    scenarios = chosen("scenario", suite.scenarios, request.scenarios)
    for folder in (request.out, request.cache):
        if folder is not None:
            probe_writable(folder)
    require_descriptors("compare", DESCRIPTORS)
    require_loopback("compare", "run it where there is one")
    with tempfile.TemporaryDirectory(prefix="crossloop-compare-") as temporary:
        cache = request.cache.resolve() if request.cache is not None else Path(temporary)
        out = request.out if request.out is not None else Path(temporary)
        builds = [_proven(suite, build, scenarios, cache) for build in wanted]
        names = BuildNames(wanted[0].adapter.id, builds[0].name, builds[1].name, builds[0].name + TWIN_SUFFIX)
        profile = PROFILES[request.profile].for_clock(clocks.cpu_step_ns())
        plan = _plan(suite, profile, list(scenarios.values()), builds, names)
        click.echo(f"crossloop: {plan.slices} slices, about {plan.seconds / 60:.1f} minutes", err=True)
        try:
            with terminated_is_interrupted():
                rows = [names.adapter, names.base, names.new, names.twin]
                measure(suite, plan, [_record(build) for build in builds], rows, out, request.seed)
        except KeyboardInterrupt:
            click.echo("crossloop: interrupted; a comparison begins anew", err=True)
            return INTERRUPTED
        document = compare_builds(run_of(out), names, threshold=request.threshold_percent / 100)
    return deliver(document, request.out)


def _wanted(suite: Suite, text: str) -> tuple[Wanted, Wanted]:
    """The two builds in `ID@A,ID@B`."""
    parts = [part.partition("@") for part in text.split(",")]
    if len(parts) != 2 or not all(adapter and what for adapter, _at, what in parts):
        raise StopError(
            f"--adapters {text!r}: expected two builds of one adapter, such as uvloop@0.21.0,uvloop@0.22.1 or "
            "uvloop@old.whl,uvloop@DIR; two runs are compared by `crossloop compare BASE NEW`"
        )
    entries: list[AdapterEntry] = [
        one_of("adapter", suite.adapters, adapter) for adapter, _at, _what in parts
    ]
    if entries[0].id != entries[1].id:
        raise StopError(
            f"--adapters {text!r}: expected two builds of one adapter, these are {entries[0].id} and {entries[1].id}; "
            "`crossloop bench` compares adapters"
        )
    try:
        first, second = (wanted_build(entry, part[2]) for entry, part in zip(entries, parts, strict=True))
    except BuildError as error:
        raise StopError(str(error)) from error
    if first.source == second.source:
        raise StopError(f"--adapters {text!r}: both are one build; name two")
    if first.label == second.label:
        second = dataclasses.replace(second, label=f"{second.label[:35]}-new")
    return first, second


def _proven(suite: Suite, wanted: Wanted, scenarios: Mapping[str, ScenarioEntry], cache: Path) -> Proven:
    """Bring a build and have a worker prove that it is loaded."""
    click.echo(f"crossloop: {wanted.adapter.id}@{wanted.label}: bringing it", err=True)
    try:
        brought = bring_build(wanted, cache)
        first = dataclasses.replace(suite, paths=(brought.folder, *suite.paths))
        probed = probe(first, wanted.adapter, scenarios)
        if not probed.usable:
            raise StopError(
                f"{wanted.adapter.id}@{wanted.label} cannot be opened: {outcome_reason(probed.outcome)}; "
                "name another build, or another Python",
                NOTHING_MEASURED,
            )
        proven(brought, probed.facts)
    except BuildError as error:
        raise StopError(str(error)) from error
    facts = probed.facts
    click.echo(
        f"crossloop: {wanted.adapter.id}@{wanted.label}: {facts['binding']} {facts['binding_version']}, "
        f"{facts['library']} {facts['library_version']}, proven by its worker",
        err=True,
    )
    return Proven(brought, probed)


def _plan(
    suite: Suite,
    profile: Profile,
    scenarios: Sequence[ScenarioEntry],
    builds: Sequence[Proven],
    names: BuildNames,
) -> Plan:
    """The rows of the plan, three times over; without offered loads, of which nothing is concluded."""
    steady = [scenario for scenario in scenarios if not climbs(scenario)]
    planned = make_plan(
        profile,
        steady,
        [builds[0].probed],
        ask_exchanges(suite, steady, profile.name),
        walls=walls(),
    )
    folders = {names.base: builds[0], names.new: builds[1], names.twin: builds[0]}
    variants: dict[str, Variant] = {
        name: Build(name.partition("@")[2], (build.brought.folder,)) for name, build in folders.items()
    }
    stages = tuple(
        dataclasses.replace(
            stage,
            comparisons=tuple(
                _tripled(comparison, builds, tuple(folders)) for comparison in stage.comparisons
            ),
            variants=variants,
        )
        for stage in planned.stages
    )
    stages = tuple(stage for stage in stages if stage.rows)
    if not stages:
        reasons = "; ".join(dict.fromkeys(outcome_reason(excluded.outcome) for excluded in planned.excluded))
        raise StopError(
            f"--scenarios: nothing in which {names.adapter} can be compared ({reasons or 'ladders are not'}); "
            "`crossloop list` shows what there is",
            NOTHING_MEASURED,
        )
    return Plan(planned.profile, stages, ())


def _tripled(comparison: Comparison, builds: Sequence[Proven], names: Sequence[str]) -> Comparison:
    """A comparison of both builds and the twin, in the styles that both builds have."""
    known = builds[1].probed.rows.get(comparison.scenario.id, ())
    styles = [row.style for row in comparison.rows if isinstance(known, tuple) and row.style in known]
    rows = tuple(Row(name, style) for style in styles for name in names)
    return dataclasses.replace(
        comparison, rows=rows, rates=(), control=None
    )  # the twin is a row here, of every style


def _record(build: Proven) -> AdapterRecord:
    """What the journal keeps of a build."""
    facts = {**build.probed.facts, "loaded_from": _public(build)}
    probed = dataclasses.replace(build.probed, facts=facts)
    record = adapter_record(probed, build.brought.version, [build.brought.folder])
    return msgspec.structs.replace(record, adapter=build.name)


def _public(build: Proven) -> str:
    """Where the build's code came from, without this machine's folders."""
    loaded, name = str(build.probed.facts.get("loaded_from", "")), build.brought.folder.name
    return name + loaded.partition(name)[2]
