"""A worker that serves a scenario: the endpoint, the stop signal, and the adapter's own server of its level."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from crossloop.api.about import Transport
from crossloop.api.errors import UnsupportedError
from crossloop.api.levels import Adapter, HttpServer, StreamServer, styles_of
from crossloop.worker.channel import stop_pair

if TYPE_CHECKING:  # a worker that serves no TLS does not load it
    import ssl

BACKLOG = max(4096, socket.SOMAXCONN)
"""Length of the accept queue asked for; the kernel cuts it to its own limit (listen(2), somaxconn).

Windows takes any number above 200 for 200, save SOMAXCONN, which there is no length but a word for the
longest ("listen function (winsock2.h)"). The headers of other systems have the number of long ago, 128."""

DATAGRAM_QUEUE_BYTES = 4 << 20
"""Room asked for datagrams that wait to be received; the kernel cuts it to its own limit (socket(7), rmem_max)."""
TRANSPORTS: Mapping[str, tuple[Transport, ...]] = {
    "StreamServer": ("tcp", "unix"),
    "TlsServer": ("tls",),
    "PushServer": ("tcp", "unix"),
    "HttpServer": ("tcp",),
    "Datagrams": ("udp",),
}
"""Level that serves → what it is served over."""
METHODS: Mapping[str, str] = {
    "StreamServer": "serve_streams",
    "TlsServer": "serve_tls",
    "PushServer": "serve_push",
    "HttpServer": "serve_http",
    "Datagrams": "serve_datagrams",
}
"""Level that serves → the member that does."""

Enter: TypeAlias = Callable[[socket.socket, socket.socket], None]
"""Called with the endpoint and the stop socket; returns when the serving is over."""


@dataclass(frozen=True)
class Place:
    """Where to serve, and through what."""

    transport: Transport = "tcp"
    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    """Of a unix socket, in a folder that nobody else may enter."""
    certificate: str = ""
    """Of a TLS server: file with its key and its chain (PEM)."""
    shared: bool = False
    """Whether other processes are to listen on the same TCP port, each on a listener of its own (`sharing_option`)."""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Place":
        """The place that a request names; what it leaves out is as above."""
        return cls(**{field.name: request[field.name] for field in fields(cls) if field.name in request})


@contextlib.contextmanager
def opened(place: Place) -> Iterator[socket.socket]:
    """The bound, non-blocking socket of *place*: listening, but for `udp`. Raises OSError, UnsupportedError."""
    match place.transport:
        case "tcp" | "tls":
            endpoint = open_listener(place.host, place.port, shared=place.shared)
        case "unix":
            endpoint = _open_unix(place.path)
        case "udp":
            endpoint = open_datagrams(place.host, place.port)
    with endpoint:
        try:
            yield endpoint
        finally:
            if place.transport == "unix":
                Path(place.path).unlink(missing_ok=True)


def open_listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening, non-blocking TCP socket with TCP_NODELAY, the same for all adapters.

    On Linux accepted sockets inherit TCP_NODELAY, so that no adapter waits for a delayed acknowledgement
    and none pays a system call per connection. On Windows SO_EXCLUSIVEADDRUSE keeps others off the port.
    A *shared* port takes further listeners of this user. Raises OSError, and UnsupportedError where none is shared.
    """
    option = sharing_option() if shared else 0
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "nt":
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def sharing_option() -> int:
    """The socket option by which several listeners of one port each get a part of its connections.

    Linux (3.9 and later): SO_REUSEPORT; a hash over both addresses and ports says whose a connection is (socket(7)).
    FreeBSD (12 and later): SO_REUSEPORT_LB, which Python has no name for (setsockopt(2), <sys/socket.h>). The other
    systems' SO_REUSEPORT lets several bind, and does not share out. Raises UnsupportedError with the reason.
    """
    if sys.platform == "linux":
        return socket.SO_REUSEPORT
    if sys.platform.startswith("freebsd"):
        return getattr(socket, "SO_REUSEPORT_LB", 0x00010000)
    if os.name == "nt":
        raise UnsupportedError(
            "Windows has no SO_REUSEPORT: its SO_REUSEADDR lets a second socket take the port, and it is not said "
            "which of them gets a connection"
        )
    raise UnsupportedError(
        f"SO_REUSEPORT of {sys.platform} lets several sockets listen on a port, and does not share its connections "
        "out among them; Linux's does, and FreeBSD's SO_REUSEPORT_LB"
    )


def _open_unix(path: str) -> socket.socket:
    if sys.platform == "win32":
        raise UnsupportedError("Python has no unix sockets on Windows (cpython 77589); choose tcp there")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def open_datagrams(host: str, port: int) -> socket.socket:
    """A bound, non-blocking UDP socket with a large queue, the same for all adapters. Raises OSError."""
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
    )[0]
    endpoint = socket.socket(family, kind, protocol)
    try:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DATAGRAM_QUEUE_BYTES)
        endpoint.bind(address)
        endpoint.setblocking(False)
    except OSError:
        endpoint.close()
        raise
    return endpoint


