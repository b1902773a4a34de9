"""Takes four gigabytes of memory, page by page, at the first event."""

import asyncio
import socket
import threading

from crossloop.api import AdapterAbout, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="faulty", library="none", binding="asyncio", summary="Eats memory at the first event."
)


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.call_later = self._fail

    @staticmethod
    def _fail(*_: object) -> bytes:
        held = [bytearray(b"x") * (64 << 20) for _ in range(64)]
        threading.Event().wait()
        return bytes(held[0][:1])

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve with the fault in the application's place."""
        super().serve_streams(listener, lambda: self._fail, style, stop)
