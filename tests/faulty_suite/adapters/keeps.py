"""Answers rightly, and keeps a descriptor of each connection that has ended."""

import asyncio
import os
import socket

from crossloop.api import AdapterAbout, Receive, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Keeps what ends.")


class Adapter(StandardLoop):
    """asyncio's adapter, beside whose connections stand duplicates."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.SelectorEventLoop())
        self.kept: list[int] = []

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Keep the listener's duplicate for each connection: the connections themselves are closed."""

        def keeping() -> Receive:
            self.kept.append(os.dup(listener.fileno()))
            return application()

        super().serve_streams(listener, keeping, style, stop)
