"""Promises of `HttpServer`, run for each style that an adapter offers.

Answers are read by the standard library's client. What a server sends beside status, framing and body is its own. So
the promises leave room where servers differ: HEAD of a page may be 200 or 405, and what is no HTTP is answered by a
status of 400 to 499, or not at all.
"""

import contextlib
import ctypes
import gc
import importlib.metadata
import io
import socket
import sys
import time
from collections.abc import Iterable
from http.client import HTTPException, HTTPResponse
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

from crossloop.api import HttpServer, HttpSite
from crossloop.api.facts import mapped_files
from crossloop.contract.observing import descriptors
from crossloop.contract.peer import (
    KIB,
    MIB,
    Server,
    ServerPromises,
    compare,
    expect_end,
    pattern,
    receive_exactly,
    reset,
)
from crossloop.contract.promise import (
    QUIET_S,
    WAIT_S,
    Check,
    NotInstalledError,
    Subject,
    ViolationError,
    require,
    require_equal,
)

LARGE = 50 * KIB
SITE = HttpSite(
    {
        "small": (b"a small page",),
        "large": (pattern(LARGE),),
        "pieces": (pattern(3 * KIB), pattern(LARGE)[::-1], b"the last piece"),
    }
)
MOST_REQUESTED = 32 * MIB
"""More than the kernel holds of one connection (tcp(7): tcp_rmem, tcp_wmem), and 400 MiB of answers."""
SPARE_DESCRIPTORS = 4
"""A server may keep a few for the next connection."""
_PAGE = "a GET of a page is answered by 200 and its body, and the connection is kept"
_OTHER = "HEAD is answered without a body, another path by 404, and the connection is kept"
_NO_HTTP = (
    "what is no HTTP, and a peer's reset, ends its connection and nothing else; nothing is written to stderr"
)
_ENDED = "a connection that its peer ends is closed"
_STOP = "once `stop` is readable, close all and return, whatever peers have not read"


class Answer(NamedTuple):
    """What one was."""

    status: int
    chunked: bool
    body: bytes


class HttpPeer:
    """One connection, and what was read of it beyond the last answer."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._unread = _Kept(socket.SocketIO(connection, "r"))

    def ask(self, *requests: bytes) -> None:
        """Send *requests* in one piece."""
        self.connection.sendall(b"".join(requests))

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer. Raises ViolationError for none, or for what is no HTTP."""
        response = HTTPResponse(self, method=method)  # type: ignore[arg-type]  # it needs makefile alone
        try:
            response.begin()
            return Answer(response.status, bool(response.chunked), response.read())
        except (HTTPException, OSError) as error:
            raise ViolationError("an answer", f"{type(error).__name__}: {error}") from error

    def makefile(self, _mode: str) -> "_Kept":
        """What `HTTPResponse` reads from."""
        return self._unread

    def expect_page(self, name: str, id_: str = "0" * 24) -> None:
        """Read the answer to a GET of a page, and compare all of it."""
        answer = self.answer()
        require_equal(answer.status, 200, f"status of /{name}")
        compare(answer.body, b"".join(SITE.pieces(name, id_.encode())))
        require_equal(answer.chunked, len(SITE.pages[name]) > 1, f"whether /{name} comes in chunks")

    def get(self, name: str, number: int) -> None:
        """Ask for a page once, and compare."""
        self.ask(request(f"/{name}/{id_of(number)}"))
        self.expect_page(name, id_of(number))


class _Kept(io.BufferedReader):
    """A reader that stays open: the client of the standard library closes what it has read an answer from."""

    def close(self) -> None:
        """The socket is closed with the server."""


class HttpPeers:
    """Clients of one server."""

    def __init__(self, server: Server, subject: Subject) -> None:
        self.server = server
        self.subject = subject

    def connect(self, receive_buffer: int = 0) -> HttpPeer:
        """A new connection."""
        return HttpPeer(self.server.connect(receive_buffer=receive_buffer))


class _HttpPromises(ServerPromises[HttpPeers]):
    """Those of a style whose server is not installed end in NotInstalledError."""

    def serve(self, subject: Subject, client: Check[HttpPeers], application: object = None) -> None:
        assert isinstance(subject.adapter, HttpServer)
        try:
            subject.adapter.http_facts(subject.style)
        except ImportError as error:
            raise NotInstalledError(f"{type(error).__name__}: {error}") from error
        super().serve(subject, client, application)


HTTP_SERVER = _HttpPromises("HttpServer", SITE, HttpPeers)


