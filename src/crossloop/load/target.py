"""A target: a server's address and a set of verified connections to it, one request in flight on each.

`Connection` is what the loops touch per message; its attributes are slots and its `receive` and `send`
are the socket's own bound methods. Everything rare (an answer in pieces, a send that the kernel took in
part, any mistake) goes through its other methods, which cost only those to whom it happens.
"""

import contextlib
import errno
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crossloop.load.errors import (
    ConnectionLostError,
    DescriptorsError,
    LoadUsageError,
    PortsError,
    SilentServerError,
    VerificationError,
)
from crossloop.load.message import (
    EXCERPT,
    MAX_SIZE,
    MIN_SIZE,
    PLACES,
    SEQUENCE_STEP,
    message_of,
    mismatch,
    new_pattern,
    place_of,
    sequence_of,
)
from crossloop.load.polling import WINDOWS_SELECT_LIMIT, Poller, new_poller
from crossloop.worker.process import raise_descriptor_limit

LARGE = 16 * 1024
"""From this size on answers are gathered in a buffer of the connection instead of fresh bytes objects."""
MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024
"""Messages and buffers of all connections of a target together."""
SPARE_DESCRIPTORS = 16
OWN_DESCRIPTORS = 64
"""What a server or a load holds beside its connections: interpreter, pipes, listener, loop; generously."""
IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h; Python names it from 3.12 on."""
_LINGER = "HH" if sys.platform == "win32" else "ii"
"""`struct linger`: two shorts in Winsock, two ints in POSIX."""
_NOTHING_YET = bytearray()
"""Returned by the slower receivers when the answer is not complete; told from end of file by identity."""


class Connection:
    """One connection and the one message it has in flight."""

    __slots__ = (
        "_before", "_filled", "_filler", "_first_place", "_inbox", "_inbox_view", "_pattern", "_pattern_view",
        "_poller", "_sent_bytes", "_sequence", "descriptor", "due_ns", "index", "message", "number", "receive", "send",
        "sent_ns", "sock",
    )  # fmt: skip

    def __init__(self, number: int, sock: socket.socket, size: int, pattern: bytes, poller: Poller):
        self.number = number
        self.sock = sock
        self.descriptor = sock.fileno()
        self.message = bytearray(message_of(number, 0, size, pattern))
        view = memoryview(self.message)
        self._sequence = view[8:16].cast("Q")
        """`_sequence[0] = n` writes the sequence into the message, at half the price of struct.pack_into."""
        self._filler = view[MIN_SIZE:]
        self._pattern = pattern
        self._pattern_view = memoryview(pattern)
        self._first_place = place_of(number, 0)
        self._before = 0
        """Sequence of the message before the one in flight."""
        self.sent_ns = 0
        """When the message in flight was sent; 0 while the connection is idle."""
        self.due_ns = 0
        """When it was scheduled to be sent (open loop)."""
        self.index = 0
        """Its place among the arrivals (open loop)."""
        self._filled = 0
        self._sent_bytes = 0
        self._poller = poller
        self._inbox = bytearray(size if size >= LARGE else 0)
        self._inbox_view = memoryview(self._inbox)
        self.send: Callable[[bytearray], int] = sock.send
        self.receive: Callable[[int], bytes | bytearray] = self._plain_receive()

    def stamp(self, sequence: int) -> None:
        """Make the connection's message the one with *sequence*."""
        numbers, message = self._sequence, self.message
        self._before = numbers[0]
        numbers[0] = sequence
        place = (self._first_place + sequence * SEQUENCE_STEP) % PLACES  # `place_of`, at half the price
        self._filler[:] = self._pattern_view[place + MIN_SIZE : place + len(message)]

    def _plain_receive(self) -> Callable[[int], bytes | bytearray]:
        return self._receive_large if len(self._inbox) else self.sock.recv

    def _receive_large(self, _want: int) -> bytes | bytearray:
        """Gather a large answer; returns it when complete."""
        count = self.sock.recv_into(self._inbox_view[self._filled :])
        if count == 0:
            return b""
        self._filled += count
        if self._filled < len(self._inbox):
            return _NOTHING_YET
        self._filled = 0
        return self._inbox

    def hold(self, count: int) -> None:
        """The kernel took *count* bytes of the message only: send the rest when there is room."""
        self._sent_bytes = count
        self.receive = self._send_rest_and_receive
        self._poller.want_write(self.sock, True)

    def _send_rest_and_receive(self, want: int) -> bytes | bytearray:
        with contextlib.suppress(BlockingIOError):
            self._sent_bytes += self.sock.send(memoryview(self.message)[self._sent_bytes :])
        plain = self._plain_receive()
        if self._sent_bytes == len(self.message):
            self.receive = plain
            self._poller.want_write(self.sock, False)
        return plain(want)

    def complete(self, data: bytes | bytearray) -> bool:
        """Whether *data*, which is not the whole expected answer, completes it.

        Raises `ConnectionLostError` at end of file and `VerificationError` for a wrong byte, for more
        bytes than expected, and for bytes on a connection that asked for nothing.
        """
        if data is _NOTHING_YET:
            return False
        if not data:
            raise ConnectionLostError(f"{self}: the server closed the connection{self._missing()}")
        if not self.sent_ns:
            raise VerificationError(
                f"{self}: {len(data)} bytes that nothing asked for, at offset 0: expected none,"
                f" got {data[:EXCERPT].hex(' ')}"
            )
        end = self._filled + len(data)
        if self.message[self._filled : end] != data:
            before = message_of(self.number, self._before, len(self.message), self._pattern)
            raise VerificationError(mismatch(self.message, data, self._filled, before))
        self._filled = end % len(self.message)
        return not self._filled

    def expect(self, data: bytes, filled: int) -> None:
        """Raise what is wrong with *data*, which came after *filled* right bytes of an answer; as `complete`."""
        self._filled = filled
        self.complete(data)
        raise AssertionError(f"{self}: an engine refused {len(data)} bytes at offset {filled} that are right")

    def lost(self, error: OSError) -> ConnectionLostError:
        """The error to raise when the socket failed."""
        return ConnectionLostError(f"{self}: {error.strerror or error}{self._missing()}")

    def _missing(self) -> str:
        return (
            f", with {len(self.message) - self._filled} bytes of the answer missing" if self.sent_ns else ""
        )

    def __str__(self) -> str:
        return f"connection {self.number}, sequence {sequence_of(self.message)}"


