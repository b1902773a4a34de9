"""The tables of pages on a terminal, by rich. Pure: what is made here is printed elsewhere.

A cell is `Markdown` or a stranger's text. Of markdown a terminal gets the meaning: bold letters, line breaks, the text
of a link. A stranger's text is shown literally: it is neither rich's markup nor a control sequence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import rich.table
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Group
from rich.text import Text

from crossloop.markup.escaping import Markdown, one_line
from crossloop.markup.tables import Table
from crossloop.plain_text import printable

GAP = 2
"""Blanks between two columns."""
LONGEST_LABEL = 28
"""Characters of a first column beyond which its cells are wrapped where there is too little room."""
NARROWEST_WORDS = 14
"""Characters that a column of words keeps where there is too little room."""

_MARKDOWN = MarkdownIt("commonmark", {"html": True})
_TAGS = {"<br>": "\n", "<sup>": "[", "</sup>": "]"}
_JUSTIFIED: Mapping[str, Literal["left", "right", "center"]] = {
    "left": "left",
    "right": "right",
    "centre": "center",
}


@dataclass(frozen=True)
class Paper:
    """What is written on."""

    width: int | None = None
    """Characters of a line; None: as many as there are, as in a pipe."""
    styled: bool = False
    """Whether bold letters can be told from others; where not, asterisks stand around them."""


def terminal_text(text: str, paper: Paper) -> Text:
    """*text* as a terminal shows it, on several lines where it has breaks."""
    if not isinstance(text, Markdown):
        return Text(one_line(text))
    shown = Text()
    bold = 0
    for token in _inline_tokens(text):
        match token.type:
            case "strong_open" | "strong_close":
                bold += 1 if token.type == "strong_open" else -1
                shown.append("" if paper.styled else "*")
            case "html_inline":
                shown.append(_TAGS.get(token.content, ""))
            case "hardbreak" | "softbreak":
                shown.append(" ")
            case _:
                shown.append(printable(token.content), "bold" if bold else None)
    return shown


def _inline_tokens(text: Markdown) -> Iterator[Token]:
    for token in _MARKDOWN.parseInline(text):
        yield from token.children or ()


def terminal_list(points: Sequence[str], paper: Paper) -> rich.table.Table:
    """*points* below each other; what is wrapped of one stays to the right of its dash."""
    listed = rich.table.Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    listed.add_column()
    listed.add_column(overflow="fold")
    for point in points:
        listed.add_row(Text("-"), terminal_text(point, paper))
    return listed


def terminal_table(table: Table, paper: Paper) -> Group:
    """The table, its caption above and its notes below.

    Where the paper is too narrow, words are wrapped, and then the table is cut into several, each of which has the
    columns that say what a row is of; numbers are never wrapped.
    """
    heads = [terminal_text(column.title, paper) for column in table.columns]
    rows = [[terminal_text(cell, paper) for cell in row] for row in table.rows]
    labels = _labels(table)
    needs = [
        _need(
            head,
            [row[place] for row in rows],
            label=place < labels,
            wraps=table.columns[place].align == "left",
        )
        for place, head in enumerate(heads)
    ]
    items: list[Text | rich.table.Table] = [terminal_text(table.caption, paper)] if table.caption else []
    for widths in _parts(needs, labels, paper.width):
        part = rich.table.Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for place, width in widths.items():
            justify = _JUSTIFIED[table.columns[place].align]
            part.add_column(heads[place], width=width, justify=justify, overflow="fold")
        for row in rows:
            part.add_row(*(row[place] for place in widths))
        items += [Text(), part] if items else [part]
    if table.notes:
        items += [Text(), *(terminal_text(note, paper) for note in table.notes)]
    return Group(*items)


def _labels(table: Table) -> int:
    """How many columns say what a row is of: those up to the first one of words, where a number stands before it."""
    return 2 if [column.align for column in table.columns[:2]] == ["right", "left"] else 1


@dataclass(frozen=True)
class _Need:
    """Characters that a column takes."""

    least: int
    whole: int
    """So that nothing is wrapped."""


def _need(head: Text, cells: Sequence[Text], *, label: bool, wraps: bool) -> _Need:
    longest = max((line.cell_len for cell in cells for line in cell.split("\n")), default=0)
    whole = max(longest, head.cell_len)
    of_head = max((word.cell_len for word in head.split(" ")), default=0)
    if wraps:
        return _Need(min(whole, max(of_head, LONGEST_LABEL if label else NARROWEST_WORDS)), whole)
    return _Need(max(longest, of_head), whole)


def _parts(needs: Sequence[_Need], labels: int, width: int | None) -> list[Mapping[int, int]]:
    """Place of a column → its width, of each part that a table is cut into."""
    if width is None or not needs:
        return [{place: need.whole for place, need in enumerate(needs)}]
    first = list(range(min(labels, len(needs))))
    parts = [list(first)]
    begun = taken = sum(needs[place].least for place in first) + GAP * (len(first) - 1)
    for place, need in enumerate(needs[len(first) :], len(first)):
        taken += GAP + need.least
        if taken > width and len(parts[-1]) > len(first):
            parts.append(list(first))
            taken = begun + GAP + need.least
        parts[-1].append(place)
    return [_shared({place: needs[place] for place in part}, width) for part in parts]


def _shared(needs: Mapping[int, _Need], width: int) -> Mapping[int, int]:
    """Widths that fill *width* at most: each column has its least, and the others share what those do not need."""
    widths = {place: need.least for place, need in needs.items()}
    room = width - sum(widths.values()) - GAP * (len(widths) - 1)
    while room < 0 and max(widths.values()) > 1:  # labels and one column: the widest gives way
        widest = max(widths, key=widths.__getitem__)
        widths[widest] -= 1
        room += 1
    by_lack = sorted(needs, key=lambda place: needs[place].whole - needs[place].least)
    for number, place in enumerate(by_lack if room > 0 else ()):
        more = min(needs[place].whole - needs[place].least, room // (len(by_lack) - number))
        widths[place] += more
        room -= more
    return widths
