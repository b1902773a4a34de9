"""What people read, README, docs/ and CONTRIBUTING: links lead somewhere, and sentences are short enough to follow."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.documents import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
)
READ_IN_FULL = [page for page in PAGES if page != "CHANGELOG.md"]
MOST_WORDS = 40
LONG_SENTENCES = {"README.md": 1}
"""How many longer sentences a page may have. README.md opens with one that lists what is measured."""
_END = re.compile(r"(?<=[\w'./-][^\W_][.?!])[)\"”]*\s+|(?<=[\d)\"”`%*/][.?!])\s+")
"""Of a sentence. A letter by itself with a point is an initial."""


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """The blocks of a page; those that hold text are of type `inline`."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of *page* as GitHub makes them (of two that are equal, the second gets `-1`)."""
    names: list[str] = []
    for opening, heading in zip(tokens(page), tokens(page)[1:], strict=False):
        if opening.type == "heading_open":
            name = re.sub(r"[^\w\- ]", "", text_of(heading).lower()).replace(" ", "-")
            names.append(f"{name}-{names.count(name)}" if name in names else name)
    return set(names)


def text_of(inline: Token) -> str:
    """The words of a block as they are shown: a link is its text, and code is one word."""
    parts = {"softbreak": " ", "hardbreak": " "}
    return "".join(
        part.content if part.type in ("text", "code_inline") else parts.get(part.type, "")
        for part in inline.children or ()
    )


def targets(page: Path) -> Iterator[str]:
    for block in tokens(page):
        for part in block.children or ():
            link = part.attrs.get("href") or part.attrs.get("src")
            if link is not None:
                yield str(link)


def sentences(page: Path) -> Iterator[str]:
    """Those of paragraphs and list items; a row of a table is none, nor is a line that has links alone."""
    depth_of_table = 0
    for block in tokens(page):
        depth_of_table += {"table_open": 1, "table_close": -1}.get(block.type, 0)
        if block.type != "inline" or depth_of_table or links_alone(block):
            continue
        for part in block.children or ():
            if part.type == "code_inline":
                part.content = part.content.replace(" ", "\u00a0")
        yield from _END.split(text_of(block))


def links_alone(inline: Token) -> bool:
    inside, outside = 0, ""
    for part in inline.children or ():
        inside += {"link_open": 1, "link_close": -1}.get(part.type, 0)
        outside += part.content if not inside and part.type != "image" else ""
    return not re.search(r"\w", outside)


@pytest.mark.parametrize("page", PAGES)
def test_links_within_the_repository_lead_somewhere(page: str) -> None:
    broken = []
    for target in targets(ROOT / page):
        if "://" in target:
            continue
        path, _hash, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", READ_IN_FULL)
def test_a_sentence_has_forty_words_at_most(page: str) -> None:
    long = [
        sentence
        for sentence in sentences(ROOT / page)
        if len(re.findall(r"[^ \n]*\w[^ \n]*", sentence)) > MOST_WORDS
    ]
    assert len(long) <= LONG_SENTENCES.get(page, 0), "\n".join(long)
