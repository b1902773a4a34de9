"""tornado.httpserver: tornado's own web server, with an application of tornado.web as its documentation has it.

`HTTPServer` reads requests from an `IOStream` and parses them in Python. A `RequestHandler` for each route answers by
`write`, and by `flush` between two pieces, which makes the answer chunked. It adds an `Etag` of what it has whole. HEAD
is 405 where a handler has no `head`. A request is logged by the application's `log_function`, which here does nothing.
"""

from typing import Any

import tornado
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.api.http import ID_DIGITS, NO_ID


class _Page(RequestHandler):
    """One page of the site."""

    def initialize(self, site: HttpSite, name: str) -> None:
        self._site = site
        self._name = name

    async def get(self, id_: str | None) -> None:
        *pieces, last = self._site.pieces(self._name, id_.encode() if id_ else NO_ID)
        self.set_header("Content-Type", "text/plain")
        for piece in pieces:
            self.write(piece)
            await self.flush()
        self.write(last)


def server_of(site: HttpSite) -> HTTPServer:
    """A server that has no socket yet."""
    routes: list[Any] = [
        (rf"/{name}(?:/([0-9a-f]{{{ID_DIGITS}}}))?", _Page, {"site": site, "name": name})
        for name in site.pages
    ]
    return HTTPServer(Application(routes, log_function=lambda _handler: None))


def facts() -> HttpFacts:
    """The type that reads and parses each request."""
    return facts_with_parser("tornado", tornado.version, HTTP1Connection)
