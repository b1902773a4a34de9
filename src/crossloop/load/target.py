"""A target: a server's address and a set of verified connections to it."""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crossloop.api import Drive, Exchange
from crossloop.load.commands import Address
from crossloop.load.connection import Connection, DatagramConnection, Link
from crossloop.load.errors import (
    ConnectionLostError,
    DescriptorsError,
    LoadUsageError,
    SilentServerError,
    not_connected,
)
from crossloop.load.message import MAX_SIZE, Script
from crossloop.load.polling import Poller, new_poller
from crossloop.load.pushing import Audience, Listener
from crossloop.load.secure import PythonTls, Secure, SecureLink, shake_hands
from crossloop.load.visiting import Door, Visit, encoded_peer
from crossloop.worker.process import raise_descriptor_limit

MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024
"""Requests and answers of all connections of a target together."""
MAX_DATAGRAM = 65_507
"""Most bytes of a datagram over IPv4 (RFC 768, RFC 791)."""
JOIN_NS = 2_000_000_000
"""A first message that reached nobody more for so long was pushed before the others were known to the server."""
SPARE_DESCRIPTORS = 16
OWN_DESCRIPTORS = 64
"""What a server or a load holds beside its connections: interpreter, pipes, listener, loop; generously."""
IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h; Python names it from 3.12 on."""
_LINGER = "HH" if sys.platform == "win32" else "ii"
"""`struct linger`: two shorts in Winsock, two ints in POSIX."""


class Target:
    """A set of connections to one server; made unconnected, usable after `connect`, until an error."""

    def __init__(
        self,
        address: Address,
        connections: int,
        exchange: Exchange,
        drive: Drive = "exchange",
        *,
        seed: int = 0,
        first_id: int = 0,
        secure: Secure | None = None,
    ):
        """Connection ids count from *first_id*; *secure* is what speaks TLS where the address needs it."""
        if connections < 1:
            raise LoadUsageError(f"connections {connections}: expected 1 or more")
        check_exchange(address, connections, exchange, drive)
        if address.transport == "unix":
            self.where = address.path
        else:
            self.where = f"{address.host}:{address.port}"
            if not 0 < address.port < 65536:
                raise LoadUsageError(f"port {address.port}: expected 1 to 65535")
        self.address, self.count, self.drive, self.seed = address, connections, drive, seed
        self.first_id = first_id
        self.secure: Secure | None = None
        if address.transport == "tls":
            self.secure = secure or PythonTls(address.ca)
        self.script = Script(exchange, seed)
        self.proven = 0
        """Connections that were answered while all were being made (`connecting`)."""
        self.resumed = 0
        """Connections that resumed a session of TLS."""
        self.connections: list[Connection] = []
        self.audience = Audience(self.script, self.connections)
        """Of drive `push`: who shares what is pushed."""
        self.by_descriptor: dict[int, Connection] = {}
        self.poller: Poller | None = None
        self.door: Door | None = None
        """Of drive `connect`: what its connections are made with."""
        self.before_closing: list[Callable[[], object]] = []
        """What an engine has to do while the descriptors are still open."""

    @property
    def answers(self) -> int:
        """How many answers its requests so far have: of drive `push`, each has one on every connection."""
        return self.script.sent * (self.count if self.drive == "push" else 1)

    @property
    def datagrams(self) -> bool:
        """Whether messages may be lost."""
        return self.address.transport == "udp"

    def connect(self, timeout_s: float) -> None:
        """Open all connections within *timeout_s*; of drive `connect` one, to see that the server is there.

        Raises `DescriptorsError`, `ConnectionLostError` (refused, unreachable, reset) or
        `SilentServerError` (the server's backlog is full and it accepts nothing).
        """
        self.prepare()
        until_ns = time.perf_counter_ns() + round(timeout_s * 1e9)
        try:
            if self.drive == "connect":
                self._open_door(until_ns)
            else:
                for _number in range(self.count):
                    self.add(until_ns)
            if self.drive == "push":
                self._join(until_ns)
        except BaseException:
            self.close()
            raise

    def _join(self, until_ns: int) -> None:
        """See that the server pushes to every connection: it may have accepted the first, and not yet the others.

        Raises `SilentServerError`, and as `Connection.take` does.
        """
        assert self.poller is not None
        late = self.connections
        while time.perf_counter_ns() < until_ns:
            now = time.perf_counter_ns()
            # A listener's queue is first in, first out: when the last one is read from, all are accepted.
            self.audience.broadcast(now, -1)
            while self.audience.awaited:
                if time.perf_counter_ns() > min(now + JOIN_NS, until_ns):
                    break
                for descriptor, _event in self.poller.poll(0.01, self.count):
                    if self.by_descriptor[descriptor].take():
                        now = time.perf_counter_ns()
            late = [connection for connection in self.connections if connection.sent_ns]
            if not late:
                return
            for connection in late:
                connection.finish()
        raise SilentServerError(
            f"{self.where}: {len(late)} of {self.count} connections receive nothing that is pushed"
        )

    def prepare(self) -> None:
        """Close what is open and see that all connections can be. Raises `DescriptorsError`, `LoadUsageError`."""
        self.close()
        self.audience = Audience(self.script, self.connections)
        allow_descriptors(self.count)
        self.poller = new_poller(self.count)

    def add(self, until_ns: int, source: str = "") -> Connection:
        """Open one connection more, from the address *source* if it matters, by *until_ns* (perf_counter_ns).

        Raises as `connect`.
        """
        assert self.poller is not None
        exchange = self.script.exchange
        place = len(self.connections)
        greedy = place >= self.count - exchange.greedy
        depth = exchange.greedy_in_flight if greedy else exchange.in_flight
        connection: Connection
        if self.drive == "push":
            connection = Listener(
                self.first_id + place, self.script, self.poller, self.audience, self.first_id
            )
        else:
            kind = DatagramConnection if self.datagrams else Connection
            connection = kind(self.first_id + place, self.script, self.poller, depth)
        connection.greedy = greedy
        connection.attach(*self._open(until_ns, source))
        self.connections.append(connection)
        self.by_descriptor[connection.descriptor] = connection
        self.poller.add(connection.sock)
        return connection

    def _open_door(self, until_ns: int) -> None:
        """Make one connection, whose address and session of TLS all others take; and a place for each of them."""
        assert self.poller is not None
        sock, link = self._open(until_ns, "")
        family, peer, encoded = sock.family, sock.getpeername(), encoded_peer(sock)
        self.door = Door(self.where, family, peer, encoded, self.secure, self.poller, self.by_descriptor)
        link.close()
        self.connections.extend(
            Visit(self.first_id + place, self.script, self.door) for place in range(self.count)
        )

    def _open(self, until_ns: int, source: str) -> tuple[socket.socket, Link]:
        made = len(self.connections)
        limit_s = max(0.001, (until_ns - time.perf_counter_ns()) / 1e9)
        sock: socket.socket | None = None
        try:
            sock = self._connected(limit_s, source)
            return self._linked(sock, until_ns)
        except TimeoutError as error:
            raise SilentServerError(
                f"{self.where}: {made} of {self.count} connections made, the next not in {limit_s:.3g} s;"
                " the server does not accept any more"
            ) from error
        except OSError as error:
            if sock is None:
                raise not_connected(self.where, made, error, f" of {self.count}") from error
            sock.close()
            raise ConnectionLostError(
                f"{self.where}: connection {made} was lost at once: {error.strerror or error}"
            ) from error

    def _linked(self, sock: socket.socket, until_ns: int) -> tuple[socket.socket, Link]:
        """*sock* without delays, and what is to be spoken through."""
        if self.address.transport in {"tcp", "tls"}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        if self.secure is None:
            return sock, sock
        link: SecureLink = self.secure.wrap(sock)
        try:
            shake_hands(link, until_ns, keep=self.script.exchange.resumed and not self.connections)
        except BaseException:
            link.close()
            raise
        self.resumed += link.resumed()
        return link.sock, link

    def _connected(self, limit_s: float, source: str) -> socket.socket:
        """A connected socket. The name is looked up for the first one; the others go where that one went."""
        host, port, kind = self.address.host, self.address.port, socket.SOCK_STREAM
        if self.datagrams:
            kind = socket.SOCK_DGRAM
        if self.connections:
            first = self.connections[0].sock
            family, address = first.family, first.getpeername()
        elif self.address.transport == "unix":
            family, address = unix_family(), self.address.path
        elif self.datagrams:
            family, _kind, _protocol, _name, address = socket.getaddrinfo(host, port, type=kind)[0]
        else:
            return socket.create_connection(
                (host, port), limit_s, source_address=(source, 0) if source else None
            )
        sock = socket.socket(family, kind)
        try:
            sock.settimeout(limit_s)
            bind_source(sock, source)
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def close(self, *, reset: bool = False) -> None:
        """Close every connection. Harmless when repeated.

        With *reset* by a reset (SO_LINGER of no time, socket(7)): thousands that are closed in the usual way
        would each hold a port and some of the kernel's memory for another minute (TIME_WAIT, RFC 9293).
        """
        for action in self.before_closing:
            action()
        self.before_closing.clear()
        for connection in self.connections:
            if isinstance(connection, Visit):
                connection.hang_up()
                continue
            if reset:
                with contextlib.suppress(OSError):
                    connection.sock.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0)
                    )
            connection.link.close()
        if self.poller is not None:
            self.poller.close()
            self.poller = None
        self.connections.clear()
        self.by_descriptor.clear()
        self.door = None
        self.resumed = 0


def check_exchange(address: Address, connections: int, exchange: Exchange, drive: Drive) -> None:
    """Raise `LoadUsageError` for an exchange that cannot be had with so many connections to *address*."""
    request, answer = exchange.request, exchange.answer
    least = 0 if exchange.framing == "http" else 1
    if not (1 <= request.size <= MAX_SIZE and least <= answer.size <= MAX_SIZE):
        raise LoadUsageError(f"size {request.size}, {answer.size}: expected 1 to {MAX_SIZE} bytes a message")
    if connections * (request.size + answer.size) > MAX_TOTAL_BYTES:
        raise LoadUsageError(
            f"{connections} connections of {request.size} and {answer.size} bytes need more than"
            f" {MAX_TOTAL_BYTES} bytes of memory; use fewer or smaller"
        )
    if exchange.framing == "line":
        check_line(exchange)
    if address.transport == "udp" and max(request.size, answer.size) > MAX_DATAGRAM:
        raise LoadUsageError(
            f"size {max(request.size, answer.size)}: a datagram has at most {MAX_DATAGRAM} bytes"
        )
    if address.transport == "udp" and (drive != "exchange" or exchange.framing != "bytes"):
        raise LoadUsageError("datagrams: expected drive 'exchange' and framing 'bytes'")
    if drive != "exchange" and exchange.most_in_flight > 1:
        raise LoadUsageError(f"drive {drive!r}: expected one request in flight")
    if exchange.greedy > connections:
        raise LoadUsageError(f"greedy {exchange.greedy}: expected at most {connections}, the connections")


def check_line(exchange: Exchange) -> None:
    """Raise `LoadUsageError` for content that is not one line."""
    for content in (exchange.request, exchange.answer):
        text = content.before + content.after
        random = content.stamp == "binary" or (content.own_filler and not exchange.letters)
        if text.count(b"\n") != 1 or not content.after.endswith(b"\n") or random:
            raise LoadUsageError(
                "framing 'line': expected contents that have b'\\n' at their end and nowhere else"
            )


def unix_family() -> socket.AddressFamily:
    if sys.platform == "win32":
        raise LoadUsageError("transport 'unix': Python on Windows has no unix sockets")
    return socket.AF_UNIX


def bind_source(sock: socket.socket, source: str) -> None:
    """Connect from *source*, at a port that is chosen when the other end is known (ip(7)).

    Without IP_BIND_ADDRESS_NO_PORT, which is Linux's, bind(2) takes a port that no other socket of that address has,
    wherever it leads.
    """
    if source:
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))


def allow_descriptors(wanted: int) -> None:
    """See that *wanted* more descriptors can be opened, raising the limits where that helps and is allowed.

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
            f" raise it with {descriptors_command(needed)} or use fewer connections"
        )


def descriptors_command(wanted: int) -> str:
    """What lets the processes of a shell hold *wanted* descriptors each, in words."""
    if sys.platform == "darwin":
        return f"`sudo launchctl limit maxfiles {wanted} {wanted}` and a new shell"
    if sys.platform == "linux":
        return f"`sudo prlimit --pid $$ --nofile={wanted}:{wanted}` (docker: --ulimit nofile={wanted})"
    return f"`ulimit -n {wanted}` as root"


def _open_descriptors() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        if Path(folder).is_dir():
            return sum(1 for _entry in Path(folder).iterdir())
    return 64
