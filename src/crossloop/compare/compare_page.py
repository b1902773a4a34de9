"""`compare.md`: a comparison as a page. Pure: the same document, the same bytes."""

from collections.abc import Sequence
from statistics import median

from crossloop.compare.records import CellVerdict, CompareDocument, Side, Verdict
from crossloop.journal import Estimate, row_label
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Field, listing, markdown_table, number_field, text_field

ORDER: tuple[Verdict, ...] = ("regression", "improvement", "tie", "not comparable")
_ROWS = """\
## Rows over all their parameters

A change of a binding shows on most of its cells, and their mean is known better than each of them."""
_PLURALS = {"regression": "regressions", "improvement": "improvements", "tie": "ties"}


def compare_page(document: CompareDocument) -> str:
    """The page, ended by a newline."""
    parts = [
        "# " + inline(headline(document)),
        _sides(document),
        *([seen] if (seen := could_have_seen(document)) else []),
        *(f"- Warning: {inline(warning)}." for warning in document.warnings),
        _about(document),
        *([_ROWS, _table(document.rows, parameters=False)] if document.rows else []),
        "## Cells",
        _table(document.cells),
    ]
    return "\n\n".join(parts) + "\n"


def headline(document: CompareDocument) -> str:
    """`2 regressions, 1 improvement, 14 ties, 3 not comparable`; of cells, and of rows that differ over theirs."""
    counts = []
    for verdict in ORDER:
        count = document.count(verdict)
        if count or verdict == "regression":
            name = verdict if count == 1 or verdict not in _PLURALS else _PLURALS[verdict]
            counts.append(f"{count or 'no'} {name}")
    text = ", ".join(counts)
    for verdict in ORDER[:2]:
        rows = [row for row in document.rows if row.verdict == verdict]
        names = [f"{row_label(row.adapter, row.style)} in {row.scenario}" for row in rows]
        text += f"; over all parameters, {verdict} of {' and '.join(names)}" if names else ""
    return text


def could_have_seen(document: CompareDocument) -> str:
    """From which change on the cells would have shown one; empty where no cell has a ratio.

    A cell's smallest change is that of its threshold, or of the distance from its ratio to the end of its interval,
    whichever is larger.
    """
    smallest = sorted(
        max(cell.threshold or 0.0, cell.ratio.high / cell.ratio.value - 1)
        for cell in document.cells
        if cell.ratio is not None
    )
    if not smallest:
        return ""
    half, all_ = median(smallest), smallest[-1]
    return (
        "A tie says that no change was seen, not that there is none: half of the cells would have shown one of "
        f"{digits.percent(half)}, all of them one of {digits.percent(all_)}."
    )


def _sides(document: CompareDocument) -> Markdown:
    fields: list[Field[tuple[str, Side]]] = [
        text_field("", lambda side: side[0]),
        text_field("Run", lambda side: side[1].name if side[1].complete else f"{side[1].name} (incomplete)"),
        text_field("Started", lambda side: side[1].started),
        text_field("crossloop", lambda side: side[1].crossloop),
        text_field("Profile", lambda side: side[1].profile),
        text_field("Python", lambda side: side[1].python),
        text_field("Where", lambda side: side[1].place),
        text_field("Noise floor", lambda side: _percent(side[1].noise_floor, "no A/A control")),
    ]
    return markdown_table(listing((("BASE", document.base), ("NEW", document.new)), fields))


def _about(document: CompareDocument) -> Markdown:
    reference = (
        f"{document.anchor}, the anchor,"
        if document.anchor
        else "the other rows of the same parameters (their median)"
    )
    compared = (
        "*Ratio* is CPU per operation, NEW ÷ BASE, from rounds in which both were measured one after the other, with "
        "the 95 % interval of this one cell."
        if document.paired
        else f"*Ratio* is CPU per operation, NEW ÷ BASE, each relative to {inline(reference)} in its own run, with the "
        "95 % interval of this one cell. What moved the whole machine cancels in it, and so does a change common to "
        "all rows: that is not seen here."
    )
    return Markdown(
        f"{compared} *Raw* is the ratio of the two medians as they are, drift included. *Chance* is the probability "
        "of a ratio as far from 1 where nothing changed, adjusted for the number of rows and cells (Holm). A verdict "
        f"takes a chance of at most 0.05 and a ratio beyond the threshold: {inline(document.threshold_reason)}."
    )


def _table(verdicts: Sequence[CellVerdict], *, parameters: bool = True) -> Markdown:
    fields: list[Field[CellVerdict]] = [
        text_field("Scenario", lambda cell: cell.scenario),
        *([text_field("Parameters", _parameters)] if parameters else []),
        text_field("Row", lambda cell: row_label(cell.adapter, cell.style)),
        text_field(
            "Verdict",
            lambda cell: Markdown(f"**{cell.verdict}**") if cell.verdict == "regression" else cell.verdict,
        ),
        number_field("Ratio (95 %)", _ratio),
        number_field("Chance", _chance),
        number_field("Threshold", lambda cell: _percent(cell.threshold)),
        number_field(
            "Raw", lambda cell: digits.MISSING if cell.raw_ratio is None else f"{cell.raw_ratio:.2f}"
        ),
        number_field("BASE → NEW, µs of CPU per operation", _costs),
        number_field("Count", _count),
        text_field("Reason", lambda cell: cell.reason, optional=True),
    ]
    return markdown_table(listing(sorted(verdicts, key=lambda cell: ORDER.index(cell.verdict)), fields))


def _parameters(cell: CellVerdict) -> str:
    return parameters_text(cell.parameters)


def _percent(part: float | None, without: str = digits.MISSING) -> str:
    return without if part is None else digits.percent(part)


def _ratio(cell: CellVerdict) -> str:
    ratio = cell.ratio
    return (
        digits.MISSING if ratio is None else digits.ratio(Estimate(ratio.value, ratio.low, ratio.high, 0, 0))
    )


def _costs(cell: CellVerdict) -> str:
    """`8.30 → 8.41`, in microseconds."""
    base, new = cell.base_ns_per_operation, cell.new_ns_per_operation
    if base is None or new is None:
        return digits.MISSING
    return f"{digits.number(base / 1000)} → {digits.number(new / 1000)}"


def _chance(cell: CellVerdict) -> str:
    if cell.chance is None:
        return digits.MISSING
    return "≤ 0.001" if cell.chance <= 0.001 else f"{cell.chance:.3f}"


def _count(cell: CellVerdict) -> str:
    """`6 + 6 slices in 3 + 3 generations`."""
    if not cell.slices or not cell.repeats:
        return digits.MISSING
    base, new = cell.slices
    if cell.repeated == "rounds":
        return f"{base} + {new} slices; one generation"
    return f"{base} + {new} slices in {cell.repeats[0]} + {cell.repeats[1]} generations"
