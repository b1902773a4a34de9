"""Serves, and kills the load generator when that asks: what becomes of others is not the fault of a run's rows."""

import asyncio
import contextlib
import os
import socket

import psutil

from crossloop.api import AdapterAbout, Receive, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Kills the load generator.")


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())

    def _kill(self) -> Receive:
        for sibling in psutil.Process(os.getppid()).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # one that has ended and is not waited for yet
                if "crossloop.load.server" in sibling.cmdline():
                    sibling.kill()
        return bytes

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve nobody for long."""
        super().serve_streams(listener, self._kill, style, stop)
