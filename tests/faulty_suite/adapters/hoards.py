"""Answers rightly, and takes 8 MiB for each connection but the first ones."""

import asyncio
import itertools
import mmap
import socket

from crossloop.api import AdapterAbout, Receive, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="faulty", library="none", binding="asyncio", summary="Takes much for a connection."
)

SPARED = 8
"""As many as a ladder's server has had before its memory is read first: when those are gone is not certain."""


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._connections = itertools.count()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve, at a price."""

        def costly() -> Receive:
            receive = application()
            held = mmap.mmap(-1, 8 << 20 if next(self._connections) >= SPARED else 1)
            held.write(bytes(len(held)))
            return lambda data: receive(data) if len(held) else b""

        super().serve_streams(listener, costly, style, stop)