def tls_context(certificate: str) -> "ssl.SSLContext":
    """A server's context: TLS 1.3 with session tickets (RFC 8446, 4.6.1). Raises OSError for a file without either.

    Its attribute `certificate` names the file, for a library whose TLS is another OpenSSL than Python's: a context does
    not give its key back.
    """
    import ssl  # (this transport only)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate)
    setattr(context, "certificate", certificate)  # noqa: B010  (not of the class)
    return context


def arrange_stop(writing: socket.socket) -> None:
    """SIGTERM and SIGINT make the stop socket readable.

    By two ways: the interpreter writes the signal's number from its C-level handler (a loop that sleeps
    inside a C library wakes by the socket), and the Python-level handler writes too (a loop that puts
    its own wake-up descriptor in place, as uvloop does, runs that one).
    """

    def on_signal(_number: int, _frame: object) -> None:
        tell(writing)

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, on_signal)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)


def tell(writing: socket.socket) -> None:
    """Make the stop socket readable; harmless when it is already, or gone."""
    with contextlib.suppress(OSError):
        writing.send(b"s")


def rows_on(adapter: type[Adapter], levels: Sequence[str]) -> dict[str, str]:
    """Style → the one of *levels* that it is a style of, on an adapter of this class; in their order.

    Raises ValueError for a style of two of them: a row is named by its style alone.
    """
    offered = styles_of(adapter)
    rows: dict[str, str] = {}
    for level in levels:
        for style in offered.get(level, ()):
            if style in rows:
                raise ValueError(f"{rows[style]} and {level} both have a style {style!r}; expected two names")
            rows[style] = level
    return rows


def serve(
    adapter: Adapter,
    application: Any,
    level: str,
    style: str,
    place: Place,
    endpoint: socket.socket,
    announce: Callable[[dict[str, Any]], object],
    on_end: Callable[[Callable[[], None]], object],
) -> None:
    """Serve *application*, of the kind that *level* takes, until told to stop; *endpoint* is that of *place*.

    *announce* gets pid, host and port or path, the adapter's own bound on connections, if it has one, and of a web
    server its facts; *on_end* gets what to call to stop. Raises UnsupportedError for a level or a style that the
    adapter does not have, and what it raises.
    """
    enter = _entry(adapter, application, level, style, place)
    readable, writing = stop_pair()
    with readable, writing:
        on_end(lambda: tell(writing))
        arrange_stop(writing)
        announce(_ready(adapter, level, style, place, endpoint))
        try:
            enter(endpoint, readable)
        finally:
            signal.set_wakeup_fd(-1)


def _entry(adapter: Adapter, application: Any, level: str, style: str, place: Place) -> Enter:
    """What serves *level*, ready to be called. Raises UnsupportedError."""
    offered = styles_of(type(adapter))
    if level not in offered:
        why = adapter.lacks.get(level, "")
        raise UnsupportedError(f"{type(adapter).__module__} offers no {level}" + (f": {why}" if why else ""))
    if style not in offered[level]:
        raise UnsupportedError(f"style {style!r} is not one of {', '.join(offered[level])}")
    if place.transport not in TRANSPORTS.get(level, ()):
        raise UnsupportedError(
            f"{level} is served over {' and '.join(TRANSPORTS.get(level, ())) or 'nothing'}, not {place.transport}"
        )
    return entry(adapter, level, application, style, place.certificate)


def entry(adapter: Adapter, level: str, application: Any, style: str, certificate: str = "") -> Enter:
    """What serves *application*, of the kind that *level* takes, ready to be called; *certificate* as in `Place`."""
    method = getattr(adapter, METHODS[level])
    context = (tls_context(certificate),) if level == "TlsServer" else ()
    return lambda endpoint, stop: method(endpoint, application, style, stop, *context)


def _ready(adapter: Adapter, level: str, style: str, place: Place, endpoint: socket.socket) -> dict[str, Any]:
    """What is announced. Raises ImportError for a server that is not installed."""
    ready: dict[str, Any] = {"ready": True, "pid": os.getpid()}
    if place.transport == "unix":
        ready["path"] = place.path
    else:
        ready["host"], ready["port"] = endpoint.getsockname()[:2]
    bound = adapter.most_connections() if level != "Datagrams" and isinstance(adapter, StreamServer) else None
    if bound is not None:
        ready["most_connections"] = bound
    if level == "HttpServer" and isinstance(adapter, HttpServer):
        ready["facts"] = adapter.http_facts(style).as_dict()
    return ready
