"""HTTP from the client's side: what does a GET cost the client, over kept connections?

A program that calls other services pays for each request in its client: headers are made and parsed, a connection is
taken from a pool and given back. The rows are the clients that people run on a library (`HttpClient`): aiohttp's on
every loop with asyncio's API. The suite's own web server answers, in a process beside it
(`crossloop.companions.http_server`); its CPU time is not counted.

Two pages (`page`): `plaintext`, 32 bytes, and `body-10k`, 10 KiB. `in_flight` requests are made at a time, each on a
connection of its own, which the client keeps from one repetition to the next. Each request has an ID of its own in its
path, with which its body begins.

Timed region: from the first request until the last body has arrived.

What it does not say: what connecting costs, TLS, names; and what a client does when a server is slow.
"""

import socket
from collections.abc import Callable, Sequence
from typing import cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    HttpClient,
    HttpSite,
    Parameters,
    ScenarioAbout,
    UnsupportedError,
    Workload,
    fixed_filler,
    styles_of,
)

ABOUT = ScenarioAbout(
    levels=("HttpClient",),
    drive="work",
    title="HTTP client",
    question="What does a GET cost the client, one at a time and with 10 in flight?",
    group="clients",
    place=10,
    unit="request",
    sets=(
        ("smoke", {"requests": 100, "in_flight": 10, "page": "plaintext"}),
        ("standard", {"requests": 50, "in_flight": 1, "page": "plaintext"}),
        ("standard", {"requests": 100, "in_flight": 10, "page": "body-10k"}),
        ("full", {"requests": 400, "in_flight": 100, "page": "plaintext"}),
    ),
    limits={"requests": (1, 100000), "in_flight": (1, 500)},
    style_requires={"aiohttp": ("aiohttp>=3.10",)},
    companion=True,
    brief=True,
)

_ID_DIGITS = 24
SITE = HttpSite(
    {"plaintext": (fixed_filler(32 - _ID_DIGITS),), "body-10k": (fixed_filler(10240 - _ID_DIGITS),)}
)


def companion(ready: Callable[[str, int], None], stop: socket.socket) -> None:
    """The web server; returns when *stop* is readable."""
    from crossloop.companions.http_server import serve

    serve(SITE, ready, stop)


class Scenario(Workload):
    """GETs of one page, by one client."""

    @classmethod
    def styles(cls, adapter: type[Adapter]) -> tuple[str, ...]:
        """The adapter's clients."""
        return styles_of(adapter).get("HttpClient", ())

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a page that there is not, and without a server."""
        super().__init__(adapter, style, parameters, server)
        self._page: str = parameters["page"]
        if self._page not in SITE.pages:
            raise UnsupportedError(f"http-client has no page {self._page!r}, but {', '.join(SITE.pages)}")
        if style not in self.styles(type(adapter)):
            raise UnsupportedError(f"no client {style!r} here, but {', '.join(self.styles(type(adapter)))}")
        if server is None:
            raise UnsupportedError(
                "http-client needs its companion, the web server, and was given no address"
            )
        self._client = cast(HttpClient, adapter)
        self._server = server
        self._in_flight: int = parameters["in_flight"]
        self._count: int = parameters["requests"]
        self._made = 0
        self._ids: list[str] = []
        self._paths: list[str] = []
        self._bodies: Sequence[bytes] = ()

    def prepare(self) -> None:
        """Paths that nobody has asked for yet."""
        self._ids = [f"{self._made + number:0{_ID_DIGITS}x}" for number in range(self._count)]
        self._made += self._count
        self._paths = [f"/{self._page}/{id_}" for id_ in self._ids]
        self._bodies = ()

    def run(self) -> int:
        """Get all; returns how many bodies came."""
        self._bodies = self._client.get_pages(self.style, self._server, self._paths, self._in_flight)
        return len(self._bodies)

    def verify(self) -> None:
        """Each body begins with the ID of its request, and the rest is the page."""
        if len(self._bodies) != self._count:
            raise CheckFailedError(f"{len(self._bodies)} bodies to {self._count} requests")
        for id_, body in zip(self._ids, self._bodies, strict=True):
            expected = b"".join(SITE.pieces(self._page, id_.encode()))
            if body != expected:
                raise CheckFailedError(f"the body of {id_} is {body[:40]!r}, expected {expected[:40]!r}")

    def close(self) -> None:
        """The client's connections end with the adapter."""
