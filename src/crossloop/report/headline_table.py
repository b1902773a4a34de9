"""The headline as tables of markdown: one ratio a cell, with links to the pages of scenarios and adapters. Pure."""

from collections.abc import Mapping, Sequence

from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.headline import Headline, HeadlineCell, HeadlineColumn
from crossloop.report.places import place_of_adapter

WORDS: Mapping[str, str] = {"unsupported": "no", "not-installed": "not installed"}
"""Outcome → what a cell says of it, where that is not the outcome's own name."""
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


def headline_table(
    headline: Headline,
    columns: Sequence[HeadlineColumn],
    adapters: Sequence[str],
    scenario_places: Mapping[str, str],
) -> Table:
    """A row for each adapter, a column for each question: the ratio to the column's divisor.

    Leaders are bold. Titles and adapters lead to their pages. *scenario_places*: scenario → its page.
    """
    titles = [_linked(column.title, scenario_places[column.scenario]) for column in columns]
    names = [_linked(adapter, place_of_adapter(adapter)) for adapter in adapters]
    return _table(headline, columns, adapters, titles, names)


def short_headline_table(headline: Headline, adapters: Sequence[str], columns: Sequence[str] = CORE) -> Table:
    """The rows of *adapters* in *columns*: those of both that the headline has, in its order. Without links."""
    shown = [column for column in headline.columns if column.id in columns]
    names = [name for name in headline.adapters if name in adapters]
    return _table(headline, shown, names, [column.title for column in shown], names)


def _table(
    headline: Headline,
    columns: Sequence[HeadlineColumn],
    adapters: Sequence[str],
    titles: Sequence[str],
    names: Sequence[str],
) -> Table:
    rows = [
        (name, *map(cell_text, headline.row_cells(adapter, columns)))
        for name, adapter in zip(names, adapters, strict=True)
    ]
    return table([Column("Adapter"), *(Column(title, "right") for title in titles)], rows)


def cell_text(cell: HeadlineCell) -> Markdown:
    """`1.35`, bold where it leads; or the word that stands where there is none."""
    if cell.row is None:
        return inline(WORDS.get(cell.word, cell.word))
    text = digits.MISSING if cell.ratio is None else digits.plain_ratio(cell.ratio.estimate.value)
    return Markdown(f"**{text}**") if cell.leads else Markdown(text)


def _linked(text: str, place: str) -> Markdown:
    return Markdown(f"[{inline(text)}]({place})")
