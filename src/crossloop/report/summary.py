"""What is computed over a whole run: how sure it is, and each scenario's result in a line."""

import shlex
from collections import Counter
from dataclasses import dataclass

from crossloop.journal import LOAD_ENGINE, PYTHON_LOAD, SUITES, Machine, MeasuredRow, MeasuredSet, Run
from crossloop.journal.naming import adapter_of
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, Field, Table, listing, number_field, table, text_field
from crossloop.report.certainty import ranked, too_few_rounds
from crossloop.report.texts import ScenarioTexts

STEAL_NOTED = 0.01
"""Share of CPU time taken by the hypervisor from which it is mentioned."""
_NAMES_SHOWN = 4
BENCH_OPTIONS = frozenset(
    [
        "loop",
        "adapters",
        "scenarios",
        "limit",
        "memory",
        "objective",
        "engine",
        "budget",
        "precision",
        "evidence",
        "references",
    ]
)
"""Options of `crossloop bench` that change what is measured (`RunRecord.options`)."""


def run_table(run: Run) -> Table:
    """What was run, where, when, and under which settings."""
    record = run.record
    machine = record.machine
    rows = [
        ("System", f"{run.place}{_maybe(', ', machine.libc)}"),
        ("Processor", f"{machine.cpu}, {digits.counted(machine.cpus, 'CPU')}, {_memory(machine)} of memory"),
        ("Virtual machine or emulation", machine.virtual or "none seen"),
        ("Python", machine.python),
        (
            "Open files allowed",
            digits.integer(machine.descriptors) if machine.descriptors else digits.MISSING,
        ),
        *(
            (
                f"Scenario {scenario} uses",
                ", ".join(f"{name} {version}" for name, version in versions.items()),
            )
            for scenario, versions in run.scenario_versions.items()
        ),
        ("Pinning", _pinning(record.server_cpu, record.load_cpu)),
        ("Run", f"crossloop {record.crossloop}, profile {record.profile}, seed {record.seed}"),
        ("Started", f"{record.started} (UTC)"),
        ("Duration", digits.duration(run.end.elapsed_s) if run.end else "not known: the run did not end"),
        (
            "Slices",
            f"{digits.setting(record.slice_ms)} ms, after {digits.setting(record.run_in_ms)} ms of run-in",
        ),
    ]
    if LOAD_ENGINE in record.settings:
        rows.append(("Load generator", _load_engine(run)))
    if run.end and run.end.resumed:
        taken = (
            f"{digits.counted(run.end.resumed, 'slice')} taken over; the duration is that of the last part"
        )
        rows.append(("Resumed", taken))
    if run.end and run.end.in_slices_share is not None:
        rows.append(("Time in slices, outside ladders", digits.percent(run.end.in_slices_share)))
    if run.end and run.end.peak_rss_bytes:
        rows.append(
            ("Memory of the supervisor", f"{digits.megabytes(run.end.peak_rss_bytes)} MB at its highest")
        )
    rows.extend(
        (f"Setting: {name}", str(value))
        for name, value in sorted(record.settings.items())
        if name != LOAD_ENGINE
    )
    return table([Column("What"), Column("This run")], rows)


def _load_engine(run: Run) -> str:
    """Which engine drove the servers; of the one in Python, why."""
    name = run.record.settings[LOAD_ENGINE]
    if name == "native":
        return "its native engine, in C"
    reasons = [one.cause for one in run.warnings if one.name == PYTHON_LOAD]
    return reasons[0] if reasons else "its engine in Python, as was asked for"


