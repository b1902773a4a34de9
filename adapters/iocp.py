"""Completion ports: asynchronous I/O on Windows, the system's own model since NT 3.5.

**The model.** Every read and write of NT is asynchronous underneath. A call marked *overlapped* starts the operation
and returns. The kernel's state of it is in an OVERLAPPED structure, which belongs to the kernel until the operation is
complete, as does the buffer. A *completion port* is a queue. Each handle is associated with one port, once and for
life, and its completions are queued there in the order in which they complete. One call takes the next completion. The
same model came to Linux 25 years later as io_uring (`iouring`), in which many requests and completions share one system
call; here each has its own.

**Waiting.** GetQueuedCompletionStatus on Windows takes the next completion from the port. A message is four calls:
WSARecv, the completion taken from the port, WSASend, its completion taken. (An operation that succeeds at once queues
its completion none the less.) GetQueuedCompletionStatusEx would take many at a time; `_overlapped`, the private module
of CPython on which asyncio's Proactor stands, lacks it.

There is no set of descriptors and no readiness: nothing is registered, scanned or limited to FD_SETSIZE, and only
completions cost time. The port was made for several threads: any of them may wait on it, and the kernel wakes as many
as there are CPUs, the last one to sleep first. A Python program has its lock, and uses one thread.

*Accepting* is AcceptEx: the socket is made beforehand, and several accepts are pending. SO_UPDATE_ACCEPT_CONTEXT gives
the new socket its addresses and options. A peer that resets before it is accepted makes the operation fail with
ERROR_NETNAME_DELETED (64) or WSAECONNRESET. Such an error ends *one* accept; asyncio's Proactor takes it for an error
of the listener and closes the listener (cpython 93821).

**Reading.** WSARecv of at most 16 KiB; it holds its buffer as long as it is pending, also on idle connections, and
Windows locks the buffer's pages in memory. So the buffers here are small. (A receive of zero bytes, followed by a read
that does not wait, makes readiness out of completion; servers with very many connections do that.) *Datagrams* are
received with their sender (WSARecvFrom), some at a time, and the answers are sent to that address (WSASendTo). A later
receive reports that a peer is gone, and ends nothing (`crossloop.idioms.datagrams`).

**Writing.** WSASend, which completes when the last byte has been taken over. Backpressure comes from the order: either
a receive or a send is pending, never both, so while a peer does not read, the server does not read from it. *Pushing*:
one send may be pending beside a receive, so that no data overtakes. Data pushed meanwhile waits, and no further receive
begins until all is sent. Such a connection cancels both operations at its end and waits for them.

**Timers.** None: there is no `Readiness`.

**Waking.** Only the stop wakes it: a receive of zero bytes is pending on that socket. It completes when there is data,
and leaves the data there.

**Signals.** A signal does not end a wait on the port: Python's handler runs after the next completion.

**Closing.** CancelIoEx requests each operation's end, and the socket is closed when the completion has come. Buffers
and structures must live until then, also those of cancelled operations. `under_way` has each operation by the address
of its OVERLAPPED, which the port returns. A socket is closed only after its pending operations have ended. A reset
shows as 64 here and not as WSAECONNRESET, a cancelled operation as ERROR_OPERATION_ABORTED (995). All of them end the
connection and nothing else.

**Limits.** There is no `Readiness`: a port has no answer to "is it readable?". A socket belongs to one port for life,
so neither the listener nor the stop may have been associated with another.

**Sources.** "I/O Completion Ports", "AcceptEx", "WSARecv" and "CancelIoEx" on learn.microsoft.com; Russinovich,
Solomon, Ionescu, "Windows Internals", on the I/O system; Lib/asyncio/windows_events.py and Modules/overlapped.c of
CPython.
"""

import contextlib
import functools
import platform
import socket
import struct
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

from crossloop.api import (
    AdapterAbout,
    DatagramApplication,
    Datagrams,
    Facts,
    PushApplication,
    PushServer,
    Receive,
    StreamApplication,
    module_file,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_UNDER_WAY, must_rest
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.sizes import HELD_READ_BYTES

_overlapped: Any = import_module("_overlapped")  # CPython's own, on Windows; it has no published types
_winapi: Any = import_module("_winapi")

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="_overlapped",
    summary="Windows' completion ports: operations are started, and a queue says which are complete.",
    platforms=("win32",),
    elsewhere="completion ports are part of Windows; on Linux io_uring (iouring) is the same model",
    homepage="https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports",
    asked_as="server",
)

