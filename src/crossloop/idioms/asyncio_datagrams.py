"""Datagram servers on asyncio's API: a protocol, and bare sockets where the loop has the calls for it.

A datagram transport buffers as a stream's does: what the kernel does not take at once waits, without a bound. It says
when that is much (`pause_writing`, from 64 KiB on), and until `resume_writing` answers are dropped, as a network would.
The Proactor's buffers every second one of a turn, since it has one send under way, so the bound is not nothing. Of bare
sockets `sock_sendto` waits instead, and what comes meanwhile waits in the kernel's queue or is dropped there.

What a peer's error is, and where it shows, is said in `crossloop.idioms.datagrams`: here it is told to
`error_received`, or raised by a call. It is passed over. The Proactor's `sock_recvfrom` raises ERROR_PORT_UNREACHABLE,
which is no ConnectionError, or returns no bytes and None for the peer (cpython 91227).
"""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Any, cast

from crossloop.api import DatagramApplication, UnsupportedError
from crossloop.idioms.asyncio_streams import Serve, Spawn, others_ended, readable
from crossloop.idioms.datagrams import DATAGRAM_BYTES

PORT_UNREACHABLE = 1234
"""ERROR_PORT_UNREACHABLE ("System Error Codes", learn.microsoft.com)."""
DATAGRAMS_PER_TURN = 32
"""`sock_recvfrom` does not suspend while there are datagrams; others must have their turn, and the word to stop.
The number is libuv's."""


class _Endpoint(asyncio.DatagramProtocol):
    """Style `protocol`."""

    __slots__ = ("_application", "_closed", "_full", "_sendto", "transport")

    def __init__(self, application: DatagramApplication, closed: asyncio.Future[None]) -> None:
        self._application = application
        self._closed = closed
        self._full = False
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self._sendto = self.transport.sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self._application(data)
        if answer and not self._full:
            self._sendto(answer, addr)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)


async def answer_by_protocol(
    endpoint: socket.socket, application: DatagramApplication, stop: socket.socket, _spawn: Spawn
) -> None:
    """`asyncio.DatagramProtocol` under `loop.create_datagram_endpoint`."""
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    protocol = _Endpoint(application, closed)
    handed_over = endpoint.dup()
    try:
        await loop.create_datagram_endpoint(lambda: protocol, sock=handed_over)
        await readable(stop)
    finally:
        # Not what `create_datagram_endpoint` returns: the first datagram may end the run before it does.
        if protocol.transport is None:
            handed_over.close()
        else:
            protocol.transport.abort()
            await asyncio.wait((closed,))


async def answer_by_sockets(
    endpoint: socket.socket, application: DatagramApplication, stop: socket.socket, spawn: Spawn
) -> None:
    """`loop.sock_recvfrom` and `loop.sock_sendto`: a coroutine on the bare socket."""
    loop = asyncio.get_running_loop()

    async def answer() -> None:
        try:
            data, peer = await loop.sock_recvfrom(endpoint, DATAGRAM_BYTES)
        except NotImplementedError as error:
            raise UnsupportedError(f"{type(loop).__name__} has no sock_recvfrom") from error
        except OSError as error:
            if not isinstance(error, ConnectionError) and getattr(error, "winerror", 0) != PORT_UNREACHABLE:
                raise
            return
        if peer is not None and (reply := application(data)):
            with contextlib.suppress(OSError):
                await loop.sock_sendto(endpoint, reply, peer)

    async def answer_all() -> None:
        while True:
            for _ in range(DATAGRAMS_PER_TURN):
                await answer()
            await asyncio.sleep(0)

    answering = spawn(answer_all())
    try:
        await readable(stop)
    finally:
        answering.cancel()
        await others_ended()


DATAGRAM_SERVERS: Mapping[str, Serve] = {"protocol": answer_by_protocol, "sockets": answer_by_sockets}
"""Style → server."""
