"""Accepts every connection and answers the first thirty."""

import asyncio
import itertools
import socket

from crossloop.api import AdapterAbout, Receive, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Stops answering new ones.")

ANSWERED = 30


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._connections = itertools.count()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve, and leave the later ones without an answer."""

        def tired() -> Receive:
            return application() if next(self._connections) < ANSWERED else lambda _data: b""

        super().serve_streams(listener, tired, style, stop)
