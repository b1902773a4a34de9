"""spin: non-blocking I/O; a program that never waits tries every socket in turn.

**Waiting.** There is none, on any platform: `recv` on every socket in turn, round after round. With O_NONBLOCK a call
that would have to wait returns EWOULDBLOCK at once instead (UNP volume 1, 6.2 and chapter 16). The model offers nothing
else: a program learns of data by trying to read it. So it goes round: listener, stop socket, each connection, and
again. Programs that own their CPUs do that (DPDK, the busy polling of socket(7), SO_BUSY_POLL), and so does a lock that
spins before it sleeps.

**Reading.** One `recv_into` of at most 64 KiB for each connection and round, into one buffer for all. Unlike in
blocking I/O, waiting needs no buffer. TLS is a memory BIO (`crossloop.idioms.memory_bio`). Datagrams have one socket,
tried some times a round.

**Writing.** `send` at once; unsent data is tried again each round. While there is unsent data the connection is written
and not read, which is the backpressure. Pushing is sending at once; unsent data waits for the connection's turn, and so
does the error after a reset.

**Timers.** None: there is no `Readiness`.

**Waking.** Nothing sleeps, so nothing has to be woken. With a free CPU and few connections, no other model answers
sooner.

**Signals.** Python's handler runs at once, between two bytecodes of a round.

**Closing.** The stop socket is tried once a round (MSG_PEEK); at the stop every connection is closed. Nothing is
registered anywhere, so nothing has to be removed.

**Limits.** A whole CPU, idle or not, and a round that is O(connections). CPU per message is therefore the time between
messages, a figure about the load and not about this program. Only at capacity is it comparable with the others. A round
is a system call for each connection, mostly without data. That is expensive in Python: the exception BlockingIOError is
made and dropped, which costs more than the kernel's part. Latency is half a round on average, and grows with the number
of connections, idle ones included. Out of descriptors no pause is needed, because the next round tries again anyway.

`Readiness` is not offered. It would have to report that a descriptor *could* be read, and this model has no such call.
MSG_PEEK looks without reading, but only on sockets. Nothing tells whether a write would succeed. poll with a timeout of
zero does both, but is multiplexing: one call for all descriptors. See `poll`.
"""

import contextlib
import platform
import socket
from collections.abc import Callable, Mapping
from typing import ClassVar

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
from crossloop.idioms.accepting import ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.datagrams import answering
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.pushing import Pushing, without_application
from crossloop.idioms.sizes import READ_BYTES

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="socket",
    summary="Non-blocking calls tried on every socket in turn, without ever waiting: lowest latency, a whole CPU.",
    homepage="https://docs.python.org/3/library/socket.html",
    asked_as="server",
)

DATAGRAMS_PER_ROUND = 32


class Adapter(MemoryBioTls, PushServer, Datagrams):
    """Non-blocking sockets and a loop that asks."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "the model tries sockets in turn; it has no HTTP of its own",
        "Readiness": "only poll tells whether a write would succeed, and poll is another model",
        "Tasks": "sequential code would have to be suspended; this model has one loop that tries each socket",
        "Signals": "a signal is no socket: Python runs its handler in the middle of any code",
        "ChildProcesses": "a child is no socket: its end would have to be asked for in every turn",
        "FileReads": "O_NONBLOCK has no effect on a file: reading it waits for the disk",
        "AddressLookups": "getaddrinfo is a call that blocks, and POSIX has none that can be tried",
    }

    def facts(self) -> Facts:
        return Facts(
            binding="socket",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism="non-blocking polling",
            loaded_from=module_file(socket),
        )

    def close(self) -> None:
        """Nothing is open: sockets end with the call that they belong to."""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, stop, lambda peer, buffer: _Connection(peer, buffer, application()))

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        def connect(peer: socket.socket, buffer: memoryview) -> _Connection:
            connection = _PushConnection(peer, buffer, without_application)
            connection.receive = application(connection.push)
            return connection

        self._serve(listener, stop, connect)

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        answer_next = answering(endpoint, application)
        with endpoint:
            while not _readable(stop):
                for _ in range(DATAGRAMS_PER_ROUND):
                    if not answer_next():
                        break

    def _serve(
        self,
        listener: socket.socket,
        stop: socket.socket,
        connect: "Callable[[socket.socket, memoryview], _Connection]",
    ) -> None:
        buffer = memoryview(bytearray(READ_BYTES))
        connections: list[_Connection] = []
        with listener:
            try:
                while not _readable(stop):
                    for _ in range(ACCEPTS_PER_WAKE):
                        try:
                            accepted, _address = listener.accept()
                        except BlockingIOError:
                            break
                        except OSError as error:
                            must_rest(error)  # or not: the next round asks again anyway
                            break
                        accepted.setblocking(False)
                        connections.append(connect(accepted, buffer))
                    connections = [each for each in connections if each.turn()]
            finally:
                with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
                    for each in connections:
                        ends.callback(each.over)


class _Connection:
    """One accepted connection: reads, hands on, answers; while an answer is stuck it does not read."""

    __slots__ = ("buffer", "receive", "recv_into", "send", "socket", "unsent")

    def __init__(self, connection: socket.socket, buffer: memoryview, receive: Receive) -> None:
        self.socket, self.receive, self.buffer = connection, receive, buffer
        self.recv_into, self.send = connection.recv_into, connection.send
        self.unsent = memoryview(b"")

    def turn(self) -> bool:
        """Try what is to be done next; False once the connection is over and closed."""
        try:
            if self.unsent:
                self.unsent = self.unsent[self.send(self.unsent) :]
                return True
            size = self.recv_into(self.buffer)
        except BlockingIOError:
            return True
        except OSError:  # reset by the peer
            size = 0
        if not size:
            return self.over()
        answer = self.receive(bytes(self.buffer[:size]))
        try:
            sent = self.send(answer) if answer else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            return self.over()
        if sent < len(answer):
            self.unsent = memoryview(answer)[sent:]
        return True

    def over(self) -> bool:
        """Close; False, for `turn` to return."""
        self.socket.close()
        return False


class _PushConnection(Pushing, _Connection):
    """One whose application sends when it likes; its answers are sent as everything else is."""

    __slots__ = ("ended", "queue")

    def __init__(self, connection: socket.socket, buffer: memoryview, receive: Receive) -> None:
        super().__init__(connection, buffer, receive)
        self.queue: list[bytes] = []
        self.ended = False

    def hold(self, left: memoryview) -> None:
        self.unsent = left

    def turn(self) -> bool:
        try:
            if self.unsent:
                self.unsent = self.unsent[self.send(self.unsent) :]
                if self.queue and not self.unsent:
                    self.unsent = memoryview(b"".join(self.queue))
                    self.queue.clear()
                return True
            size = self.recv_into(self.buffer)
        except BlockingIOError:
            return True
        except OSError:  # reset by the peer
            size = 0
        if not size:
            return self.over()
        self.push(self.receive(bytes(self.buffer[:size])))
        return True

    def over(self) -> bool:
        if not self.ended:
            self.ended = True
            self.socket.close()
            self.receive(b"")
        return False


def _readable(sock: socket.socket) -> bool:
    """Ask without taking (MSG_PEEK)."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    return True