def request(path: str, method: str = "GET", padding: int = 0) -> bytes:
    """A request without a body, with *padding* bytes in a field that nobody looks at."""
    field = f"X-Padding: {'x' * padding}\r\n" if padding else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode()


def id_of(number: int) -> str:
    """An ID that no other request has."""
    return f"{number:024x}"


@HTTP_SERVER.client("http-pages", "every page, with an ID and without, 30 times on one connection", _PAGE)
def pages(peers: HttpPeers) -> None:
    peer = peers.connect()
    for number in range(10):
        for name in SITE.pages:
            peer.ask(request(f"/{name}"))
            peer.expect_page(name)
            peer.get(name, number)


@HTTP_SERVER.client(
    "http-cut-and-joined", "a request in single bytes, then five in one piece", "answers come in order"
)
def cut_and_joined(peers: HttpPeers) -> None:
    peer = peers.connect()
    data = request(f"/small/{id_of(1)}")
    for place in range(len(data)):
        peer.ask(data[place : place + 1])
    peer.expect_page("small", id_of(1))
    names = ["large", "small", "pieces", "small", "large"]
    peer.ask(b"".join(request(f"/{name}/{id_of(place)}") for place, name in enumerate(names)))
    for place, name in enumerate(names):
        peer.expect_page(name, id_of(place))


@HTTP_SERVER.client("http-interleaved", "50 connections, each with requests of its own", _PAGE)
def interleaved(peers: HttpPeers) -> None:
    connections = [peers.connect() for _ in range(50)]
    for turn in range(3):
        for number, peer in enumerate(connections):
            peer.ask(request(f"/small/{id_of(100 * turn + number)}"))
        for number, peer in reversed(list(enumerate(connections))):
            peer.expect_page("small", id_of(100 * turn + number))


@HTTP_SERVER.client("http-other-requests", "HEAD, and paths where no page is, between pages", _OTHER)
def other_requests(peers: HttpPeers) -> None:
    peer = peers.connect()
    for path in ("/nowhere", "/small/0123", f"/small/{id_of(1)}/more", f"/nowhere/{id_of(2)}", "/"):
        peer.ask(request(path))
        require_equal(peer.answer().status, 404, f"status of {path}")
        peer.get("small", 3)
    for name in SITE.pages:
        peer.ask(request(f"/{name}", "HEAD"), request(f"/small/{id_of(4)}"))
        answer = peer.answer("HEAD")
        require(answer.status in (200, 405), f"status of HEAD /{name}: 200 or 405", answer.status)
        peer.expect_page("small", id_of(4))


