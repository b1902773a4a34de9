"""The file `report.html`: a document in, one HTML text out that needs nothing else. Pure.

A journal may come from anywhere. Its texts go into the page as data only: JSON in an element that no browser runs, in
which `<`, `>` and `&` are escaped, and which the page's own script puts on the screen as text nodes. The policy of the
page names its own script and style by their hashes, and allows nothing else: no other script, no request, no form. It
demands trusted types as well, so that a browser that knows them refuses markup made of strings.
"""

import base64
import hashlib
import html
import json
import math
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from crossloop.plain_text import printable
from crossloop.report.html.shapes import Document

FILE = "report.html"
SCRIPTS = (
    "figures.js",
    "nodes.js",
    "routes.js",
    "tables.js",
    "headline.js",
    "scenarios.js",
    "adapters.js",
    "behaviours.js",
    "missing.js",
    "start.js",
)
"""In the order in which they need each other; together they are one script."""
STYLE = "report.css"
LONGEST = 4_000
"""Characters of one text that are kept; the journal has the rest."""
SIGNIFICANT = 7
"""Digits of a number that are kept: four more than any that is shown."""
_ACTIVE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def html_page(document: Document) -> bytes:
    """The whole file."""
    script = "\n".join(_part(name) for name in SCRIPTS)
    style = _part(STYLE)
    template = Environment(
        loader=PackageLoader("crossloop.report.html", "parts"),
        autoescape=False,  # noqa: S701 - the only text from a journal is escaped below; the rest is this package's
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    ).get_template("page.html.j2")
    return template.render(
        title=html.escape(_visible(document.title)),
        policy="; ".join(
            (
                "default-src 'none'",
                f"script-src '{_hash(script)}'",
                f"style-src '{_hash(style)}'",
                "base-uri 'none'",
                "form-action 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        ),
        style=style,
        data=json_of(document),
        script=script,
    ).encode()


def json_of(document: Document) -> str:
    """The data as JSON that may stand in a `<script>` element of HTML."""
    text = json.dumps(
        _plain(msgspec.to_builtins(document)), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    for character, escaped in _ACTIVE.items():
        text = text.replace(character, escaped)
    return text


def _plain(value: Any) -> Any:
    """*value* with texts that can be shown, and numbers that are finite and no longer than needed."""
    match value:
        case str():
            return _visible(value)
        case float():
            return _rounded(value)
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case _:
            return value


def _visible(text: str) -> str:
    """*text* with what changes direction or cannot be seen as escapes; line ends stay."""
    left_out = len(text) - LONGEST
    more = f" … ({left_out} more characters)" if left_out > 0 else ""
    return printable(text[:LONGEST], kept="\n") + more


def _rounded(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{SIGNIFICANT - 1}e}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _part(name: str) -> str:
    return (files("crossloop.report.html") / "parts" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """The source expression by which a policy names an inline element (Content Security Policy 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
