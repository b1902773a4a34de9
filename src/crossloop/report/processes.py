"""What a report says of servers in several processes: each beside its row in one process. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossloop.journal import (
    LOAD_FROM,
    CellRecord,
    Estimate,
    Figures,
    InProcesses,
    MeasuredSet,
    Run,
    RunRecord,
    adapter_of,
    processes_of,
    row_label,
)
from crossloop.markup import digits
from crossloop.markup.digits import MISSING
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.report.fields import US, regime
from crossloop.report.texts import ScenarioTexts


@dataclass(frozen=True)
class _Line:
    """A row in so many processes; `figures` is None where it has none."""

    cell: CellRecord
    processes: int
    record: RunRecord

    @property
    def figures(self) -> Figures | None:
        return self.cell.figures

    @property
    def shares_cpu(self) -> bool:
        """Whether two of its processes, or one of them and the load, run on one CPU."""
        cpus = self.record.process_cpus
        if self.processes == 1 or not cpus:
            return self.record.server_cpu is None
        return self.processes > len(cpus) or _load_cpu(self.record) in cpus[: self.processes]


def processes_table(measured: MeasuredSet, texts: ScenarioTexts, run: Run) -> Table:
    """Each row that ran in several processes as well, first in one; in the order of the journal."""
    lines = _lines(measured, run.record)
    fields: list[Field[_Line]] = [
        text_field("Adapter (style)", lambda line: row_label(adapter_of(line.cell.adapter), line.cell.style)),
        number_field("processes", lambda line: digits.integer(line.processes)),
        number_field(f"{texts.units}/s", _of(_rate)),
        number_field("× one process", _of(lambda line, _figures: _ratio(line, "operations_per_s"))),
        number_field(
            f"CPU µs per {texts.unit}",
            _of(lambda _line, figures: digits.estimate(figures.cpu_ns_per_operation, US)),
        ),
        number_field("÷ one process", _of(lambda line, _figures: _ratio(line, "cpu_ns_per_operation"))),
        text_field("limit (server / load CPU)", _limit),
        number_field(
            "Jain's index, CPU", _of(_counter("process_cpu_jain", digits.plain_ratio)), optional=True
        ),
        number_field("CPU, least to most", _of(_span("process_cpu")), optional=True),
        number_field(
            "Jain's index, connections",
            _of(_counter("process_connections_jain", digits.plain_ratio)),
            optional=True,
        ),
        number_field("connections, least to most", _of(_span("process_connections")), optional=True),
    ]
    caption = (
        "The same server in several processes, each listening on the one port by SO_REUSEPORT, in the same rounds as "
        "the rows above, at capacity, and ranked with nobody. Ratios are to the row in one process, paired round by "
        "round, with the 95 % interval in brackets. Jain's index is 1 where every process has as much as any other; "
        "least and most are the parts of one process. These are medians over the slices: each visit has new "
        "connections, which the kernel shares out anew."
    )
    return listing(lines, fields, caption, _notes(lines, run.record))


def _lines(measured: MeasuredSet, record: RunRecord) -> list[_Line]:
    singles = {(cell.adapter, cell.style): cell for cell in measured.cells}
    lines: list[_Line] = []
    seen = set()
    for cell in measured.in_processes:
        row = adapter_of(cell.adapter), cell.style
        if row in singles and row not in seen:
            seen.add(row)
            lines.append(_Line(singles[row], 1, record))
        lines.append(_Line(cell, processes_of(cell.adapter), record))
    return lines


def _of(cell: Callable[[_Line, Figures], str]) -> Callable[[_Line], str]:
    return lambda line: MISSING if line.figures is None else cell(line, line.figures)


def _rate(line: _Line, figures: Figures) -> str:
    bound = "" if figures.regime.name == "server-bound" else "≥ "
    return bound + digits.number(figures.operations_per_s.value)


def _ratio(line: _Line, name: str) -> str:
    if line.processes == 1:
        return "1.00"
    assert line.figures is not None
    ratios: InProcesses | None = line.figures.to_one_process
    if ratios is None:
        return MISSING
    figure: Estimate = getattr(ratios, name)
    return digits.ratio(figure)


def _limit(line: _Line) -> str:
    """Who was the limit, in the words of the regime; the outcome of a row without figures."""
    if line.figures is None:
        return line.cell.outcome
    limit = regime(line.figures.regime)
    if line.figures.regime.name == "idle" and line.shares_cpu:
        return limit.replace("idle", "shared CPU")
    return limit


def _load_cpu(record: RunRecord) -> int | None:
    """The CPU of this machine that the load has; None where it came from load hosts, or is not pinned."""
    return None if LOAD_FROM in record.settings else record.load_cpu


def _counter(name: str, shown: Callable[[float], str]) -> Callable[[_Line, Figures], str]:
    return lambda _line, figures: shown(figures.counters[name]) if name in figures.counters else MISSING


def _span(name: str) -> Callable[[_Line, Figures], str]:
    def cell(_line: _Line, figures: Figures) -> str:
        least, most = (figures.counters.get(f"{name}_{end}") for end in ("least", "most"))
        if least is None or most is None:
            return MISSING
        return f"{digits.percent(least)}–{digits.percent(most)}"

    return cell


def _notes(lines: Sequence[_Line], record: RunRecord) -> list[str]:
    notes = []
    several = [line for line in lines if line.processes > 1]
    if record.process_cpus:
        load = "" if _load_cpu(record) is None else f", the load on CPU {_load_cpu(record)}"
        cpus = ", ".join(map(str, record.process_cpus))
        notes.append(f"The processes run on the CPUs {cpus}, in this order{load}.")
    if any(line.shares_cpu for line in several):
        notes.append(
            "Shared CPU: a process has what the load or another process leaves of its CPU, and the load likewise, so "
            "that neither is at its own limit. The rates say what this machine can do, not what the processes can."
        )
    if any(line.figures is not None and line.figures.regime.name != "server-bound" for line in lines):
        notes.append("≥: no process was the limit; the capacity is at least this.")
    notes += [
        f"{line.cell.adapter}: {line.cell.outcome}: {line.cell.reason}"
        for line in several
        if line.figures is None
    ]
    return list(dict.fromkeys(notes))