ACCEPT_PAUSE_MS = int(ACCEPT_PAUSE_S * 1000)
FOREVER_MS = 0xFFFFFFFF
"""INFINITE of the Windows API."""

DATAGRAMS = 16
"""Receives of datagrams that are under way at a time."""
PEER_GONE = frozenset({64, 234, 1234, 10040, 10052, 10054})
"""What a receive of a datagram says of an earlier answer, or of one datagram: ERROR_NETNAME_DELETED, ERROR_MORE_DATA,
ERROR_PORT_UNREACHABLE, WSAEMSGSIZE, WSAENETRESET, WSAECONNRESET."""

Completed = Callable[[Any], object]
"""Called with the operation (`_overlapped.Overlapped`) that has completed."""


class Adapter(MemoryBioTls, PushServer, Datagrams):
    """One completion port, one thread that waits on it."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "the model has operations and completions; it has no HTTP of its own",
        "Readiness": 'a completion port has no answer to "is it readable?"',
        "Tasks": "the model has operations and completions; nothing suspends sequential code",
        "Signals": "no operation waits for a signal: Windows tells of Ctrl-C in a thread of its own",
        "ChildProcesses": "a child's end is no operation: a thread of Windows' pool waits for it and tells the port",
        "FileReads": "a file must be opened with FILE_FLAG_OVERLAPPED for it, which Python's open does not do",
        "AddressLookups": "no operation of Python's _overlapped looks up a name, and getaddrinfo is a call that blocks",
    }

    def __init__(self) -> None:
        # The last argument: how many threads may run at once with what they took from the port.
        self.port = _overlapped.CreateIoCompletionPort(_overlapped.INVALID_HANDLE_VALUE, 0, 0, 1)

    def facts(self) -> Facts:
        return Facts(
            binding=ABOUT.binding,
            binding_version=platform.python_version(),
            library=ABOUT.library,
            library_version="",
            mechanism="iocp",
            loaded_from=module_file(_overlapped),
        )

    def close(self) -> None:
        _winapi.CloseHandle(self.port)

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """As `StreamServer` says. Neither socket may have been associated with a completion port before."""
        self._serve(
            Server(self.port, listener, Connection, lambda _connection: application()), listener, stop
        )

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        """As `PushServer` says; and as above."""

        def connect(connection: Connection) -> Receive:
            return application(connection.push)

        self._serve(Server(self.port, listener, PushConnection, connect), listener, stop)

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        """As `Datagrams` says; and as above."""
        self._serve(DatagramServer(self.port, endpoint, application), endpoint, stop)

    def _serve(self, server: "Operations", endpoint: socket.socket, stop: socket.socket) -> None:
        try:
            server.start(stop)
            while not server.stopping:
                server.turn()
        finally:
            server.close()
            endpoint.close()


class Operations:
    """What is under way on a port, the receive that listens for the stop included."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.under_way: dict[int, tuple[Any, Completed]] = {}
        self.stopping = False

    def start(self, stop: socket.socket) -> None:
        """Begin to listen for *stop*. Raises OSError."""
        self.associate(stop)
        self.begin("WSARecv", self.stopped, stop.fileno(), 0)

    def associate(self, sock: socket.socket) -> None:
        """Have what completes on *sock* queued at the port."""
        _overlapped.CreateIoCompletionPort(sock.fileno(), self.port, 0, 0)

    def begin(self, operation: str, completed: Completed, *arguments: object) -> Any:
        """Start an operation, and return it. Raises OSError when it fails at once: then there is no completion."""
        overlapped = _overlapped.Overlapped(0)  # 0: no event, the port will say
        getattr(overlapped, operation)(*arguments)
        self.under_way[overlapped.address] = overlapped, completed
        return overlapped

    def turn(self) -> None:
        """Wait for one completion and call who is concerned."""
        self.take(FOREVER_MS)

    def take(self, limit_ms: int) -> None:
        """As `turn`, no longer than so many milliseconds."""
        status = _overlapped.GetQueuedCompletionStatus(self.port, limit_ms)
        if status is not None:
            _error, _transferred, _key, address = status
            overlapped, completed = self.under_way.pop(address)
            completed(overlapped)

    def stopped(self, _overlapped_: Any) -> None:
        self.stopping = True

    def close(self) -> None:
        """Cancel everything and wait until the kernel has let go of it."""
        self.stopping = True
        for overlapped, _completed in self.under_way.values():
            overlapped.cancel()
        while self.under_way:
            self.turn()


