"""Promises of `TlsServer`, run for each style that an adapter offers.

TLS ends a stream by a message of its own, close_notify (RFC 8446, 6.1), and a connection by an alert; the transport's
end may follow at once or be left to the peer, and both are right here.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable

from crossloop.api import Echo, Receive
from crossloop.contract.peer import (
    KIB,
    MIB,
    Server,
    ServerPromises,
    echo,
    expect_answer,
    fail,
    one_for_many,
    pattern,
    reset,
)
from crossloop.contract.promise import QUIET_S, WAIT_S, Subject, ViolationError, require

_PLAIN = "the application gets and gives plain bytes"
_FAILED = "a handshake that fails, or a record that is no record, ends its connection and nothing else"
TLS_PLAIN = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class TlsPeers:
    """Clients of one server that trust its certificate."""

    def __init__(self, server: Server, subject: Subject) -> None:
        _await_serving(server)
        self.server = server
        self.context = ssl.create_default_context(cafile=subject.authority)

    def connect(self, session: ssl.SSLSession | None = None, receive_buffer: int = 0) -> ssl.SSLSocket:
        """A connection after its handshake. Raises OSError."""
        plain = self.server.connect(receive_buffer=receive_buffer)
        secure = self.context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
        self.server.adopt(secure)
        return secure


def _await_serving(server: Server) -> None:
    """Wait until the server has ended a connection that says nothing and half-closes.

    Clients are a thread of the server's process, and a server may fork (`processes`). A child that is forked while
    this thread holds a lock of OpenSSL's waits for that lock for ever: no handshake of its ends. Once the server has
    ended a connection, it has forked the process that accepts, which has no other thread. Until then nothing of
    OpenSSL is called here.
    """
    silent = server.connect()
    silent.shutdown(socket.SHUT_WR)
    try:
        while silent.recv(4096):
            pass  # an alert
    except ConnectionError:
        pass
    except TimeoutError as error:
        raise ViolationError(
            "the end of a connection whose peer ends it before its handshake", "it stays open"
        ) from error
    silent.close()


TLS_SERVER = ServerPromises("TlsServer", Echo, TlsPeers)


def counting() -> Receive:
    """Answers how many bytes came, after each that is a newline at the end of a piece."""
    count = 0

    def receive(data: bytes) -> bytes:
        nonlocal count
        count += len(data)
        return b"%08d" % count if bytes(data[-1:]) == b"\n" else b""

    return receive


@TLS_SERVER.client("tls-echo", "two connections, up to 40 KiB", _PLAIN)
def handshake(peers: TlsPeers) -> None:
    first, second = peers.connect(), peers.connect()
    for size in (1, 100, 16 * KIB, 40 * KIB):
        echo(first, pattern(size))
        echo(second, pattern(size)[::-1])
    require(first.version() == "TLSv1.3", "TLS 1.3", first.version())


@TLS_SERVER.promise("tls-large", "2 MiB down, 2 MiB up", _PLAIN)
def large(subject: Subject) -> None:
    def down(peers: TlsPeers) -> None:
        peer = peers.connect()
        peer.sendall(b"ab")
        expect_answer(peer, pattern(MIB) * 2)

    def up(peers: TlsPeers) -> None:
        peer = peers.connect()
        peer.sendall(b"x" * (2 * MIB - 1) + b"\n")
        expect_answer(peer, b"%08d" % (2 * MIB))

    TLS_SERVER.serve(subject, down, one_for_many)
    TLS_SERVER.serve(subject, up, counting)


@TLS_SERVER.client(
    "tls-close-notify",
    "the peer's close_notify comes with its last message",
    "at a peer's close_notify what came before is answered, then the server's own is sent",
)
def close_notify(peers: TlsPeers) -> None:
    """The client's close_notify leaves with its last message, before the answer to that could come."""
    plain = peers.server.connect()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = peers.context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    _until(tls.do_handshake, plain, incoming, outgoing)
    tls.write(b"the last word")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.unwrap()
    plain.sendall(outgoing.read())
    heard = b""
    with contextlib.suppress(ssl.SSLZeroReturnError):  # both have sent close_notify
        while piece := _until(lambda: tls.read(100), plain, incoming, outgoing):
            heard += piece
    require(heard == b"the last word", "the answer, then close_notify", heard)


