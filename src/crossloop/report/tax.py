"""The binding tax as a report shows it: what of a message's CPU time is whose, as a table and as bars. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from crossloop.journal import MeasuredSet, Run, TaxPart, TaxRecord, row_label
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import plot_text
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.report.fields import US
from crossloop.report.texts import ScenarioTexts

PARTS: Mapping[str, str] = {
    "system-calls": "system calls alone",
    "library": "C on the library",
    "binding": "binding",
    "style": "style",
}
"""Parts in the order in which they add up, and their names."""
ROWS = 8
"""Rows of one library that are drawn; the table has them all."""


@dataclass(frozen=True)
class TaxRow:
    """One row of a library: the parts that it consists of, in their order."""

    library: str
    label: str
    parts: tuple[TaxPart, ...]

    @property
    def total_us(self) -> float:
        """Their sum."""
        return sum(part.cpu_ns_per_operation.value for part in self.parts) * US


def tax_rows(taxes: Sequence[TaxRecord]) -> list[TaxRow]:
    """The reference's row, the leanest adapter's and those of further styles, library by library.

    Records from elsewhere that lack a step, or hold what is no number, give no row.
    """
    rows = []
    for tax in taxes:
        named = {part.part: part for part in tax.parts if part.part != "style"}
        below = [named[name] for name in ("system-calls", "library", "binding") if name in named]
        if len(below) != len(PARTS) - 1 or not all(map(_finite, tax.parts)):
            continue
        library = "epoll, no library" if tax.library == "none" else tax.library
        for parts in (below[:2], below, *([*below, part] for part in tax.parts if part.part == "style")):
            last = parts[-1]
            rows.append(TaxRow(library, row_label(last.adapter, last.style), tuple(parts)))
    return rows


def _finite(part: TaxPart) -> bool:
    figure = part.cpu_ns_per_operation
    return all(
        math.isfinite(value) and abs(value) < 1e12 for value in (figure.value, figure.low, figure.high)
    )


def tax_table(measured: MeasuredSet, texts: ScenarioTexts, run: Run) -> Table:
    """Every row with its parts and their intervals."""
    fields: list[Field[TaxRow]] = [
        text_field("Library", lambda row: row.library),
        text_field("Row", lambda row: row.label),
        *(
            number_field(f"{name} µs", partial(_cell, part), optional=part == "style")
            for part, name in PARTS.items()
        ),
        number_field("sum µs", lambda row: digits.number(row.total_us)),
    ]
    rows = tax_rows(measured.taxes)
    shared = {part.cpu_ns_per_operation.slices for row in rows for part in row.parts}
    rounds = digits.integer(min(shared, default=0))
    caption = (
        f"Binding tax: where the CPU time of a {texts.unit} goes (µs, 95 % interval in brackets, paired over {rounds} "
        "rounds or more). System calls alone: the kernel's share of c-epoll's time. C on the library: the reference "
        "less that, its further system calls included. Binding: the leanest adapter less the reference. "
        "Style: each other row less the leanest. Parts add up; the scale is c-epoll's median."
    )
    return listing(rows, fields, caption, _notes(measured, rows, run))


def _cell(name: str, row: TaxRow) -> str:
    """A part with its interval where a row ends with it, its value alone where it is another row's."""
    part = next((part for part in row.parts if part.part == name), None)
    if part is None:
        return MISSING
    cost = part.cpu_ns_per_operation
    whole = part is row.parts[-1] or name == "system-calls"
    return (digits.difference(cost, US) if whole else _value(cost.value)) + (" °" if _nothing(part) else "")


def _value(value_ns: float) -> str:
    return f"{value_ns * US:.2f}" if abs(value_ns * US) < 10 else f"{value_ns * US:.1f}"


def _nothing(part: TaxPart) -> bool:
    """Whether a part is not told from nothing."""
    figure = part.cpu_ns_per_operation
    return figure.low <= 0 <= figure.high


def _notes(measured: MeasuredSet, rows: Sequence[TaxRow], run: Run) -> list[str]:
    parts = {(part.adapter, part.style, part.part): part for row in rows for part in row.parts}
    notes = []
    if any(map(_nothing, parts.values())):
        notes.append("°: the interval holds zero; in this run it is not told from nothing.")
    below = [
        row_label(part.adapter, part.style) for part in parts.values() if part.cpu_ns_per_operation.high < 0
    ]
    if below:
        notes.append(
            f"Negative with its whole interval: {', '.join(dict.fromkeys(below))}. It took less than the row below it: "
            "another version of the library, fewer sleeps for as many messages, or both."
        )
    waiting = [row for row in measured.references if row.figures.regime.name != "server-bound"]
    if waiting:
        notes.append(
            f"{', '.join(row.label for row in waiting)}: not the limit in this run. A server that waits for its load "
            "sleeps more often, and its system calls cost more. The parts above them are lower bounds."
        )
    versions = _versions(measured, run)
    if versions:
        notes.append(
            f"Linked: {'; '.join(versions)}. A binding that brings its library brings another version."
        )
    return notes


def _versions(measured: MeasuredSet, run: Run) -> list[str]:
    """By library, the version under the reference and those under the bindings, where they are not one."""
    lines = []
    for tax in measured.taxes:
        names = dict.fromkeys(part.adapter for part in tax.parts if part.part != "system-calls")
        versions = {
            name: str(record.facts.get("library_version") or "")
            for name in names
            if (record := run.references.get(name) or run.adapters.get(name)) is not None
        }
        if len(set(versions.values())) > 1:
            lines.append(
                f"{tax.library} {', '.join(f'{version} in {name}' for name, version in versions.items())}"
            )
    return lines


# As a plot ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """One row as a stacked bar: (part, where it ends, in µs), and the ends of the last part's interval."""

    label: str
    steps: tuple[tuple[str, float], ...]
    low: float
    high: float


@dataclass(frozen=True)
class TaxPlot:
    """The picture: groups of bars, one a library."""

    file: str
    title: str
    axis: str
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]
    alternative: str
    left_out: str


def tax_plot(measured: MeasuredSet, texts: ScenarioTexts, stem: str) -> TaxPlot | None:
    """The picture of one parameter set, or None without a tax."""
    groups: dict[str, list[Bar]] = {}
    for row in tax_rows(measured.taxes):
        groups.setdefault(row.library, []).append(_bar(row))
    drawn = tuple((plot_text(library, 40), tuple(bars[:ROWS])) for library, bars in groups.items())
    if not any(end > 0 for _library, bars in drawn for bar in bars for _part, end in bar.steps):
        return None
    cut = sum(max(0, len(bars) - ROWS) for bars in groups.values())
    return TaxPlot(
        file=f"{stem}-tax.svg",
        title=plot_text(f"{texts.title}: what of a {texts.unit}'s CPU time is whose?", 110),
        axis=plot_text(
            f"CPU per {texts.unit} [µs], {parameters_text(measured.parameters)}; whisker: 95 % of the last part; "
            "thin and backwards: negative",
            130,
        ),
        groups=drawn,
        alternative=f"CPU time per {texts.unit} split into system calls, C library, binding and style, by library",
        left_out=f"Not drawn, but in the table: {digits.integer(cut)} rows." if cut else "",
    )


def _bar(row: TaxRow) -> Bar:
    steps, level = [], 0.0
    for part in row.parts:
        before, level = level, level + part.cpu_ns_per_operation.value * US
        steps.append((part.part, level))
    last = row.parts[-1].cpu_ns_per_operation
    return Bar(plot_text(row.label, 36), tuple(steps), before + last.low * US, before + last.high * US)
