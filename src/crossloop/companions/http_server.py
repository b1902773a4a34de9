"""A web server for clients that are measured: GET of a site's pages over kept connections, and nothing else.

It runs in a process of its own, on the load's CPU. It reads no more of HTTP/1.1 (RFC 9112) than clients of the level
`HttpClient` say: requests without a body, one at a time on a connection. Any other path is answered by 404. Standard
library only, one thread.
"""

import contextlib
import selectors
import socket
from collections.abc import Callable

from crossloop.api import HttpSite

READ_BYTES = 65536
BACKLOG = 1024
_END = b"\r\n\r\n"


class WebServer:
    """A server on loopback; it listens when it is made."""

    def __init__(self, site: HttpSite) -> None:
        self._site = site
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._unread: dict[socket.socket, bytes] = {}
        self.address: tuple[str, int] = self._listener.getsockname()
        self.accepted = 0
        """Connections so far."""
        self.most_open = 0
        """At a time."""

    def serve(self, stop: socket.socket) -> None:
        """Answer until *stop* is readable, then close all."""
        with self._listener, contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            stack.callback(self._close_all)
            for sock in (self._listener, stop):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select():
                    if key.fileobj is stop:
                        return
                    if key.fileobj is self._listener:
                        selector.register(self._accept(), selectors.EVENT_READ)
                    elif isinstance(key.fileobj, socket.socket) and not self._converse(key.fileobj):
                        selector.unregister(key.fileobj)
                        del self._unread[key.fileobj]
                        key.fileobj.close()

    def _accept(self) -> socket.socket:
        connection, _address = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread[connection] = b""
        self.accepted += 1
        self.most_open = max(self.most_open, len(self._unread))
        return connection

    def _converse(self, connection: socket.socket) -> bool:
        """Answer what is there; False at the end."""
        try:
            data = connection.recv(READ_BYTES)
            *requests, self._unread[connection] = (self._unread[connection] + data).split(_END)
            connection.sendall(b"".join(map(self._answer, requests)))
        except OSError:  # the client's reset
            return False
        return bool(data)

    def _answer(self, request: bytes) -> bytes:
        pieces = self._site.at(request.split(b" ", 2)[1].decode("latin-1"))
        if pieces is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        body = b"".join(pieces)
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )

    def _close_all(self) -> None:
        for connection in self._unread:
            connection.close()


def serve(site: HttpSite, ready: Callable[[str, int], None], stop: socket.socket) -> None:
    """As a companion: say where it listens, and answer until *stop* is readable."""
    server = WebServer(site)
    ready(*server.address)
    server.serve(stop)