def _until(
    step: Callable[[], object], plain: socket.socket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
) -> bytes:
    """Do *step* once the server has said enough for it; what it returns, if that is bytes."""
    while True:
        try:
            done = step()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            if data := plain.recv(1 << 16):
                incoming.write(data)
            else:
                raise ViolationError("close_notify (RFC 8446, 6.1)", "end of file without it") from None
        else:
            plain.sendall(outgoing.read())
            return done if isinstance(done, bytes) else b""


@TLS_SERVER.client("tls-garbage", "garbage for a handshake, and for a record", _FAILED)
def garbage(peers: TlsPeers) -> None:
    """Instead of a handshake, and in the place of a record."""
    steady = peers.connect()
    for said in (TLS_PLAIN, b"\x16\x03\x01\x00\x05hello", b"\x00" * 5000):
        plain = peers.server.connect()
        plain.sendall(said)
        _expect_alert_at_most(plain)
        echo(steady, b"still here")
    broken = peers.connect()
    echo(broken, b"whole records")
    socket.socket.sendall(broken, b"\x17\x03\x03\x00\x20" + b"no record of this connection....")
    with contextlib.suppress(ssl.SSLError, ConnectionError):  # the alert, or the end of the transport
        data = broken.recv(100)
        require(not data, "an alert or the end", data)
    echo(steady, b"and here")


def _expect_alert_at_most(plain: socket.socket) -> None:
    """An alert record (RFC 8446, 5.1: type 21) or nothing, then the end or silence."""
    plain.settimeout(QUIET_S)
    said = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while piece := plain.recv(4096):
            said += piece
    plain.settimeout(WAIT_S)
    require(not said or (said[:1] == b"\x15" and len(said) < 64), "an alert at most", said)


@TLS_SERVER.client("tls-untrusting", "clients that do not trust the certificate", _FAILED)
def untrusting(peers: TlsPeers) -> None:
    steady = peers.connect()
    strict = ssl.create_default_context()
    for _ in range(5):
        plain = peers.server.connect()
        try:
            peers.server.adopt(strict.wrap_socket(plain, server_hostname="127.0.0.1"))
        except ssl.SSLCertVerificationError:
            plain.close()
        else:
            raise ViolationError("a certificate that nobody here trusts", "trusted")
        echo(steady, b"still here")


@TLS_SERVER.client(
    "tls-resumption",
    "three connections, each with the session of the one before",
    "the context is the server's: it hands out tickets and takes them (RFC 8446, 2.2)",
)
def resumption(peers: TlsPeers) -> None:
    session = None
    for number in range(3):
        peer = peers.connect(session)
        echo(peer, b"tickets have come with this")
        require(
            peer.session_reused == (number > 0),
            "each connection after the first resumes the one before",
            f"connection {number}: session_reused is {peer.session_reused}",
        )
        session = peer.session
        peer.close()


@TLS_SERVER.client(
    "tls-slow-reader",
    "a peer sends without reading until its sending blocks",
    "backpressure: when a peer does not read, its connection is not read from either",
)
def slow_reader(peers: TlsPeers) -> None:
    peer, other = peers.connect(receive_buffer=64 * KIB), peers.connect()
    peer.settimeout(0.3)
    with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError):
        for _ in range(64 * 16):
            peer.sendall(pattern(64 * KIB))
        raise ViolationError("the sender blocked before 64 MiB, since nobody reads", "64 MiB taken in")
    echo(other, b"others are served meanwhile")
    reset(peer)
    echo(other, b"and after it")


TLS_SERVER.raising("tls-raises", lambda: fail, TlsPeers.connect)


@TLS_SERVER.promise(
    "tls-stop",
    "stop when idle, in a handshake, and with 8 MiB unread",
    "once `stop` is readable, close all and return",
)
def stops(subject: Subject) -> None:
    """With a connection that says nothing, one before its handshake, and one that leaves 8 MiB unread."""

    def client(peers: TlsPeers) -> None:
        _idle, full = peers.connect(), peers.connect(receive_buffer=8 * KIB)
        peers.server.connect()
        full.sendall(b"12345678")
        full.recv(1)
        peers.server.stop_promptly()

    TLS_SERVER.serve(subject, lambda peers: peers.server.stop_promptly())
    TLS_SERVER.serve(subject, client, one_for_many)
