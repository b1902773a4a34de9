"""The pages of a rendered report, and what a reader or a browser finds on them."""

import posixpath
import re
from collections.abc import Mapping
from urllib.parse import unquote

from crossloop.journal import Record
from crossloop.report import Rendered, ScenarioTexts, render

_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
_VERBATIM = re.compile(r"<pre>.*?</pre>|^````.*?^````", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")


def pages_of(rendered: Rendered) -> dict[str, str]:
    """Name → text of every page; the first page is the first."""
    others = {name: content.decode() for name, content in rendered.files.items() if name.endswith(".md")}
    return {"README.md": rendered.markdown, **others}


def pictures_of(rendered: Rendered) -> dict[str, bytes]:
    """Name without its folder → content of every picture."""
    return {
        posixpath.basename(name): content for name, content in rendered.files.items() if name.endswith(".svg")
    }


def whole_text(rendered: Rendered) -> str:
    """All pages, one after another."""
    return "\n".join(pages_of(rendered).values())


def text_of(records: list[Record], about: Mapping[str, ScenarioTexts] | None = None) -> str:
    """All pages of a journal."""
    return whole_text(render(records, about))


def unfolded(page: str) -> list[str]:
    """Lines that a reader sees before opening anything."""
    return _FOLDED.sub("", page).splitlines()


def anchors_of(page: str) -> set[str]:
    """Anchors of the headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(pages: Mapping[str, str], others: set[str]) -> list[str]:
    """`page: target` of every relative link or picture that leads to no page, file of *others* or heading.

    Links out of the report (`../` beyond its first page) are not looked at.
    """
    broken = []
    for name, text in pages.items():
        for target in _LINK.findall(_VERBATIM.sub("", text)):
            path, _hash, anchor = unquote(target).partition("#")
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if "://" in target or place.startswith(".."):
                continue
            if place not in pages and place not in others:
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in anchors_of(pages.get(place, "")):
                broken.append(f"{name}: {target} (no such heading)")
    return broken
