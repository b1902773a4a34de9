"""pyperf's JSON, format 1.0: a benchmark a cell, a run a generation, a value a slice.

pyperf knows three units, of which seconds is ours: CPU time per operation. Its `show`, `stats` and `compare_to` then
work on a run of crossloop. They take every value for independent of every other, which slices of one process are not,
and know nothing of the pairing within a round: `crossloop compare` does, and is to be preferred for a decision.

Source: V. Stinner, pyperf's documentation, "pyperf JSON file format" and "Metadata"; a test has pyperf read it.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from crossloop.export.names import OPERATION, NothingToExportError, cell_name, measured_cells
from crossloop.journal import CellRecord, Record, Run, RunRecord, SliceRecord, Turn

VERSION = "1.0"


def pyperf_document(records: Sequence[Record], units: Mapping[str, str]) -> dict[str, Any]:
    """The document, to be written as JSON; *units*: what an operation of each scenario is called.

    Raises `NothingToExportError` without slices of a measured cell.
    """
    run = Run.of(records)
    benchmarks = [
        _benchmark(cell, slices, units.get(cell.scenario, OPERATION))
        for cell in measured_cells(run)
        if (slices := run.slices_of(cell))
    ]
    if not benchmarks:
        raise NothingToExportError("it has no slices of a measured cell, which pyperf's values are made of")
    return {"version": VERSION, "metadata": _metadata(run.record), "benchmarks": benchmarks}


def _benchmark(cell: CellRecord, slices: Mapping[Turn, SliceRecord], unit: str) -> dict[str, Any]:
    generations: dict[int, list[float]] = {}
    for (generation, _round), slice_ in sorted(slices.items(), key=itemgetter(0)):
        generations.setdefault(generation, []).append(max(slice_.cpu_ns, 1) / slice_.operations / 1e9)
    return {
        "metadata": {
            "name": f"{cell_name(cell)}: CPU seconds per {unit}",
            "unit": "second",
            "adapter": cell.adapter,
            "style": cell.style or "native",
            "scenario": cell.scenario,
        },
        "runs": [{"values": values} for values in generations.values()],
    }


def _metadata(record: RunRecord) -> dict[str, Any]:
    machine = record.machine
    known = {
        "crossloop_version": record.crossloop,
        "crossloop_profile": record.profile,
        "crossloop_started": record.started,
        "cpu_count": machine.cpus,
        "cpu_model_name": machine.cpu,
        "platform": f"{machine.system} {machine.release} {machine.architecture}",
        "python": machine.python,
    }
    return {name: value for name, value in known.items() if value not in ("", 0)}
