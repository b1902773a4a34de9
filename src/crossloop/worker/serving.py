"""A worker that serves a stream scenario: the listener, the stop signal, and the adapter's own server."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from crossloop.api.errors import UnsupportedError
from crossloop.api.levels import Adapter, StreamServer, styles_of
from crossloop.api.streams import StreamApplication
from crossloop.worker.channel import stop_pair

BACKLOG = max(4096, socket.SOMAXCONN)
"""Length of the accept queue asked for; the kernel cuts it to its own limit (listen(2), somaxconn).

Windows takes any number above 200 for 200, save SOMAXCONN, which there is no length but a word for the
longest ("listen function (winsock2.h)"). The headers of other systems have the number of long ago, 128."""


def open_listener(host: str, port: int) -> socket.socket:
    """A listening, non-blocking TCP socket with TCP_NODELAY, the same for all adapters.

    On Linux accepted sockets inherit TCP_NODELAY, so that no adapter waits for a delayed acknowledgement
    and none pays a system call per connection. On Windows SO_EXCLUSIVEADDRUSE keeps others off the port.
    Raises OSError.
    """
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "nt":
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


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


def serve(
    adapter: Adapter,
    application: StreamApplication,
    style: str,
    listener: socket.socket,
    announce: Callable[[dict[str, Any]], object],
    on_end: Callable[[Callable[[], None]], object],
) -> None:
    """Serve until told to stop. *announce* gets host, port, pid and the adapter's own bound on connections,
    if it has one; *on_end* gets what to call to stop.

    Raises UnsupportedError for a style that the adapter does not have, and what the adapter raises.
    """
    if not isinstance(adapter, StreamServer):
        raise UnsupportedError(f"{type(adapter).__module__} offers no StreamServer")
    styles = styles_of(type(adapter))["StreamServer"]
    if style not in styles:
        raise UnsupportedError(f"style {style!r} is not one of {', '.join(styles)}")
    readable, writing = stop_pair()
    with listener, readable, writing:
        on_end(lambda: tell(writing))
        arrange_stop(writing)
        host, port = listener.getsockname()[:2]
        ready: dict[str, Any] = {"ready": True, "host": host, "port": port, "pid": os.getpid()}
        bound = adapter.most_connections()
        if bound is not None:
            ready["most_connections"] = bound
        announce(ready)
        try:
            adapter.serve_streams(listener, application, style, readable)
        finally:
            signal.set_wakeup_fd(-1)