class Target:
    """A set of connections to one server; made unconnected, usable after `connect`, until an error."""

    def __init__(self, host: str, port: int, connections: int, size: int, seed: int, first_id: int = 0):
        """*size* bytes a message (16 or more); connection ids count from *first_id*."""
        if connections < 1:
            raise LoadUsageError(f"connections {connections}: expected 1 or more")
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise LoadUsageError(f"size {size}: expected {MIN_SIZE} to {MAX_SIZE} bytes a message")
        if not 0 < port < 65536:
            raise LoadUsageError(f"port {port}: expected 1 to 65535")
        if 2 * connections * size > MAX_TOTAL_BYTES:
            raise LoadUsageError(
                f"{connections} connections of {size} bytes need {2 * connections * size} bytes of memory,"
                f" the limit is {MAX_TOTAL_BYTES}; use fewer or smaller"
            )
        self.host, self.port, self.count, self.size, self.seed = host, port, connections, size, seed
        self.first_id = first_id
        self.sent = 0
        """Sequence of the last message."""
        self.pattern = new_pattern(size, seed)
        """What the messages' fillers are cut from (`message`)."""
        self.proven = 0
        """Connections that were answered while all were being made (`connecting`)."""
        self.connections: list[Connection] = []
        self.by_descriptor: dict[int, Connection] = {}
        self.poller: Poller | None = None

    def connect(self, timeout_s: float) -> None:
        """Open all connections within *timeout_s*.

        Raises `DescriptorsError`, `ConnectionLostError` (refused, unreachable, reset) or
        `SilentServerError` (the server's backlog is full and it accepts nothing).
        """
        self.prepare()
        until_ns = time.perf_counter_ns() + round(timeout_s * 1e9)
        try:
            for _number in range(self.count):
                self.add(until_ns)
        except BaseException:
            self.close()
            raise

    def prepare(self) -> None:
        """Close what is open and see that all connections can be. Raises `DescriptorsError`, `LoadUsageError`."""
        self.close()
        allow_descriptors(self.count)
        self.poller = new_poller(self.count)

    def add(self, until_ns: int, source: str = "") -> Connection:
        """Open one connection more, from the address *source* if it matters, by *until_ns* (perf_counter_ns).

        Raises as `connect`.
        """
        assert self.poller is not None
        number = self.first_id + len(self.connections)
        sock = self._open(until_ns, source)
        connection = Connection(number, sock, self.size, self.pattern, self.poller)
        self.connections.append(connection)
        self.by_descriptor[connection.descriptor] = connection
        self.poller.add(sock)
        return connection

    def _open(self, until_ns: int, source: str) -> socket.socket:
        where = f"{self.host}:{self.port}"
        made = len(self.connections)
        limit_s = max(0.001, (until_ns - time.perf_counter_ns()) / 1e9)
        try:
            sock = self._connected(limit_s, source)
        except TimeoutError as error:
            raise SilentServerError(
                f"{where}: {made} of {self.count} connections made, the next not in {limit_s:.3g} s;"
                " the server does not accept any more"
            ) from error
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                raise DescriptorsError(
                    f"{where}: out of descriptors after {made} of {self.count} connections;"
                    " raise the limit (ulimit -n) or use fewer connections"
                ) from error
            if error.errno == errno.EADDRNOTAVAIL and (made or ":" not in self.host):
                raise PortsError(
                    f"{where}: no port is left to connect from after {made} of {self.count} connections: this "
                    "machine's matter, see net.ipv4.ip_local_port_range and `crossloop doctor`"
                ) from error
            raise ConnectionLostError(
                f"{where}: cannot connect ({made} of {self.count} made): {error.strerror or error};"
                " is the server running, and this machine's network up?"
            ) from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
        except OSError as error:  # reset before the first byte
            sock.close()
            raise ConnectionLostError(
                f"{where}: connection {made} was lost at once: {error.strerror}"
            ) from error
        return sock

    def _connected(self, limit_s: float, source: str) -> socket.socket:
        """A connected socket. The name is looked up for the first one; the others go where that one went."""
        if not self.connections:
            return socket.create_connection(
                (self.host, self.port), limit_s, source_address=(source, 0) if source else None
            )
        first = self.connections[0].sock
        sock = socket.socket(first.family, socket.SOCK_STREAM)
        try:
            sock.settimeout(limit_s)
            bind_source(sock, source)
            sock.connect(first.getpeername())
        except BaseException:
            sock.close()
            raise
        return sock

    def close(self, *, reset: bool = False) -> None:
        """Close every connection. Harmless when repeated.

        With *reset* by a reset (SO_LINGER of no time, socket(7)): thousands that are closed in the usual way
        would each hold a port and some of the kernel's memory for another minute (TIME_WAIT, RFC 9293).
        """
        if self.poller is not None:
            self.poller.close()
            self.poller = None
        for connection in self.connections:
            if reset:
                with contextlib.suppress(OSError):
                    connection.sock.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0)
                    )
            connection.sock.close()
        self.connections.clear()
        self.by_descriptor.clear()


