"""What a cell is called in another tool: scenario, row and parameters, one line, the same for every run."""

from collections.abc import Iterator

from crossloop.journal import CellRecord, Run, row_label
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import one_line

OPERATION = "operation"
"""What an operation of a scenario is called that is not known here."""


class NothingToExportError(ValueError):
    """A run without a figure that the format could hold; the message says which."""


def measured_cells(run: Run) -> Iterator[CellRecord]:
    """Cells with figures, in the order of the journal."""
    return (cell for cell in run.cells if cell.figures is not None)


def cell_name(cell: CellRecord) -> str:
    """`tcp-echo: uvloop (protocol): size 1 KiB, connections 10`."""
    parts = (cell.scenario, row_label(cell.adapter, cell.style), parameters_text(cell.parameters))
    return one_line(": ".join(parts))
