"""What a cell is called in another tool: scenario, row and parameters, one line, the same for every run."""

from collections.abc import Iterator, Mapping

from crossloop.journal import CellRecord
from crossloop.markup.escaping import one_line
from crossloop.report import ScenarioTexts
from crossloop.report.run import Run, parameters_text, row_label


class NothingToExportError(ValueError):
    """A run without a figure that the format could hold; the message says which."""


def measured_cells(run: Run) -> Iterator[CellRecord]:
    """Cells with figures, in the order of the journal."""
    return (one for one in run.cells if one.figures is not None)


def cell_name(cell: CellRecord) -> str:
    """`tcp-echo: uvloop (protocol): size 1 KiB, connections 10`."""
    parts = (cell.scenario, row_label(cell.adapter, cell.style), parameters_text(cell.parameters))
    return one_line(": ".join(parts))


def unit_of(cell: CellRecord, about: Mapping[str, ScenarioTexts]) -> str:
    """What an operation of the cell's scenario is called; `operation` where that is not known."""
    texts = about.get(cell.scenario)
    return texts.unit if texts is not None else "operation"
