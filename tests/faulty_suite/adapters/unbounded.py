"""Answers rightly, and reads on however much of its answers nobody reads."""

import asyncio
import socket
from typing import cast

from crossloop.api import AdapterAbout, StreamApplication
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Has no backpressure.")


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve by a protocol that is deaf to `pause_writing`."""
        self.loop.run_until_complete(self._read_on(listener, application, stop))

    async def _read_on(
        self, listener: socket.socket, application: StreamApplication, stop: socket.socket
    ) -> None:
        stopped = asyncio.Event()
        self.loop.add_reader(stop, stopped.set)
        server = await self.loop.create_server(lambda: _Protocol(application), sock=listener)
        await stopped.wait()
        self.loop.remove_reader(stop)
        server.close()


class _Protocol(asyncio.Protocol):
    def __init__(self, application: StreamApplication):
        self._receive = application()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if answer := self._receive(data):
            self._transport.write(answer)
