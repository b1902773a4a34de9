"""Stream servers on asyncio's API: protocols, streams, bare sockets; for every loop that has that API.

Six facts about the API shape the code below.

- A socket that a loop gets belongs to the loop. `create_server(sock=...)` may take the descriptor out of the socket
  (rloop does) or close it with the server (CPython does), and documentation promises neither. So a loop gets a
  duplicate of the listener, and ours stays unchanged. A duplicate is another number for the same queue, so `listen` on
  ours works for both. `add_reader` and the like get numbers, which every loop takes; some refuse the object.

- `create_server(sock=...)` calls `listen` with a backlog of 100 and ignores the socket's own: a storm of 1000 clients
  would meet a full queue and SYN retries of a second. The number is also how many connections CPython accepts per
  wake-up, and on EMFILE it goes through all of them, failing, before it pauses for a second. So it stays, and `listen`
  is called once more.
- A closing server does not wait for connections (up to 3.11), or waits for ever (3.12, as long as a client stays). So
  the open transports are counted here, aborted, and waited for.
- CPython runs an accept as a task of its own between the kernel's accept and `connection_made`; a
  connection can therefore appear after `Server.close()`. It is aborted on arrival.
- With `ssl=` a protocol between the transport and ours does the handshake first, and then passes a transport of its
  own. CPython's task of the accept waits for that, so cancelling the task ends a pending handshake. uvloop and the
  Proactor have no such task: there the connection ends with its handshake, or when that has lasted 60 seconds. Bare
  sockets have no TLS: the calls of a socket that is wrapped by `ssl` are not the loop's.
- A transport takes all data and keeps what is unsent, so a slow peer delays no other. A closed transport logs writes
  from the fifth on, to stderr; so the code first checks whether it is closed.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias, cast

from crossloop.api import PushApplication, Receive, Send, StreamApplication
from crossloop.idioms.accepting import ASYNCIO_PAUSE_S, must_rest
from crossloop.idioms.sizes import READ_BYTES
from crossloop.worker.serving import BACKLOG

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
Serve: TypeAlias = Callable[..., Coroutine[Any, Any, None]]
"""Called with a level's endpoint and application, the stop socket and a `Spawn`; for TLS with the context, too."""


Begin: TypeAlias = Callable[[Any], Receive]
"""Makes what answers a connection, of what the library gives to write to it."""
End: TypeAlias = Callable[[Receive], object] | None
"""Tells it the end of its connection."""


def answering_server(serve: Callable[..., Coroutine[Any, Any, None]]) -> Serve:
    """*serve* for an application that only answers. Its parameters: listener, `Begin`, `End`, stop, context."""

    def serve_streams(
        listener: socket.socket,
        application: StreamApplication,
        stop: socket.socket,
        _spawn: Spawn,
        context: ssl.SSLContext | None = None,
    ) -> Coroutine[Any, Any, None]:
        return serve(listener, lambda _connection: application(), None, stop, context)

    return serve_streams


def pushing_server(
    serve: Callable[..., Coroutine[Any, Any, None]], sending_on: Callable[[Any], Send]
) -> Serve:
    """*serve*, as in `answering_server`, for one that sends at any time, by what *sending_on* makes of a connection."""

    def serve_push(
        listener: socket.socket, application: PushApplication, stop: socket.socket, _spawn: Spawn
    ) -> Coroutine[Any, Any, None]:
        return serve(
            listener,
            lambda connection: application(sending_on(connection)),
            lambda receive: receive(b""),
            stop,
            None,
        )

    return serve_push


