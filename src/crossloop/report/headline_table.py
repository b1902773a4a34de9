"""The headline as tables of markdown: one ratio a cell, with links to the pages of scenarios and adapters. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.headline import NO_SERVER, NOT_RUN, Headline, HeadlineCell, HeadlineColumn
from crossloop.report.places import MISSING, place_of_adapter

CORE = (
    "tcp-echo",
    "http",
    "http/web-servers",
    "tls-echo",
    "udp-echo",
    "accept-storm",
    "timers",
    "spawn-task",
    "wakeups",
    "subprocess",
)
"""Columns of the short table: what most programs do."""
NOT_RANKED = "°"
"""Follows the head of a column whose rows cannot be told apart."""
OTHER_DIVISOR = "‡"
"""Follows the head of a column in which the baseline has no figure."""


@dataclass(frozen=True)
class Word:
    """What stands in a cell that has no figure."""

    short: str
    meaning: str


_LACKS = Word("no", "the library or its adapter does not offer it")
WORDS: Mapping[str, Word] = {
    "unsupported": _LACKS,
    NO_SERVER: _LACKS,
    "not-installed": Word("absent", "what it needs is not installed here"),
    "failed": Word("failed", "an error, or a wrong answer"),
    "crashed": Word("crash", "the process crashed"),
    "timed-out": Word("timeout", "no answer in time"),
    "over-limit": Word("limit", "more memory or output than this suite allows"),
    NOT_RUN: Word(digits.MISSING, "not run"),
}
"""Outcome of a headline's cell → its word; outcomes may share one."""
NO_QUOTIENT = Word("?", "an interval reaches zero, so there is no quotient")


def headline_table(
    headline: Headline,
    columns: Sequence[HeadlineColumn],
    adapters: Sequence[str],
    scenario_places: Mapping[str, str],
) -> Table:
    """A row for each adapter, a column for each question: the ratio to the column's divisor.

    Leaders are bold. Heads and adapters lead to their pages. *scenario_places*: scenario → its page. The caption says
    what is divided by what, the note what each mark and word means.
    """
    heads = [
        Markdown(f"{_linked(column.head, scenario_places[column.scenario])}{_marks(headline, column)}")
        for column in columns
    ]
    names = [_linked(adapter, place_of_adapter(adapter)) for adapter in adapters]
    reasons = f" {_linked('What has no figure, and why', MISSING)}."
    return table(
        _columns(heads),
        _rows(headline, columns, adapters, names),
        _caption(headline, columns),
        [Markdown(note + reasons) for note in _notes(headline, columns, adapters)],
    )


def short_headline_table(headline: Headline, adapters: Sequence[str], columns: Sequence[str] = CORE) -> Table:
    """The rows of *adapters* in *columns*: those of both that the headline has, in its order. Without links."""
    shown = [column for column in headline.columns if column.id in columns]
    names = [name for name in headline.adapters if name in adapters]
    heads = [Markdown(f"{inline(column.head)}{_marks(headline, column)}") for column in shown]
    return table(_columns(heads), _rows(headline, shown, names, names), notes=_notes(headline, shown, names))


def cell_text(cell: HeadlineCell) -> str:
    """`1.35`, or the word that says why there is no figure."""
    if cell.row is not None:
        return NO_QUOTIENT.short if cell.ratio is None else digits.plain_ratio(cell.ratio.estimate.value)
    return WORDS[cell.word].short if cell.word in WORDS else cell.word


def _columns(heads: Sequence[str]) -> list[Column]:
    return [Column("Adapter"), *(Column(head, "right") for head in heads)]


def _rows(
    headline: Headline, columns: Sequence[HeadlineColumn], adapters: Sequence[str], names: Sequence[str]
) -> list[tuple[str, ...]]:
    return [
        (name, *map(_shown, headline.row_cells(adapter, columns)))
        for name, adapter in zip(names, adapters, strict=True)
    ]


def _shown(cell: HeadlineCell) -> Markdown:
    text = inline(cell_text(cell))
    return Markdown(f"**{text}**") if cell.leads and cell.ratio is not None else text


def _marks(headline: Headline, column: HeadlineColumn) -> str:
    marks = "" if column.ranked else f" {NOT_RANKED}"
    return marks + (f" {OTHER_DIVISOR}" if _has_other_divisor(headline, column) else "")


def _has_other_divisor(headline: Headline, column: HeadlineColumn) -> bool:
    return bool(headline.baseline) and not headline.divided_by_baseline(column)


def _caption(headline: Headline, columns: Sequence[HeadlineColumn]) -> Markdown:
    divisor = inline(headline.baseline) if headline.baseline else "the leanest adapter"
    bold = " Bold: the leading tier, whose members are not told apart." if _ranked(columns) else ""
    return Markdown(
        f"CPU time per operation ÷ that of {divisor}, each adapter in its leanest style. Less is better.{bold}"
    )


def _ranked(columns: Sequence[HeadlineColumn]) -> bool:
    return any(column.ranked for column in columns)


def _notes(headline: Headline, columns: Sequence[HeadlineColumn], adapters: Sequence[str]) -> list[Markdown]:
    """One line with what the words and marks mean, of those that are there; none without any."""
    cells = [cell for adapter in adapters for cell in headline.row_cells(adapter, columns)]
    meanings = [f"{inline(word.short)}: {word.meaning}" for word in _words_in(cells)]
    if not all(column.ranked for column in columns):
        meanings.append(f"{NOT_RANKED}: not ranked, for too few rounds")
    if any(_has_other_divisor(headline, column) for column in columns):
        meanings.append(
            f"{OTHER_DIVISOR}: {inline(headline.baseline)} has no figure there, the leanest divides"
        )
    return [Markdown("; ".join(meanings) + ".")] if meanings else []


def _words_in(cells: Iterable[HeadlineCell]) -> list[Word]:
    """Each word once, in the order of `WORDS`."""
    cells = list(cells)
    present = {cell.word for cell in cells if cell.row is None}
    shown = list(dict.fromkeys(word for outcome, word in WORDS.items() if outcome in present))
    if any(cell.row is not None and cell.ratio is None for cell in cells):
        shown.append(NO_QUOTIENT)
    return shown


def _linked(text: str, place: str) -> Markdown:
    return Markdown(f"[{inline(text)}]({place})")