def _maybe(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""


def _memory(machine: Machine) -> str:
    return f"{digits.number(machine.memory_bytes / 2**30, 2)} GiB"


def _pinning(server_cpu: int | None, load_cpu: int | None) -> str:
    if server_cpu is None or load_cpu is None:
        return "none: the platform cannot pin processes, or was not asked to"
    return f"measured processes on CPU {server_cpu}, load on CPU {load_cpu}"


def doubts(run: Run) -> tuple[Markdown, ...]:
    """Warnings of the run, then what its figures say about themselves; each a line."""
    lines = [
        Markdown(
            f"**{inline(warning.name)}**: {inline(warning.cause)}"
            + (f" *Remedy:* {inline(warning.remedy)}" if warning.remedy else "")
        )
        for warning in run.warnings
    ]
    rows = [row for one in run.all_sets for row in one.rows]
    stolen = [share for row in rows if (share := row.figures.regime.steal_share) is not None]
    if stolen and max(stolen) >= STEAL_NOTED:
        cells = sum(share >= STEAL_NOTED for share in stolen)
        lines.append(
            Markdown(
                f"The hypervisor took up to {digits.percent(max(stolen))} of CPU time "
                f"(1 % or more in {digits.integer(cells)} of {digits.counted(len(stolen), 'cell')}): "
                "absolute figures are less sure than the ratios, which are paired."
            )
        )
    limited = sum(row.figures.regime.name == "client-bound" for row in rows)
    if limited:
        lines.append(
            Markdown(
                f"In {digits.integer(limited)} of {digits.counted(len(rows), 'measured cell')} the load generator "
                "was the limit: operations per second are lower bounds there (≥) and say nothing about rank."
            )
        )
    return tuple(lines)


@dataclass(frozen=True)
class Short:
    """The section "In short"."""

    sentence: Markdown
    results: Table


def short(run: Run, about: dict[str, ScenarioTexts]) -> Short:
    """Counts of outcomes, and the first tier of each scenario at its main parameter set."""
    counts = Counter(cell.outcome for cell in run.cells)
    measured = {adapter_of(cell.adapter) for cell in run.cells if cell.outcome == "measured"}
    outcomes = ", ".join(f"{digits.integer(count)} {inline(name)}" for name, count in counts.items())
    sentence = Markdown(
        f"Adapters with figures: {digits.integer(len(measured))} of {digits.integer(len(run.adapter_ids))}. "
        f"Cells: {outcomes or 'none'}."
    )
    fields: list[Field[MeasuredSet]] = [
        text_field("Scenario", lambda one: about[one.scenario].title),
        text_field("at", lambda one: parameters_text(one.parameters)),
        text_field(
            "Leanest (tier 1)", lambda one: _names(_leanest(one)) + ("" if ranked(one) else " (not ranked)")
        ),
        number_field(
            "CPU µs per operation", lambda one: f"{_costs(_leanest(one))} per {about[one.scenario].unit}"
        ),
        text_field("Next tier", _next_tier),
        text_field("Costliest", _costliest),
    ]
    caption = (
        "Least CPU per operation at each scenario's main parameter set; × is the paired ratio to the leanest "
        "row. There is no overall winner: the scenarios are different questions."
    )
    return Short(sentence, listing([sets[0] for sets in run.sets.values() if sets[0].rows], fields, caption))


def _leanest(measured: MeasuredSet) -> list[MeasuredRow]:
    """The first tier, or the first row where there are no tiers."""
    first, *rest = measured.rows
    return [first, *(row for row in rest if ranked(measured) and row.figures.tier == first.figures.tier)]


def _costs(rows: list[MeasuredRow]) -> str:
    values = [row.figures.cpu_ns_per_operation.value / 1000 for row in rows]
    low, high = digits.number(min(values)), digits.number(max(values))
    return low if low == high else f"{low}–{high}"


def _next_tier(measured: MeasuredSet) -> str:
    if not ranked(measured):
        return f"not ranked: {too_few_rounds(measured)}"
    tiers = sorted({row.figures.tier for row in measured.rows})
    following = [row for row in measured.rows if row.figures.tier in tiers[1:2]]
    return f"{_names(following)}: {_times(following)}" if following else "none: all are tied"


def _costliest(measured: MeasuredSet) -> str:
    """The end of what was seen; a dash where all are tied."""
    if ranked(measured) and len({row.figures.tier for row in measured.rows}) == 1:
        return digits.MISSING
    costliest = max(measured.rows, key=lambda row: row.figures.ratio_to_best.value)
    return f"{costliest.label}: {_times([costliest])}"


def _names(rows: list[MeasuredRow]) -> str:
    names = [row.label for row in rows[:_NAMES_SHOWN]]
    return ", ".join(names) + (f" and {len(rows) - len(names)} more" if len(rows) > len(names) else "")


def _times(rows: list[MeasuredRow]) -> str:
    values = [row.figures.ratio_to_best.value for row in rows]
    low, high = (
        f"{value:.2f}" if 0 <= value < 10 else digits.number(value) for value in (min(values), max(values))
    )
    return f"× {low}" if low == high else f"× {low}–{high}"


def reproduction(run: Run) -> Markdown:
    """The command that makes such a run.

    A journal from elsewhere is input, and this line is there to be copied: options that a bench does not have are left
    out, values are quoted for a shell.
    """
    command = ["crossloop", *_suites(str(run.record.options.get(SUITES, ""))), "bench"]
    command += ["--profile", run.record.profile, "--seed", str(run.record.seed)]
    for name, value in run.record.options.items():
        if name in BENCH_OPTIONS and value is False:
            command.append(f"--no-{name}")
        elif name in BENCH_OPTIONS:
            command += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    return code(shlex.join(command))


def _suites(text: str) -> list[str]:
    """The options that name folders of one's own, from the journal's list of them in a shell's quoting."""
    try:
        folders = shlex.split(text)
    except ValueError:  # no bench has written it
        return []
    return [word for folder in folders for word in ("--suite", folder)]
