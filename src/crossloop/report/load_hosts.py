"""Where the load of a parameter set came from, when it came from several hosts: the part of each in every row. Pure."""

from dataclasses import dataclass

from crossloop.journal import HostFigures, MeasuredRow, MeasuredSet
from crossloop.markup import digits
from crossloop.markup.digits import MISSING
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.report.fields import LABEL
from crossloop.report.texts import ScenarioTexts


@dataclass(frozen=True)
class _Part:
    row: MeasuredRow
    host: HostFigures


def hosts_table(measured: MeasuredSet, texts: ScenarioTexts) -> Table:
    """A line for each row and host; empty where the load came from one process."""
    parts = [_Part(row, host) for row in measured.rows for host in row.figures.hosts]
    fields: list[Field[_Part]] = [
        text_field("Adapter (style)", lambda part: LABEL.cell(part.row)),
        text_field("Load host", lambda part: part.host.host),
        number_field("connections", lambda part: _there(part, digits.integer(part.host.connections))),
        number_field(
            f"of all {texts.units}", lambda part: _there(part, digits.percent(part.host.operations_share))
        ),
        number_field("busy", lambda part: _there(part, digits.percent(part.host.load_share))),
        text_field("its limit", lambda part: part.host.regime or MISSING),
        number_field(
            "began within (µs)", lambda part: _there(part, digits.integer(round(part.host.start_error_us)))
        ),
        number_field("slices", lambda part: digits.integer(part.host.slices)),
        text_field("lost", lambda part: part.host.lost or MISSING, optional=True),
    ]
    caption = (
        f"Load hosts: the share of each in the {texts.units}, the part of its time that it spent on them, and how far "
        "from the common start its measured part began at most. A host that is busy throughout is a limit of the row."
    )
    return listing(parts, fields, caption)


def _there(part: _Part, text: str) -> str:
    return text if part.host.slices else MISSING
