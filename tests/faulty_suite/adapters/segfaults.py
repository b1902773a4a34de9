"""Reads address zero when the first message, or the first timer, arrives."""

import asyncio
import faulthandler
import socket

from crossloop.api import AdapterAbout, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="faulty", library="none", binding="asyncio", summary="Segfaults at the first event."
)


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.call_later = self._crash

    @staticmethod
    def _crash(*_: object) -> bytes:
        getattr(faulthandler, "_sigsegv")()  # noqa: B009  (CPython's own; a read of address zero by ctypes is an OSError on Windows)
        raise AssertionError("survived a segmentation fault")

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve with the fault in the application's place."""
        super().serve_streams(listener, lambda: self._crash, style, stop)
