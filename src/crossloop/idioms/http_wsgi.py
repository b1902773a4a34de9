"""The WSGI application (PEP 3333) that the servers of greenlets are given."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from crossloop.api import HttpSite

Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
TEXT = ("Content-Type", "text/plain")


def application(site: HttpSite) -> Application:
    """A body of one piece comes with its length; of several the server learns no length, and sends chunks."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        pieces, status = site.at(environ["PATH_INFO"]), "200 OK"
        if pieces is None:
            pieces, status = (b"",), "404 Not Found"
        if len(pieces) == 1:
            start_response(status, [TEXT, ("Content-Length", str(len(pieces[0])))])
        else:
            start_response(status, [TEXT])
        return () if environ["REQUEST_METHOD"] == "HEAD" else iter(pieces)

    return app
