"""Answers with the last byte altered, once in a hundred messages: a busy machine may not get to more."""

import asyncio
import itertools
import socket

from crossloop.api import AdapterAbout, Receive, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="faulty", library="none", binding="asyncio", summary="Alters an answer now and then."
)


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._turns = itertools.count(1)

    def _alter(self) -> Receive:
        def receive(data: bytes) -> bytes:
            return data if next(self._turns) % 100 else data[:-1] + bytes([data[-1] ^ 1])

        return receive

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve an echo that is not one."""
        super().serve_streams(listener, self._alter, style, stop)
