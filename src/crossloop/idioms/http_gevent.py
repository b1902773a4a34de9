"""gevent.pywsgi: gevent's own web server, a `StreamServer` with a greenlet for each connection.

It parses in Python. An application that returns no list and names no length has its answer sent in chunks. Three things
are done here that its defaults leave to nobody:

- A reset in the midst of a request's lines has its traceback printed, by `_handle_client_error`, a hook for subclasses.
- A reset while an answer of 400 is sent goes to the hub, which prints it.
- A greenlet that is killed while it sends takes that for an error of the application, and goes on to send an answer of
  500. So a server that ends shuts its connections down first, whose greenlets then end by themselves. It does so by a
  duplicate: `shutdown` of gevent's own socket raises in who waits for it, and that is taken for such an error, too.
"""

import contextlib
import socket
from typing import Any

import gevent
from gevent import pywsgi

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.idioms.http_wsgi import application


class _Handler(pywsgi.WSGIHandler):
    """The requests of one connection."""

    def _handle_client_error(self, ex: Exception) -> Any:
        return None if isinstance(ex, OSError) else super()._handle_client_error(ex)


class Server(pywsgi.WSGIServer):
    """A server on *listener* that has not started, with its greenlets in the pool *connections*."""

    handler_class = _Handler

    def __init__(self, listener: Any, site: HttpSite, connections: Any) -> None:
        super().__init__(listener, application(site), spawn=connections, log=None, error_log=None)
        self._open: set[Any] = set()

    def handle(self, sock: Any, address: Any) -> None:
        self._open.add(sock)
        try:
            with contextlib.suppress(OSError):
                super().handle(sock, address)
        finally:
            self._open.discard(sock)

    def close(self) -> None:
        super().close()
        for sock in self._open:
            with contextlib.suppress(OSError), socket.fromfd(sock.fileno(), sock.family, sock.type) as same:
                same.shutdown(socket.SHUT_RDWR)


def facts() -> HttpFacts:
    """The type that reads and parses the requests of a connection."""
    return facts_with_parser("gevent", gevent.__version__, pywsgi.WSGIHandler)
