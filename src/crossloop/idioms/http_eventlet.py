"""eventlet.wsgi: eventlet's own web server, a greenlet for each connection on the standard library's `http.server`.

It parses in Python. `wsgi.server` accepts for ever in the greenlet that calls it. When that is killed, it shuts down
the connections that are between two requests, and waits for the others without a bound; so all are shut down first.
What is no HTTP is written to standard error by `http.server`, whatever the log is; hence the subclass below.
"""

import contextlib
import logging
import socket
import weakref
from typing import Any

import eventlet
from eventlet import wsgi
from eventlet.greenio import GreenSocket

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.idioms.http_wsgi import application

SILENT = logging.Logger("crossloop.eventlet.wsgi")
SILENT.addHandler(logging.NullHandler())


class _Protocol(wsgi.HttpProtocol):
    """The requests of one connection."""

    def log_message(self, format: str, *args: object) -> None:
        """No line for what is no HTTP."""


class _Listening(GreenSocket):
    """A listener that knows the connections which it gave."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener)
        self.accepted: weakref.WeakSet[Any] = weakref.WeakSet()

    def accept(self) -> Any:
        connection, address = super().accept()
        self.accepted.add(connection)
        return connection, address


class Server:
    """A server on *listener*."""

    def __init__(self, listener: socket.socket, site: HttpSite) -> None:
        self._listening = _Listening(listener)
        self._application = application(site)

    def serve(self) -> None:
        """For ever."""
        wsgi.server(
            self._listening,
            self._application,
            log=SILENT,
            log_output=False,
            debug=False,
            protocol=_Protocol,
        )

    def end_connections(self) -> None:
        """Shut down every connection; its greenlet ends by that."""
        for connection in tuple(self._listening.accepted):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def facts() -> HttpFacts:
    """The type that reads and parses the requests of a connection."""
    return facts_with_parser("eventlet", eventlet.__version__, wsgi.HttpProtocol)
