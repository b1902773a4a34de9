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
        *(f"- Warning: {inline(one)}." for one in document.warnings),
        _about(document),
        *([_ROWS, _table(document.rows, parameters=False)] if document.rows else []),
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


def could_have_seen(document: CompareDocument) -> str:
    """From which change on the cells would have shown one; empty where no cell has a ratio.

    A cell's smallest change is that of its threshold, or of the distance from its ratio to the end of its interval,
    whichever is larger.
    """
    smallest = sorted(
        max(one.threshold or 0.0, one.ratio.high / one.ratio.value - 1)
        for one in document.cells
        if one.ratio is not None
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
        text_field("", lambda one: one[0]),
        text_field("Run", lambda one: one[1].name if one[1].complete else f"{one[1].name} (incomplete)"),
        text_field("Started", lambda one: one[1].started),
        text_field("crossloop", lambda one: one[1].crossloop),
        text_field("Profile", lambda one: one[1].profile),
        text_field("Python", lambda one: one[1].python),
        text_field("Where", lambda one: one[1].place),
        text_field("Noise floor", lambda one: _percent(one[1].noise_floor, "no A/A control")),
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
        text_field("Scenario", lambda one: one.scenario),
        *([text_field("Parameters", _parameters)] if parameters else []),
        text_field("Row", lambda one: row_label(one.adapter, one.style)),
        text_field(
            "Verdict",
            lambda one: Markdown(f"**{one.verdict}**") if one.verdict == "regression" else one.verdict,
        ),
        number_field("Ratio (95 %)", _ratio),
        number_field("Chance", _chance),
        number_field("Threshold", lambda one: _percent(one.threshold)),
        number_field("Raw", lambda one: digits.MISSING if one.raw_ratio is None else f"{one.raw_ratio:.2f}"),
        number_field("BASE → NEW, µs of CPU per operation", _costs),
        number_field("Count", _count),
        text_field("Reason", lambda one: one.reason, optional=True),
    ]
    return markdown_table(listing(sorted(verdicts, key=lambda one: ORDER.index(one.verdict)), fields))


def _parameters(one: CellVerdict) -> str:
    return parameters_text(one.parameters)


def _percent(part: float | None, without: str = digits.MISSING) -> str:
    return without if part is None else digits.percent(part)


def _ratio(one: CellVerdict) -> str:
    ratio = one.ratio
    return (
        digits.MISSING if ratio is None else digits.ratio(Estimate(ratio.value, ratio.low, ratio.high, 0, 0))
    )


def _costs(one: CellVerdict) -> str:
    """`8.30 → 8.41`, in microseconds."""
    base, new = one.base_ns_per_operation, one.new_ns_per_operation
    if base is None or new is None:
        return digits.MISSING
    return f"{digits.number(base / 1000)} → {digits.number(new / 1000)}"


def _chance(one: CellVerdict) -> str:
    if one.chance is None:
        return digits.MISSING
    return "≤ 0.001" if one.chance <= 0.001 else f"{one.chance:.3f}"


def _count(one: CellVerdict) -> str:
    """`6 + 6 slices in 3 + 3 generations`."""
    if not one.slices or not one.repeats:
        return digits.MISSING
    base, new = one.slices
    if one.repeated == "rounds":
        return f"{base} + {new} slices; one generation"
    return f"{base} + {new} slices in {one.repeats[0]} + {one.repeats[1]} generations"