@HTTP_SERVER.client("http-no-http", "garbage in three forms", _NO_HTTP)
def no_http(peers: HttpPeers) -> None:
    steady = peers.connect()
    for said in (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET\r\n\r\n", b"\0" * 5000 + b"\r\n\r\n"):
        peer = peers.connect()
        peer.ask(said)
        _expect_refusal(peer.connection)
        steady.get("small", 1)


@HTTP_SERVER.client("http-resets", "resets at once, within a request, and with answers unread", _NO_HTTP)
def resets(peers: HttpPeers) -> None:
    steady = peers.connect()
    for number in range(10):
        at_once, half, unread = (peers.connect() for _ in range(3))
        reset(at_once.connection)
        half.ask(request("/large")[:-3])
        reset(half.connection)
        unread.ask(request("/large") * 20)
        receive_exactly(unread.connection, 1)
        reset(unread.connection)
        steady.get("small", number)


def _expect_refusal(peer: socket.socket) -> None:
    """An answer of 400 to 499 or the end of the connection."""
    peer.shutdown(socket.SHUT_WR)
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := peer.recv(KIB):
            said += piece
    head = said[: len(b"HTTP/1.1 4")]
    require(not said or head in (b"HTTP/1.1 4", b"HTTP/1.0 4"), "a status of 400 to 499, or the end", said)


@HTTP_SERVER.client(
    "http-slow-reader",
    "a peer sends requests without reading until its sending blocks",
    "backpressure: when a peer does not read, its connection is not read from either",
)
def slow_reader(peers: HttpPeers) -> None:
    peer, other = peers.connect(receive_buffer=8 * KIB), peers.connect()
    _fill(peer.connection)
    other.get("small", 1)
    peer.expect_page("large")
    peer.expect_page("large")


def _fill(peer: socket.socket) -> None:
    """Send requests for a large page until nothing more is taken. Raises ViolationError after `MOST_REQUESTED`."""
    requests = request("/large", padding=4 * KIB) * 16
    peer.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        for _ in range(MOST_REQUESTED // len(requests)):
            peer.sendall(requests)
        raise ViolationError(
            f"the sender blocked before {MOST_REQUESTED >> 20} MiB of requests, since nobody reads the answers",
            f"{MOST_REQUESTED >> 20} MiB taken in",
        )
    peer.settimeout(WAIT_S)


@HTTP_SERVER.client("http-half-close", "the peer says SHUT_WR after an answer", _ENDED)
def half_close(peers: HttpPeers) -> None:
    halved = peers.connect()
    halved.get("small", 1)
    halved.connection.shutdown(socket.SHUT_WR)
    halved.connection.settimeout(WAIT_S / 2)
    expect_end(halved.connection, reset_allowed=True)


@HTTP_SERVER.client(
    "http-released",
    "connections end in three ways; look at the descriptors",
    _ENDED,
)
def released(peers: HttpPeers) -> None:
    _come_and_go(peers)  # what a library opens once in a process is open now
    before = descriptors()
    for _ in range(10):
        _come_and_go(peers)
    deadline = time.monotonic() + WAIT_S
    while before is not None and len(left := descriptors() or []) > len(before) + SPARE_DESCRIPTORS:
        require(
            time.monotonic() < deadline,
            f"{len(before)} descriptors open, as before 30 connections came and went",
            f"{len(left)}: {', '.join(sorted(set(left) - set(before)))[:400]}",
        )
        time.sleep(QUIET_S)


def _come_and_go(peers: HttpPeers) -> None:
    """Closed, reset, and with an answer unread."""
    closed, broken, unread = (peers.connect() for _ in range(3))
    for peer in (closed, broken):
        peer.get("small", 1)
    closed.connection.close()
    reset(broken.connection)
    unread.ask(request("/large"))
    unread.connection.close()


@HTTP_SERVER.client("http-facts", "look for the stated parser while a request is under way", "facts are so")
def facts(peers: HttpPeers) -> None:
    adapter = peers.subject.adapter
    assert isinstance(adapter, HttpServer)
    stated = adapter.http_facts(peers.subject.style)
    if stated.library:
        _expect_in_library(stated.library, stated.parser)
        return
    with contextlib.suppress(
        importlib.metadata.PackageNotFoundError
    ):  # a server that no distribution brought
        version = importlib.metadata.version(stated.server)
        require_equal(stated.server_version, version, f"version of {stated.server}")
    peer = peers.connect()
    peer.get("small", 1)
    peer.ask(request("/small")[:-4])
    deadline = time.monotonic() + WAIT_S / 5
    while stated.parser not in (kinds := _alive(gc.get_objects())):
        require(time.monotonic() < deadline, f"a {stated.parser} at work", f"none of {len(kinds)} types")
        time.sleep(QUIET_S)
    file = getattr(sys.modules.get(stated.parser.rpartition(".")[0]), "__file__", None) or ""
    require_equal(
        stated.compiled,
        Path(file).name.endswith(tuple(EXTENSION_SUFFIXES)),
        f"whether {stated.parser} is compiled",
    )


def _expect_in_library(name: str, function: str) -> None:
    """The library is in this process, where that can be seen, and the function is in it."""
    files = mapped_files()
    file = next((path for path in files if path.name == name), None)
    require(file is not None or not files, f"{name} in this process", "not among its files")
    if file is not None:
        require(hasattr(ctypes.CDLL(str(file)), function), f"{function} in {name}", "no such function")


def _alive(objects: Iterable[object]) -> set[str]:
    """Names of the types of *objects*, and of those that these derive from."""
    kinds = {kind for type_ in set(map(type, objects)) for kind in type_.__mro__}
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}


@HTTP_SERVER.client("http-stop-idle", "stop without any client", _STOP)
def stop_idle(peers: HttpPeers) -> None:
    peers.server.stop_promptly()


@HTTP_SERVER.client("http-stop-connected", "stop with connections silent, kept, half asked and unread", _STOP)
def stop_connected(peers: HttpPeers) -> None:
    silent, kept, half, unread = (peers.connect(receive_buffer=8 * KIB) for _ in range(4))
    for peer in (kept, half):
        peer.get("small", 1)
    half.ask(request("/small")[:-4])
    unread.ask(request("/large") * 100)
    receive_exactly(unread.connection, 1)
    peers.server.stop_promptly()
    for peer in (silent, kept):
        expect_end(peer.connection, reset_allowed=True)
