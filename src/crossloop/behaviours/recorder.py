"""A protocol that writes down what its transport calls, for the programs on asyncio's transports."""

import asyncio
import socket
from typing import TypeVar, cast


class Recorder(asyncio.Protocol):
    """Made within a running loop."""

    transport: asyncio.Transport

    def __init__(self, *, half_open: bool = False) -> None:
        """*half_open*: keep the way out open at the peer's end of file."""
        loop = asyncio.get_running_loop()
        self.calls = list[str]()
        """`made`, `data` (once for all pieces in a row), `eof`, `lost`, in the order in which they came."""
        self.data = bytearray()
        self.arrived: asyncio.Future[None] = loop.create_future()
        """Done with the first data."""
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done at the peer's end of file."""
        self.lost: asyncio.Future[Exception | None] = loop.create_future()
        """What `connection_lost` was given."""
        self._half_open = half_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.calls[-1:] != ["data"]:
            self.calls.append("data")
        if not self.arrived.done():
            self.arrived.set_result(None)

    def eof_received(self) -> bool:
        self.calls.append("eof")
        self.ended.set_result(None)
        return self._half_open

    def connection_lost(self, error: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(error)


_Recorder = TypeVar("_Recorder", bound=Recorder)


async def attached(sock: socket.socket, recorder: _Recorder) -> _Recorder:
    """*recorder* on a transport over the connection of *sock*, which is detached: the transport has it now."""
    ours = socket.socket(fileno=sock.detach())
    await asyncio.get_running_loop().create_connection(lambda: recorder, sock=ours)
    return recorder
