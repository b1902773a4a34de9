"""`compare.md`: a comparison as a page. Pure: the same document, the same bytes."""

from collections.abc import Sequence

from crossloop.compare.records import CellVerdict, CompareDocument, Side, Verdict
from crossloop.journal import Estimate, row_label
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, markdown_table, table

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
        *(f"- Warning: {inline(one)}." for one in document.warnings),
        _about(document),
        *([_ROWS, _table(document.rows, "Parameters")] if document.rows else []),
        "## Cells",
        _table(document.cells),
    ]
    return "\n\n".join(parts) + "\n"


def headline(document: CompareDocument) -> str:
    """`2 regressions, 1 improvement, 14 ties, 3 not comparable`; of cells, and of rows that differ over theirs."""
    words = []
    for verdict in ORDER:
        count = document.count(verdict)
        if count or verdict == "regression":
            name = verdict if count == 1 or verdict not in _PLURALS else _PLURALS[verdict]
            words.append(f"{count or 'no'} {name}")
    text = ", ".join(words)
    for verdict in ORDER[:2]:
        rows = [one for one in document.rows if one.verdict == verdict]
        names = [f"{row_label(one.adapter, one.style)} in {one.scenario}" for one in rows]
        text += f"; over all parameters, {verdict} of {' and '.join(names)}" if names else ""
    return text


def _sides(document: CompareDocument) -> Markdown:
    columns = [Column(""), Column("Run"), Column("Started"), Column("crossloop"), Column("Profile"), Column("Python"),
               Column("Where"), Column("Noise floor")]  # fmt: skip
    rows = [_side("BASE", document.base), _side("NEW", document.new)]
    return markdown_table(table(columns, rows))


def _side(role: str, side: Side) -> tuple[str, ...]:
    floor = "no A/A control" if side.noise_floor is None else digits.percent(side.noise_floor)
    name = side.name if side.complete else f"{side.name} (incomplete)"
    return role, name, side.started, side.crossloop, side.profile, side.python, side.place, floor


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


def _table(verdicts: Sequence[CellVerdict], without: str = "") -> Markdown:
    columns = [
        Column("Scenario"),
        Column("Parameters"),
        Column("Row"),
        Column("Verdict"),
        Column("Ratio (95 %)", "right"),
        Column("Chance", "right"),
        Column("Threshold", "right"),
        Column("Raw", "right"),
        Column("BASE → NEW, µs of CPU per operation", "right"),
        Column("Count", "right"),
        Column("Reason", optional=True),
    ]
    cells = sorted(verdicts, key=lambda one: ORDER.index(one.verdict))
    rows = [_row(one) for one in cells]
    kept = [index for index, column in enumerate(columns) if column.title != without]
    return markdown_table(
        table([columns[index] for index in kept], [[row[index] for index in kept] for row in rows])
    )


def _row(one: CellVerdict) -> tuple[str, ...]:
    ratio = one.ratio
    words = (
        digits.MISSING if ratio is None else digits.ratio(Estimate(ratio.value, ratio.low, ratio.high, 0, 0))
    )
    return (
        one.scenario,
        parameters_text(one.parameters),
        row_label(one.adapter, one.style),
        Markdown(f"**{one.verdict}**") if one.verdict == "regression" else one.verdict,
        words,
        digits.MISSING if one.chance is None else _chance(one.chance),
        digits.MISSING if one.threshold is None else digits.percent(one.threshold),
        digits.MISSING if one.raw_ratio is None else f"{one.raw_ratio:.2f}",
        _costs(one),
        _count(one),
        one.reason,
    )


def _costs(one: CellVerdict) -> str:
    """`8.30 → 8.41`, in microseconds."""
    base, new = one.base_ns_per_operation, one.new_ns_per_operation
    if base is None or new is None:
        return digits.MISSING
    return f"{digits.number(base / 1000)} → {digits.number(new / 1000)}"


def _chance(value: float) -> str:
    return "≤ 0.001" if value <= 0.001 else f"{value:.3f}"


def _count(one: CellVerdict) -> str:
    """`6 + 6 slices in 3 + 3 generations`."""
    if not one.slices or not one.repeats:
        return digits.MISSING
    base, new = one.slices
    if one.repeated == "rounds":
        return f"{base} + {new} slices; one generation"
    return f"{base} + {new} slices in {one.repeats[0]} + {one.repeats[1]} generations"
