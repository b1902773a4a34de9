"""Ends its process at the first event, without a word."""

import asyncio
import os
import socket

from crossloop.api import AdapterAbout, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Exits at the first event.")


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.call_later = self._fail

    @staticmethod
    def _fail(*_: object) -> bytes:
        os._exit(7)

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve with the fault in the application's place."""
        super().serve_streams(listener, lambda: self._fail, style, stop)
