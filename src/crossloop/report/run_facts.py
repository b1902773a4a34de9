"""What was run, where and under which settings, and the command that runs it again. Pure."""

import shlex
from collections import Counter
from collections.abc import Sequence

from crossloop.journal import LOAD_ENGINE, LOAD_FROM, PYTHON_LOAD, SUITES, Machine, Run, RunRecord
from crossloop.journal.naming import adapter_of
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, code
from crossloop.markup.tables import Column, Table, table

BENCH_OPTIONS = frozenset(
    [
        "loop",
        "adapters",
        "scenarios",
        "limit",
        "memory",
        "objective",
        "rungs",
        "engine",
        "budget",
        "precision",
        "evidence",
        "references",
        "processes",
    ]
)
"""Options of `crossloop bench` that change what is measured (`RunRecord.options`)."""


def machine_sentence(run: Run) -> str:
    """Where and how it was measured, in a line."""
    record = run.record
    machine = record.machine
    virtual = f" ({machine.virtual})" if machine.virtual else ""
    return (
        f"{machine.cpu}, {digits.counted(machine.cpus, 'CPU')}{virtual}; {machine.python}; profile {record.profile}, "
        f"started {record.started} (UTC)."
    )


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
        ("Pinning", _pinning(record)),
        *(
            [("Processes of a server in several", _process_cpus(record.process_cpus))]
            if record.process_cpus
            else []
        ),
        ("Run", f"crossloop {record.crossloop}, profile {record.profile}, seed {record.seed}"),
        ("Started", f"{record.started} (UTC)"),
        ("Duration", digits.duration(run.end.elapsed_s) if run.end else "not known: the run did not end"),
        ("Adapters with figures", _with_figures(run)),
        ("Cells", _outcomes(run)),
        (
            "Slices",
            f"{digits.setting(record.slice_ms)} ms, after {digits.setting(record.run_in_ms)} ms of run-in",
        ),
    ]
    if LOAD_ENGINE in record.settings:
        rows.append(("Load generator", _load_engine(run)))
    if LOAD_FROM in record.settings:
        rows.append(("Load from", str(record.settings[LOAD_FROM])))
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
        if name not in {LOAD_ENGINE, LOAD_FROM}
    )
    return table([Column("What"), Column("This run")], rows)


def _with_figures(run: Run) -> str:
    measured = {adapter_of(cell.adapter) for cell in run.cells if cell.figures is not None}
    return f"{digits.integer(len(measured))} of {digits.integer(len(run.adapter_ids))}"


def _outcomes(run: Run) -> str:
    counts = Counter(cell.outcome for cell in run.cells)
    return ", ".join(f"{digits.integer(count)} {outcome}" for outcome, count in counts.items()) or "none"


def _load_engine(run: Run) -> str:
    """Which engine drove the servers; of the one in Python, why."""
    name = run.record.settings[LOAD_ENGINE]
    if name == "native":
        return "its native engine, in C"
    reasons = [warning.cause for warning in run.warnings if warning.name == PYTHON_LOAD]
    return reasons[0] if reasons else "its engine in Python, chosen by --engine"


def _maybe(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""


def _memory(machine: Machine) -> str:
    return f"{digits.number(machine.memory_bytes / 2**30, 2)} GiB"


def _pinning(record: RunRecord) -> str:
    if record.server_cpu is None or record.load_cpu is None:
        return "none"
    load = (
        "each load on a CPU of its own" if LOAD_FROM in record.settings else f"load on CPU {record.load_cpu}"
    )
    return f"measured processes on CPU {record.server_cpu}, {load}"


def _process_cpus(cpus: Sequence[int]) -> str:
    return f"on the CPUs {', '.join(map(str, cpus))}, in this order"


def reproduction(run: Run) -> Markdown:
    """The command that makes such a run, as code."""
    return code(reproduction_command(run))


def reproduction_command(run: Run) -> str:
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
    return shlex.join(command)


def _suites(text: str) -> list[str]:
    """The options that name folders of one's own, from the journal's list of them in a shell's quoting."""
    try:
        folders = shlex.split(text)
    except ValueError:  # no bench has written it
        return []
    return [word for folder in folders for word in ("--suite", folder)]
