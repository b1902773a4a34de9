"""A table is built once, as data; a format supplies only the syntax (here GitHub's markdown)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from crossloop.markup.digits import MISSING
from crossloop.markup.escaping import Markdown, inline

Subject = TypeVar("Subject")

_RULES = {"left": ":---", "right": "---:", "centre": ":---:"}


@dataclass(frozen=True)
class Column:
    """Heading of a column and the side that its cells keep to."""

    title: str
    align: Literal["left", "right", "centre"] = "left"
    optional: bool = False
    """Left out of the table when none of its cells holds anything."""


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns. Cells are text, escaped when they are written, or `Markdown`."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    """Unit, timed region and count of what stands in it."""
    notes: tuple[str, ...] = ()
    """What the marks in its cells mean; only of marks that are there."""

    def __bool__(self) -> bool:
        return bool(self.rows)


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], caption: str = "", notes: Sequence[str] = ()
) -> Table:
    """Build a table; raises ValueError for a row of another length than the columns.

    Optional columns without content go.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row of {len(row)} cells under {len(columns)} columns: {row!r}")
    kept = [
        index
        for index, column in enumerate(columns)
        if not column.optional or any(row[index] not in {"", MISSING} for row in rows)
    ]
    return Table(
        tuple(columns[index] for index in kept),
        tuple(tuple(row[index] for index in kept) for row in rows),
        caption,
        tuple(notes),
    )


@dataclass(frozen=True)
class Field(Generic[Subject]):
    """A column, and what stands in it of each subject of a table."""

    column: Column
    cell: Callable[[Subject], str]


def text_field(title: str, cell: Callable[[Subject], str], *, optional: bool = False) -> Field[Subject]:
    """A column of text."""
    return Field(Column(title, optional=optional), cell)


def number_field(title: str, cell: Callable[[Subject], str], *, optional: bool = False) -> Field[Subject]:
    """A column of numbers, kept to the right."""
    return Field(Column(title, "right", optional), cell)


def listing(
    subjects: Iterable[Subject],
    fields: Sequence[Field[Subject]],
    caption: str = "",
    notes: Sequence[str] = (),
) -> Table:
    """A table with a line for each subject."""
    rows = [tuple(field.cell(subject) for field in fields) for subject in subjects]
    return table([field.column for field in fields], rows, caption, notes)


def markdown_table(table: Table) -> Markdown:
    """The table in GitHub's syntax: caption above, notes below."""
    lines = [inline(table.caption), ""] if table.caption else []
    lines.append(_line(column.title for column in table.columns))
    lines.append("| " + " | ".join(_RULES[column.align] for column in table.columns) + " |")
    lines.extend(map(_line, table.rows))
    for index, note in enumerate(table.notes):
        lines.extend(["", inline(note)] if index == 0 else [inline(note)])
        if index + 1 < len(table.notes):
            lines[-1] += "<br>"
    return Markdown("\n".join(lines))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(inline, cells)) + " |"
