"""TLS, pushing and datagrams as each library's idiom serves them: real loops and sockets, clients of `ssl`."""

import contextlib
import importlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from crossloop.api import CheckFailedError, Echo, Receive, Send, UnsupportedError, styles_of

LIMIT_S = 20.0
ADAPTERS = (
    *("asyncio_", "asyncio_select", "asyncio_poll", "uvloop_", "winloop_", "tornado_", "tornado_uvloop"),
    *("gevent_libev", "gevent_libev_cffi", "gevent_libuv", "gevent_libevent", "pyev_", "libevent_"),
)
MIB = 1 << 20
Address = Any


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"adapters.{name}")
    except ImportError as error:
        pytest.skip(f"{name}: {error}")


def _styles(level: str) -> list[Any]:
    """Adapter and style of each row at *level*; an adapter whose library is not here has one, which is skipped."""
    rows = []
    for name in ADAPTERS:
        try:
            styles = styles_of(importlib.import_module(f"adapters.{name}").Adapter).get(level, ())
        except ImportError:
            styles = ("native",)
        rows += [pytest.param(name, style, id=f"{name.rstrip('_')}-{style}") for style in styles]
    return rows


class Server:
    """One adapter that serves in the calling thread, with its clients in another one."""

    def __init__(self, adapter: Any, style: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
        self.adapter = adapter
        self.style = style
        self.context, self.trusting = contexts

    def run(self, level: str, application: Any, client: Callable[[Address], None]) -> None:
        """Serve *application* until *client* has returned; raises what either raised."""
        kind = socket.SOCK_DGRAM if level == "Datagrams" else socket.SOCK_STREAM
        endpoint = socket.socket(socket.AF_INET, kind)
        endpoint.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            endpoint.listen(100)
        endpoint.setblocking(False)
        address = endpoint.getsockname()
        stop, stopper = socket.socketpair()
        stop.setblocking(False)

        def drive() -> None:
            try:
                client(address)
            finally:
                stopper.send(b"x")

        with endpoint, stop, stopper, ThreadPoolExecutor(1) as aside:
            driven = aside.submit(drive)
            match level:
                case "StreamServer":
                    self.adapter.serve_streams(endpoint, application, self.style, stop)
                case "TlsServer":
                    self.adapter.serve_tls(endpoint, application, self.style, stop, self.context)
                case "PushServer":
                    self.adapter.serve_push(endpoint, application, self.style, stop)
                case "Datagrams":
                    self.adapter.serve_datagrams(endpoint, application, self.style, stop)
            driven.result(LIMIT_S)
            assert endpoint.fileno() == -1

    def tls(self, address: Address) -> ssl.SSLSocket:
        plain = socket.create_connection(address, timeout=LIMIT_S)
        return self.trusting.wrap_socket(plain, server_hostname="localhost")


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def server(
    module: str,
    style: str,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Server]:
    try:
        adapter = _module(module).Adapter()
    except (ImportError, UnsupportedError) as error:
        pytest.skip(f"{module}: {error}")
    before = _descriptors()
    yield Server(adapter, style, contexts)
    assert _descriptors() == before
    adapter.close()
    assert capfd.readouterr().err == ""


def _descriptors() -> int:
    """Sockets that this process has open; 0 where the kernel does not list them."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return 0
    return sum("socket" in str(file.readlink()) for file in folder.iterdir() if file.is_symlink())


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := peer.recv(size - len(data))):
        data += piece
    return bytes(data)


def _expect_end(peer: socket.socket) -> None:
    """An alert at most, and then the end; where TLS is bytes to the server, the end is the peer's to make."""
    try:
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(100):
            pass
    except TimeoutError:
        raise
    except OSError:  # a reset, also between the alert and what follows here
        pass


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def _fail(_data: bytes) -> bytes:
    raise CheckFailedError("cannot serve this")


# TLS


tls = pytest.mark.parametrize(("module", "style"), _styles("TlsServer"))


@tls
def test_tls_is_echoed_by_a_call_that_can_be_made_again(server: Server) -> None:
    def client(address: Address) -> None:
        data = os.urandom(100_000)
        with server.tls(address) as first, server.tls(address) as second:
            for _ in range(3):
                for peer in (first, second):
                    peer.sendall(data)
                    assert _exactly(peer, len(data)) == data

    for _ in range(2):
        server.run("TlsServer", Echo, client)


@tls
def test_a_failed_handshake_ends_its_connection_alone(server: Server, module: str) -> None:
    def client(address: Address) -> None:
        with server.tls(address) as steady:
            for words in (b"GET / HTTP/1.1\r\n\r\n", b""):
                with socket.create_connection(address, timeout=LIMIT_S) as plain:
                    plain.sendall(words)
                    if words:
                        _expect_end(plain)
            untrusting = ssl.create_default_context()
            plain = socket.create_connection(address, timeout=LIMIT_S)
            with plain, pytest.raises(ssl.SSLCertVerificationError):
                untrusting.wrap_socket(plain, server_hostname="localhost")
            # A socket that was reset before it is wrapped is left to the garbage collector by `ssl` and `gevent.ssl`.
            if not module.startswith(("tornado", "gevent")):
                _reset(socket.create_connection(address, timeout=LIMIT_S))
            broken = server.tls(address)
            broken.sendall(b"x")
            assert _exactly(broken, 1) == b"x"
            with socket.socket(fileno=broken.detach()) as bare:
                bare.settimeout(LIMIT_S)
                bare.sendall(b"no record")
                _expect_end(bare)
            steady.sendall(b"still here")
            assert _exactly(steady, 10) == b"still here"

    server.run("TlsServer", Echo, client)


@tls
def test_what_came_before_a_close_notify_is_answered(server: Server, module: str) -> None:
    def client(address: Address) -> None:
        with server.tls(address) as peer:
            peer.sendall(b"last words")
            assert _exactly(peer, 10) == b"last words"
            # tornado closes the socket without a word of TLS.
            with pytest.raises(ssl.SSLEOFError) if module.startswith("tornado") else contextlib.nullcontext():
                peer.unwrap()

    server.run("TlsServer", Echo, client)


@tls
def test_a_handshake_under_way_ends_with_the_server(server: Server, module: str) -> None:
    if module in ("uvloop_", "winloop_"):
        pytest.skip("nothing of these loops leads to a connection before its handshake is over")
    kept = []

    def client(address: Address) -> None:
        kept.append(socket.create_connection(address, timeout=LIMIT_S))
        with server.tls(address) as peer:  # the first one is accepted by now
            peer.sendall(b"x")
            assert _exactly(peer, 1) == b"x"

    server.run("TlsServer", Echo, client)
    with kept[0] as peer:
        assert peer.recv(1) == b""


@tls
def test_a_broken_application_ends_tls(server: Server) -> None:
    def client(address: Address) -> None:
        with server.tls(address) as peer:
            peer.sendall(b"x")
            with contextlib.suppress(OSError):
                assert peer.recv(1) == b""

    with pytest.raises(CheckFailedError, match="cannot serve this"):
        server.run("TlsServer", lambda: _fail, client)


# Pushing


class FanOut:
    """Each message goes to all connections; who says `bye` is told alone."""

    def __init__(self) -> None:
        self.members: dict[int, Send] = {}
        self.ended = threading.Semaphore(0)

    def __call__(self, send: Send) -> Receive:
        key = id(send)
        self.members[key] = send

        def receive(data: bytes) -> bytes:
            if not data:
                send(b"dropped")
                self.ended.release()
                return b""
            if data == b"here?":
                return b"here!"
            if data == b"large":
                data = b"L" * MIB
            for member in self.members.values():
                member(data)
            return b""

        return receive


push = pytest.mark.parametrize(("module", "style"), _styles("PushServer"))


def _joined(address: Address, answer: bytes = b"here!") -> socket.socket:
    peer = socket.create_connection(address, timeout=LIMIT_S)
    peer.sendall(b"here?")
    assert _exactly(peer, 5) == answer
    return peer


@push
def test_a_message_goes_to_all_connections(server: Server) -> None:
    for _ in range(2):
        room = FanOut()

        def client(address: Address, room: FanOut = room) -> None:
            peers = [_joined(address) for _ in range(5)]
            for number in range(50):
                message = b"%05d" % number
                peers[number % 5].sendall(message)
                for peer in peers:
                    assert _exactly(peer, 5) == message
            _reset(peers.pop())
            peers.pop().close()
            for _ in range(2):
                assert room.ended.acquire(timeout=LIMIT_S)
            for _ in range(20):  # the dead are sent to as well
                peers[0].sendall(b"x")
                for peer in peers:
                    assert _exactly(peer, 1) == b"x"
            for peer in peers:
                peer.close()

        server.run("PushServer", room, client)
        for _ in range(3):
            assert room.ended.acquire(timeout=LIMIT_S)
        assert not room.ended.acquire(blocking=False)


@push
def test_who_does_not_read_keeps_nobody_waiting(server: Server) -> None:
    def client(address: Address) -> None:
        with _joined(address) as slow, _joined(address) as other, _joined(address) as third:
            for _ in range(16):
                other.sendall(b"large")
                assert _exactly(other, MIB) == b"L" * MIB
                assert _exactly(third, MIB) == b"L" * MIB
            assert _exactly(slow, 16 * MIB) == b"L" * (16 * MIB)
            slow.sendall(b"here?")
            assert _exactly(slow, 5) == b"here!"

    server.run("PushServer", FanOut(), client)


@push
def test_the_dead_are_sent_to_in_silence(server: Server) -> None:
    """Those whose end nobody has noticed yet."""

    def client(address: Address) -> None:
        with _joined(address) as peer:
            for _ in range(3):
                dying = [_joined(address) for _ in range(10)]
                for one in dying:
                    _reset(one)
                for _ in range(10):
                    peer.sendall(b"large")
                    assert _exactly(peer, MIB) == b"L" * MIB

    server.run("PushServer", FanOut(), client)


@push
def test_a_broken_pushing_application_ends_the_call(server: Server) -> None:
    def client(address: Address) -> None:
        with socket.create_connection(address, timeout=LIMIT_S) as peer:
            peer.sendall(b"x")
            with contextlib.suppress(OSError):
                assert peer.recv(1) == b""

    with pytest.raises(CheckFailedError, match="cannot serve this"):
        server.run("PushServer", lambda _send: _fail, client)


@push
def test_who_fails_at_an_end_is_heard_when_all_are_closed(server: Server) -> None:
    peers: list[socket.socket] = []

    def application(_send: Send) -> Receive:
        return lambda data: data or _fail(data)

    with pytest.raises(CheckFailedError, match="cannot serve this"):
        server.run(
            "PushServer",
            application,
            lambda address: peers.extend(_joined(address, b"here?") for _ in range(3)),
        )
    for peer in peers:
        with peer, contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""


# Datagrams


datagrams = pytest.mark.parametrize(("module", "style"), _styles("Datagrams"))


def _udp(address: Address) -> socket.socket:
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(LIMIT_S)
    peer.connect(address)
    return peer


@datagrams
def test_datagrams_are_answered_to_their_senders(server: Server) -> None:
    def client(address: Address) -> None:
        with _udp(address) as first, _udp(address) as second:
            for number in range(20):
                for peer in (first, second):
                    peer.send(b"%d %d" % (peer.fileno(), number))
                for peer in (first, second):
                    assert peer.recv(100) == b"%d %d" % (peer.fileno(), number)
            for size in (1, 1400, 8000):
                first.send(b"d" * size)
                assert first.recv(65536) == b"d" * size
            for _ in range(3):
                gone = _udp(address)
                gone.send(b"and away")
                gone.close()
            second.send(b"still here")
            assert second.recv(100) == b"still here"

    for _ in range(2):
        server.run("Datagrams", lambda data: data, client)


@datagrams
def test_a_datagram_may_be_empty_and_have_no_answer(server: Server) -> None:
    seen = []

    def application(data: bytes) -> bytes:
        seen.append(bytes(data))
        return b"" if data == b"hush" else b"<" + data + b">"

    def client(address: Address) -> None:
        with _udp(address) as peer:
            for words in (b"", b"hush", b"speak"):
                peer.send(words)
            assert peer.recv(100) == b"<>"
            assert peer.recv(100) == b"<speak>"

    server.run("Datagrams", application, client)
    assert seen == [b"", b"hush", b"speak"]


@datagrams
def test_a_broken_application_of_datagrams_ends_the_call(server: Server) -> None:
    called = threading.Event()

    def application(data: bytes) -> bytes:
        called.set()
        return _fail(data)

    def client(address: Address) -> None:
        with _udp(address) as peer:
            peer.send(b"x")
            assert called.wait(LIMIT_S)

    with pytest.raises(CheckFailedError, match="cannot serve this"):
        server.run("Datagrams", application, client)