class _Transports:
    """The transports that are open now; once aborted, later arrivals are aborted as they come."""

    def __init__(self) -> None:
        self._open: set[asyncio.WriteTransport] = set()
        self._aborted = False

    def add(self, transport: asyncio.WriteTransport) -> None:
        self._open.add(transport)
        if self._aborted:
            transport.abort()

    def remove(self, transport: asyncio.WriteTransport) -> None:
        self._open.discard(transport)

    async def abort(self, accepts: set[asyncio.Task[Any]]) -> None:
        """Abort all and return when the last connection was told and no task but the caller's is left.

        *accepts*: tasks that wait for a handshake, to be cancelled.
        """
        self._aborted = True
        for transport in tuple(self._open):
            transport.abort()
        for accept in accepts:
            accept.cancel()
        await others_ended()
        while self._open:  # connection_lost comes by call_soon: a turn of the loop or two
            await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One connection in the style `protocol`."""

    __slots__ = ("_begin", "_end", "_receive", "_transport", "_transports", "_write")

    def __init__(self, begin: Begin, end: End, transports: _Transports) -> None:
        self._begin = begin
        self._end = end
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self._transports.add(self._transport)
        self._receive = self._begin(self._transport)

    def data_received(self, data: bytes) -> None:
        answer = self._receive(data)
        if answer:
            self._write(answer)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transports.remove(self._transport)
        if self._end:
            self._end(self._receive)


def _sending_on(transport: asyncio.WriteTransport) -> Send:
    is_closing, write = transport.is_closing, transport.write

    def send(data: bytes) -> None:
        if not is_closing():
            write(data)

    return send


async def _serve_on(
    listener: socket.socket,
    start: Callable[[socket.socket], Coroutine[Any, Any, asyncio.Server]],
    stop: socket.socket,
    transports: _Transports,
    handshakes: Callable[[], set[asyncio.Task[Any]]] = set,
) -> None:
    """Have what *start* makes of a duplicate of *listener* accept until *stop*, with our backlog."""
    handed_over = listener.dup()
    try:
        server = await start(handed_over)
    except BaseException:
        handed_over.close()
        raise
    listener.listen(BACKLOG)
    try:
        await readable(stop)
    finally:
        server.close()
        await transports.abort(handshakes())


async def _serve_protocol(
    listener: socket.socket, begin: Begin, end: End, stop: socket.socket, context: ssl.SSLContext | None
) -> None:
    """`asyncio.Protocol` under `loop.create_server`: callbacks, the transport buffers and writes."""
    loop = asyncio.get_running_loop()
    transports = _Transports()
    protocol = functools.partial(_Connection, begin, end, transports)
    await _serve_on(
        listener,
        lambda duplicate: loop.create_server(protocol, sock=duplicate, ssl=context),
        stop,
        transports,
        set if context is None else _other_tasks,
    )


async def _serve_pairs(
    listener: socket.socket, begin: Begin, end: End, stop: socket.socket, context: ssl.SSLContext | None
) -> None:
    """`asyncio.start_server`: a coroutine per connection with a `StreamReader` and a `StreamWriter`."""
    transports = _Transports()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        transports.add(transport)
        receive = begin(transport)
        try:
            while data := await reader.read(READ_BYTES):
                if answer := receive(data):
                    writer.write(answer)
                await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:  # the peer's reset, in a read, in drain, or while the last bytes went out
            pass
        except RuntimeError:  # uvloop's way to say that the transport was aborted meanwhile
            if not transport.is_closing():
                raise
        finally:
            transport.abort()  # nothing to do after an orderly close
            transports.remove(transport)
            if end:
                end(receive)

    def handshakes() -> set[asyncio.Task[Any]]:
        # A task of `connected` that is cancelled before its first step would not close its connection.
        return {task for task in _other_tasks() if not _runs(task, connected)}

    await _serve_on(
        listener,
        lambda duplicate: asyncio.start_server(connected, sock=duplicate, ssl=context),
        stop,
        transports,
        set if context is None else handshakes,
    )


def _runs(task: asyncio.Task[Any], function: Callable[..., object]) -> bool:
    return getattr(task.get_coro(), "cr_code", None) is getattr(function, "__code__", function)


async def _serve_sockets(
    listener: socket.socket, application: StreamApplication, stop: socket.socket, spawn: Spawn
) -> None:
    """`loop.sock_accept`, `sock_recv`, `sock_sendall`: coroutines on bare sockets, no transport."""
    loop = asyncio.get_running_loop()
    receive_from, send_all = loop.sock_recv, loop.sock_sendall
    closing = False

    async def connected(connection: socket.socket) -> None:
        receive = application()
        with contextlib.suppress(OSError):  # a peer's reset ends its connection
            while data := await receive_from(connection, READ_BYTES):
                if answer := receive(data):
                    await send_all(connection, answer)

    async def accept() -> None:
        while not closing:
            try:
                connection, _address = await loop.sock_accept(listener)
            except OSError as error:
                if must_rest(error):
                    await asyncio.sleep(ASYNCIO_PAUSE_S)
            else:
                served = spawn(connected(connection))
                # Not in the coroutine: one that is cancelled before its first step runs no `finally`.
                served.add_done_callback(functools.partial(_close, connection))

    accepting = spawn(accept())
    try:
        await readable(stop)
    finally:
        # CPython's sock_accept, unlike sock_recv, does not look whether its future was cancelled before
        # it accepts, and a socket accepted for a task that is then cancelled is lost. So: no more
        # readiness, one turn in which a socket on its way is taken, and only then the cancellation.
        closing = True
        with contextlib.suppress(NotImplementedError):  # Proactor: cancelling ends the accept itself
            loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)
        accepting.cancel()
        for task in _other_tasks():
            task.cancel()
        await others_ended()


def _close(connection: socket.socket, _served: asyncio.Task[None]) -> None:
    connection.close()


async def others_ended() -> None:
    """Wait until the calling task is the loop's only one."""
    while others := _other_tasks():
        await asyncio.wait(others)


def _other_tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def readable(stop: socket.socket) -> None:
    """Wait for a byte or the end of *stop*; a receive, because Proactor has no `add_reader`."""
    with contextlib.suppress(ConnectionError):
        await asyncio.get_running_loop().sock_recv(stop, 1)


SERVERS: Mapping[str, Mapping[str, Serve]] = {
    "StreamServer": {
        "protocol": answering_server(_serve_protocol),
        "streams": answering_server(_serve_pairs),
        "sockets": _serve_sockets,
    },
    "TlsServer": {"protocol": answering_server(_serve_protocol), "streams": answering_server(_serve_pairs)},
    "PushServer": {
        "protocol": pushing_server(_serve_protocol, _sending_on),
        "streams": pushing_server(_serve_pairs, _sending_on),
    },
}
"""Level → style → server, the one that asyncio's documentation recommends for performance first."""
