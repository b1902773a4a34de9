"""twisted.web: Twisted's own web server, a `Site` with a tree of resources.

It parses in Python, in `HTTPChannel`. A resource returns its body whole, or writes it to the request piece by piece and
finishes it, which makes chunks. A `Site` writes a line for each request to Twisted's log; here it does not.
"""

import re
from typing import Any

import twisted
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.api.http import ID_DIGITS, NO_ID

_ID = re.compile(rb"[0-9a-f]{%d}" % ID_DIGITS)


class _Page(Resource):
    """One page with one ID; a page without an ID has those with IDs below it."""

    def __init__(self, site: HttpSite, name: str, id_: bytes = NO_ID) -> None:
        super().__init__()
        self.isLeaf = id_ is not NO_ID
        self._site = site
        self._name = name
        self._id = id_

    def getChild(self, path: bytes, request: Request) -> Any:  # noqa: N802  (Twisted's name)
        return _Page(self._site, self._name, path) if _ID.fullmatch(path) else notFound()

    def render_GET(self, request: Request) -> Any:  # noqa: N802  (Twisted's name)
        if request.postpath:
            missing: Any = notFound()
            return missing.render(request)
        request.setHeader(b"content-type", b"text/plain")
        pieces = self._site.pieces(self._name, self._id)
        if len(pieces) == 1:
            return pieces[0]
        for piece in pieces:
            request.write(piece)
        request.finish()
        return NOT_DONE_YET


class _Channel(HTTPChannel):
    """A connection, which its factory knows while it is open."""

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self.factory.connections.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  (Twisted's name)
        super().connectionLost(reason)
        self.factory.connections.discard(self)


class Server(Site):
    """The factory of a site's connections."""

    protocol: Any = _Channel
    noisy = False

    def __init__(self, site: HttpSite, reactor: Any) -> None:
        root: Any = Resource()
        for name in site.pages:
            root.putChild(name.encode(), _Page(site, name))
        super().__init__(root, reactor=reactor)
        self.connections: set[_Channel] = set()

    def log(self, request: Any) -> None:
        """No line for a request."""

    def close_all(self) -> None:
        """Have every connection end once all is written."""
        for channel in tuple[Any, ...](self.connections):
            channel.transport.loseConnection()

    def abort_all(self) -> None:
        """End every connection, whatever its peer has not read."""
        for channel in tuple[Any, ...](self.connections):
            channel.transport.abortConnection()


def facts() -> HttpFacts:
    """The type that reads and parses the requests of a connection."""
    return facts_with_parser("twisted", twisted.__version__, HTTPChannel)