def bind_source(sock: socket.socket, source: str) -> None:
    """Connect from *source*, at a port that is chosen when the other end is known (ip(7)).

    Without IP_BIND_ADDRESS_NO_PORT, which is Linux's, bind(2) takes a port that no other socket of that address has,
    wherever it leads.
    """
    if source:
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))


def most_connections() -> tuple[int, str] | None:
    """How many connections to this machine a process could open at most, and what limits that; None: nothing known.

    The limit of descriptors is how far the soft one can be raised, which this does.
    """
    if sys.platform == "win32":
        return WINDOWS_SELECT_LIMIT, f"select on Windows watches {WINDOWS_SELECT_LIMIT} sockets"
    import resource  # not on Windows

    from crossloop.load.connecting import most_over_loopback  # which imports this module

    most = raise_descriptor_limit()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    which = "hard limit, `ulimit -Hn`" if most == hard else "the system's own limit, below the hard one"
    descriptors = most - OWN_DESCRIPTORS, f"a process may hold {most:,} descriptors here ({which})"
    return min(descriptors, most_over_loopback() or descriptors)


def allow_descriptors(wanted: int) -> None:
    """See that *wanted* more descriptors can be opened, raising the soft limit where that helps.

    Raises `DescriptorsError` naming what is needed and what is allowed. Windows has no such limit.
    """
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    needed = _open_descriptors() + wanted + SPARE_DESCRIPTORS
    limit = raise_descriptor_limit(needed)
    if limit < needed:
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        raise DescriptorsError(
            f"{wanted} connections need {needed} descriptors, this process may open {limit} (hard limit {hard});"
            f" raise it with `ulimit -n {needed}` or use fewer connections"
        )


def _open_descriptors() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        if Path(folder).is_dir():
            return sum(1 for _entry in Path(folder).iterdir())
    return 64
