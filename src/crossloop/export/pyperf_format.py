"""pyperf's JSON, format 1.0: a benchmark a cell, a run a generation, a value a slice.

pyperf knows three units, of which seconds is ours: CPU time per operation. Its `show`, `stats` and `compare_to` then
work on a run of crossloop. They take every value for independent of every other, which slices of one process are not,
and know nothing of the pairing within a round: `crossloop compare` does, and is to be preferred for a decision.

Source: V. Stinner, pyperf's documentation, "pyperf JSON file format" and "Metadata"; a test has pyperf read it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crossloop.bench.cells import MAIN_PHASES
from crossloop.export.names import NothingToExportError, cell_name, measured_cells, unit_of
from crossloop.journal import CellRecord, Record, RunRecord, SliceRecord
from crossloop.report import ScenarioTexts
from crossloop.report.run import gather, parameters_key

VERSION = "1.0"


def pyperf_document(records: Sequence[Record], about: Mapping[str, ScenarioTexts]) -> dict[str, Any]:
    """The document, to be written as JSON. Raises `NothingToExportError` without slices of a measured cell."""
    run = gather(records)
    slices = _slices(records)
    benchmarks = []
    for cell in measured_cells(run):
        found = slices.get((cell.adapter, cell.style, cell.scenario, parameters_key(cell.parameters)), {})
        if found:
            benchmarks.append(_benchmark(cell, found, unit_of(cell, about)))
    if not benchmarks:
        raise NothingToExportError("it has no slices of a measured cell, which pyperf's values are made of")
    return {"version": VERSION, "metadata": _metadata(run.record), "benchmarks": benchmarks}


def _slices(records: Sequence[Record]) -> dict[tuple[str, str, str, str], dict[int, dict[int, float]]]:
    """Cell → generation → round → seconds of CPU per operation."""
    found: dict[tuple[str, str, str, str], dict[int, dict[int, float]]] = {}
    for one in records:
        if isinstance(one, SliceRecord) and one.phase in MAIN_PHASES and one.operations:
            key = (one.adapter, one.style, one.scenario, parameters_key(one.parameters))
            rounds = found.setdefault(key, {}).setdefault(one.generation, {})
            rounds[one.round] = max(one.cpu_ns, 1) / one.operations / 1e9
    return found


def _benchmark(cell: CellRecord, found: Mapping[int, Mapping[int, float]], unit: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{cell_name(cell)}: CPU seconds per {unit}",
            "unit": "second",
            "adapter": cell.adapter,
            "style": cell.style or "native",
            "scenario": cell.scenario,
        },
        "runs": [
            {"values": [rounds[turn] for turn in sorted(rounds)]}
            for _generation, rounds in sorted(found.items())
        ],
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