class Server(Operations):
    """The accepts, and the connections."""

    def __init__(
        self, port: int, listener: socket.socket, kind: "type[Connection]", connect: "Connect"
    ) -> None:
        super().__init__(port)
        self.listener, self.kind, self.connect = listener, kind, connect
        self.connections: set[Connection] = set()
        self.accepting = 0
        self.resting = False

    def start(self, stop: socket.socket) -> None:
        """Begin to listen for *stop* and to accept. Raises OSError."""
        super().start(stop)
        self.associate(self.listener)
        self.accept()

    def turn(self) -> None:
        """Wait for one completion and call who is concerned."""
        limit_ms = FOREVER_MS
        if (
            self.accepting < ACCEPTS_UNDER_WAY and not self.stopping
        ):  # there was no socket to be had for another one
            if not self.resting:
                self.accept()
            self.resting = False
            limit_ms = FOREVER_MS if self.accepting == ACCEPTS_UNDER_WAY else ACCEPT_PAUSE_MS
        self.take(limit_ms)

    def accept(self) -> None:
        """Start accepts until there are `ACCEPTS_UNDER_WAY`, or no more sockets (WSAEMFILE, WSAENOBUFS)."""
        while self.accepting < ACCEPTS_UNDER_WAY:
            try:
                sock = socket.socket(self.listener.family, self.listener.type, self.listener.proto)
            except OSError as error:
                must_rest(error)
                return
            try:
                accepted = functools.partial(self.accepted, sock)
                self.begin("AcceptEx", accepted, self.listener.fileno(), sock.fileno())
            except OSError as error:
                sock.close()
                if must_rest(error):
                    return
            else:
                self.accepting += 1

    def accepted(self, sock: socket.socket, overlapped: Any) -> None:
        self.accepting -= 1
        try:
            overlapped.getresult()
        except OSError as error:
            sock.close()
            self.resting = not self.stopping and must_rest(error)  # stopping, it was cancelled
            return
        try:
            listener = struct.pack("@P", self.listener.fileno())
            sock.setsockopt(socket.SOL_SOCKET, _overlapped.SO_UPDATE_ACCEPT_CONTEXT, listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.associate(sock)
        except OSError:  # reset since
            sock.close()
        else:
            self.kind(self, sock)

    def close(self) -> None:
        """Cancel everything, wait until the kernel has let go of it, close."""
        with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
            ends.callback(self.let_go)  # the last
            for connection in self.connections:
                ends.callback(connection.end)

    def let_go(self) -> None:
        """Once the kernel has."""
        super().close()
        for connection in tuple(self.connections):  # whose application raised
            connection.close()


class Connection:
    """One accepted socket. Either a receive is under way, or a send."""

    __slots__ = ("receive", "server", "socket", "unsent")

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server, self.socket = server, sock
        self.unsent = memoryview(b"")
        server.connections.add(self)
        self.receive = server.connect(self)
        self.go_on()

    def go_on(self) -> None:
        """Send what there is to send, else receive."""
        server, handle = self.server, self.socket.fileno()
        if server.stopping:
            self.close()
            return
        try:
            if self.unsent:
                server.begin("WSASend", self.sent, handle, self.unsent, 0)
            else:
                server.begin("WSARecv", self.received, handle, HELD_READ_BYTES)
        except OSError:  # reset by the peer
            self.close()

    def received(self, overlapped: Any) -> None:
        try:
            data = overlapped.getresult()
        except OSError:  # reset by the peer, or cancelled
            data = b""
        if not data or self.server.stopping:
            self.close()
            return
        self.unsent = memoryview(self.receive(data))
        self.go_on()

    def sent(self, overlapped: Any) -> None:
        try:
            self.unsent = self.unsent[overlapped.getresult() :]
        except OSError:
            self.close()
            return
        self.go_on()

    def push(self, data: bytes) -> None:
        """Of a server that only answers: never called."""

    def end(self) -> None:
        """Nothing is told to an application that only answers."""

    def close(self) -> None:
        self.socket.close()
        self.server.connections.discard(self)


Connect = Callable[[Connection], Receive]
"""What a connection receives with: its application, called."""


class PushConnection(Connection):
    """One whose application sends when it likes. A receive, a send, or both are under way."""

    __slots__ = ("ended", "queue", "receiving", "sending")

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.queue: list[bytes] = []
        """What waits behind `unsent`."""
        self.receiving: Any = None
        self.sending: Any = None
        self.ended = False
        super().__init__(server, sock)

    def go_on(self) -> None:
        """Receive, unless there is something left to send; close, once that is sent, when nothing more will come."""
        if self.server.stopping or (self.ended and not self.sending):
            self.close()
        elif not self.receiving and not self.sending:
            try:
                self.receiving = self.server.begin(
                    "WSARecv", self.received, self.socket.fileno(), HELD_READ_BYTES
                )
            except OSError:  # reset by the peer
                self.close()

    def received(self, overlapped: Any) -> None:
        self.receiving = None
        try:
            data = overlapped.getresult()
        except OSError:  # reset by the peer, or cancelled
            self.close()
            return
        if data and not self.ended:
            self.push(self.receive(data))
        else:
            self.end()
        self.go_on()

    def push(self, data: bytes) -> None:
        if data and not self.ended:
            self.queue.append(data)
            self.send()

    def send(self) -> None:
        """Begin to send what waits, unless a send is under way."""
        if self.sending or not (self.unsent or self.queue):
            return
        if not self.unsent:
            self.unsent = memoryview(b"".join(self.queue))
            self.queue.clear()
        try:
            self.sending = self.server.begin("WSASend", self.sent, self.socket.fileno(), self.unsent, 0)
        except OSError:  # reset by the peer, which the receive says
            self.unsent = memoryview(b"")

    def sent(self, overlapped: Any) -> None:
        self.sending = None
        try:
            self.unsent = self.unsent[overlapped.getresult() :]
        except OSError:
            self.close()
            return
        if not self.server.stopping:
            self.send()
        self.go_on()

    def end(self) -> None:
        """Tell the application, once."""
        if not self.ended:
            self.ended = True
            self.receive(b"")

    def close(self) -> None:
        """Cancel what is under way; once nothing is, close. Called again by each that ends."""
        self.end()
        for overlapped in (self.receiving, self.sending):
            if overlapped is not None:
                overlapped.cancel()
        if self.receiving is None and self.sending is None:
            super().close()


class DatagramServer(Operations):
    """Receives of datagrams, and the sending of answers."""

    def __init__(self, port: int, endpoint: socket.socket, application: DatagramApplication) -> None:
        super().__init__(port)
        self.endpoint, self.application = endpoint, application

    def start(self, stop: socket.socket) -> None:
        """Begin to listen for *stop* and to receive. Raises OSError."""
        super().start(stop)
        self.associate(self.endpoint)
        for _ in range(DATAGRAMS):
            self.receive()

    def receive(self) -> None:
        while True:
            try:
                self.begin("WSARecvFrom", self.received, self.endpoint.fileno(), DATAGRAM_BYTES)
            except OSError as error:
                refuse_unless_gone(error)
            else:
                return

    def received(self, overlapped: Any) -> None:
        if self.stopping:
            return
        try:
            data, peer = overlapped.getresult()
        except OSError as error:
            refuse_unless_gone(error)
        else:
            self.answer(self.application(data), peer)
        self.receive()

    def answer(self, data: bytes, peer: Any) -> None:
        """Send *data*; what is not taken is lost, as a network loses it."""
        if data:
            with contextlib.suppress(OSError):
                self.begin("WSASendTo", self.sent, self.endpoint.fileno(), data, 0, peer)

    def sent(self, _overlapped_: Any) -> None:
        """Nothing waits for it."""


def refuse_unless_gone(error: OSError) -> None:
    """Raise *error*, unless it is of one datagram or of one peer alone."""
    if getattr(error, "winerror", 0) not in PEER_GONE:
        raise error
