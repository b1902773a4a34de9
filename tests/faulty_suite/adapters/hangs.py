"""Never comes back from its first event."""

import asyncio
import socket
import threading

from crossloop.api import AdapterAbout, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Hangs at the first event.")


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.call_later = self._fail

    @staticmethod
    def _fail(*_: object) -> bytes:
        threading.Event().wait()
        return b""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve with the fault in the application's place."""
        super().serve_streams(listener, lambda: self._fail, style, stop)
