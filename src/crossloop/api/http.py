"""A web site as data, so that every web server makes the same answers, each in its own words.

A page is asked for by `GET /NAME/ID`. The ID is 24 hexadecimal digits, the stamp of an exchange
(`crossloop.api.exchange`), and the body begins with it. `GET /NAME` is answered with 24 zeros in its place.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from crossloop.api.exchange import STAMP_BYTES

ID_DIGITS = STAMP_BYTES["hex"]
NO_ID = b"0" * ID_DIGITS


@dataclass(frozen=True)
class HttpSite:
    """What a server of the level `HttpServer` serves."""

    pages: Mapping[str, tuple[bytes, ...]]
    """Name → what follows the ID, in the pieces in which a program has it; a name is of letters, digits and `-`.

    A page of one piece is sent with Content-Length. One of several is handed to the server piece by piece and without
    its length, as a program does that makes a body bit by bit; HTTP/1.1 sends that in chunks (RFC 9112, section 7.1).
    """

    def pieces(self, name: str, id_: bytes = NO_ID) -> tuple[bytes, ...]:
        """The body of the page *name*, with *id_* in front. Raises KeyError."""
        first, *others = self.pages[name]
        return (id_ + first, *others)

    def at(self, path: str) -> tuple[bytes, ...] | None:
        """The body of the page at *path*, for a server without routes of its own; None: 404."""
        match = self._route.fullmatch(path)
        return self.pieces(match[1], match[2].encode() if match[2] else NO_ID) if match else None

    @cached_property
    def _route(self) -> re.Pattern[str]:
        return re.compile(rf"/({'|'.join(map(re.escape, self.pages))})(?:/([0-9a-f]{{{ID_DIGITS}}}))?")


@dataclass(frozen=True, kw_only=True)
class HttpFacts:
    """Which server a style has in this process, asked and not remembered."""

    server: str
    """The package, such as `uvicorn`."""
    server_version: str
    parser: str
    """The type that parses requests, with its module: `httptools.parser.parser.HttpRequestParser`; of a server in C the
    function."""
    compiled: bool
    """Whether that type is of an extension module; else it is Python code, which takes several times as long."""
    library: str = ""
    """Of a server in C the file of the library that the function is in."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def facts_with_parser(server: str, server_version: str, parser: type) -> HttpFacts:
    """Facts of a *server* that parses requests by the type *parser*."""
    file = getattr(sys.modules[parser.__module__], "__file__", None) or ""
    return HttpFacts(
        server=server,
        server_version=server_version,
        parser=f"{parser.__module__}.{parser.__qualname__}",
        compiled=file.endswith(tuple(EXTENSION_SUFFIXES)),
    )
