"""Sentences of the markdown pages as data for the HTML file: texts with a kind, and links to its own views. Pure.

The sentences are written by this package, with texts of a journal escaped in them (`crossloop.markup.escaping`). Only
what they use is read; whatever else looks like markup stays text, and reaches the screen as text.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Literal, TypeAlias

from crossloop.markup.escaping import Markdown

Kind: TypeAlias = Literal["", "strong", "em", "code", "view"]
Span: TypeAlias = tuple[Kind, str, str]
"""Kind, text, and of a `view` what follows the `#` of its address."""
Sentence: TypeAlias = tuple[Span, ...]

_TOKEN = re.compile(
    r"\\(?P<escaped>[^A-Za-z0-9\s])"
    r"|`(?P<code>[^`]+)`"
    r"|\[(?P<text>(?:\\.|[^\]\\])*)\]\((?P<target>[^()\s]*)\)"
    r"|(?P<strong>\*\*)"
    r"|(?P<em>\*)"
    r"|(?P<tag></?code>)"
    r"|(?P<entity>&(?:lt|gt|amp);)"
)


def sentence_of(markdown: Markdown, views: Mapping[str, str]) -> Sentence:
    """The spans of one sentence. *views*: file that it may link to → address of the view that shows the same."""
    spans: list[Span] = []
    for kind, text, address in _spans(markdown, views):
        if spans and address == spans[-1][2] == "" and kind == spans[-1][0]:
            spans[-1] = (kind, spans[-1][1] + text, "")
        elif text:
            spans.append((kind, text, address))
    return tuple(spans)


def _spans(markdown: str, views: Mapping[str, str]) -> Iterator[Span]:
    kind: Kind = ""
    end = 0
    for token in _TOKEN.finditer(markdown):
        yield kind, markdown[end : token.start()], ""
        end = token.end()
        match token.lastgroup:
            case "escaped":
                yield kind, token["escaped"], ""
            case "code":
                yield "code", token["code"], ""
            case "target":
                text = "".join(part for _kind, part, _address in _spans(token["text"], {}))
                address = views.get(token["target"], "")
                yield ("view", text, address) if address else (kind, text, "")
            case "strong":
                kind = "" if kind == "strong" else "strong"
            case "em":
                kind = "" if kind == "em" else "em"
            case "tag":
                kind = "code" if token["tag"] == "<code>" else ""
            case _:
                yield kind, unescape(token["entity"]), ""
    yield kind, markdown[end:], ""
