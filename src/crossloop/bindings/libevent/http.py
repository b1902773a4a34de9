"""evhttp: libevent's own HTTP server (`event2/http.h`). It parses requests and writes answers in C, on bufferevents.

    with EventBase() as base, contextlib.closing(HttpServer(base, on_request)) as server:
        server.accept(listener)
        base.run()

It is in `libevent_extra`, a library of its own beside the core; `load_http` finds it. An exception of `on_request`
comes out of the method that runs the loop, as from any callback; its request then has no answer until the server is
closed.
"""

import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossloop.api.facts import mapped_files
from crossloop.bindings.libevent import locate
from crossloop.bindings.libevent.base import EventBase
from crossloop.bindings.libevent.errors import LibeventError, LibraryNotFoundError
from crossloop.bindings.libevent.events import READ
from crossloop.bindings.libevent.library import Library, load

PARSER = "evhttp_parse_firstline_"
"""The function that begins to read a request (http.c)."""
_HEAD = 1 << 2
"""event2/http.h: enum evhttp_cmd_type."""
_UNREAD_BYTES = 64 * 1024
"""What a connection may have read ahead."""
_HEAD_BYTES = _UNREAD_BYTES // 2
"""The longest head of a request: a head that does not fit into what is read ahead would wait for its end for ever."""


@dataclass(frozen=True)
class HttpLibrary:
    """The functions of evhttp in this process."""

    lib: Any
    file: str
    """Name of the file that they are in, as far as it can be seen; else what was given to the loader."""


_loading = threading.Lock()
_loaded: list[HttpLibrary] = []


def load_http() -> HttpLibrary:
    """evhttp, loaded at the first call, on the core that `load` gives.

    Raises `LibraryNotFoundError` where there is no libevent, or none with evhttp.
    """
    with _loading:
        if not _loaded:
            _loaded.append(_load(load()))
    return _loaded[0]


def _load(core: Library) -> HttpLibrary:
    if _has_server(core, core.lib):  # one library that is core and extra
        return HttpLibrary(core.lib, Path(core.path).name)
    tried = []
    for name in locate.extra_candidates(core.name):
        try:
            lib = core.ffi.dlopen(name)
        except OSError as error:
            tried.append(f"{name!r}: {error}")
            continue
        if not _has_server(core, lib):
            tried.append(f"{name!r}: no evhttp in it")
        elif sys.platform != "win32" and _address(core, lib) != _address(core, core.lib):
            tried.append(f"{name!r}: it is linked with another libevent_core than {core.name!r}")
        else:
            return HttpLibrary(lib, _file(name))
    raise LibraryNotFoundError(
        f"no evhttp beside {core.name!r} (tried {'; '.join(tried)}). Next: crossloop setup libevent",
        "libevent_extra",
    )


def _has_server(core: Library, lib: Any) -> bool:
    try:
        return bool(lib.evhttp_new)
    except (AttributeError, core.ffi.error):
        return False


def _address(core: Library, lib: Any) -> int:
    """Where the core is that *lib* calls: two cores in a process do not know each other's bases.

    Windows finds nothing in a library but its own functions; there one name is one library.
    """
    return int(core.ffi.cast("uintptr_t", core.ffi.addressof(lib, "event_base_loop")))


def _file(name: str) -> str:
    return next((path.name for path in mapped_files() if "event_extra" in path.name), Path(name).name)


class HttpRequest:
    """One request that was read whole, while its callback runs. It is to be answered there, by `reply` or in pieces."""

    __slots__ = ("_lib", "_pointer", "_server")

    def __init__(self, server: "HttpServer", pointer: Any) -> None:
        self._server = server
        self._lib = server.library
        self._pointer = pointer

    @property
    def path(self) -> bytes:
        """The path of its target, as it was sent: without a query, and with its escapes."""
        uri = self._lib.evhttp_request_get_evhttp_uri(self._pointer)
        return bytes(self._server.text(self._lib.evhttp_uri_get_path(uri)))

    @property
    def is_head(self) -> bool:
        """Whether it is a HEAD, whose answer has no body (RFC 9110, 9.3.2): evhttp leaves that to the program."""
        return bool(self._lib.evhttp_request_get_command(self._pointer) == _HEAD)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a field to the answer. evhttp adds the date, and the length of a body that it has whole."""
        headers = self._lib.evhttp_request_get_output_headers(self._pointer)
        if self._lib.evhttp_add_header(headers, name, value):
            raise LibeventError("evhttp_add_header", f"{name!r}: {value!r} is no field of HTTP")

    def reply(self, status: int, reason: bytes, body: bytes = b"") -> None:
        """Answer with a whole body."""
        if body:
            output = self._lib.evhttp_request_get_output_buffer(self._pointer)
            self._server.fill(output, body)
        self._lib.evhttp_send_reply(self._pointer, status, reason, self._server.null)

    def begin_reply(self, status: int, reason: bytes) -> None:
        """Begin an answer whose body comes in pieces: HTTP/1.1 sends it in chunks."""
        self._lib.evhttp_send_reply_start(self._pointer, status, reason)

    def send_piece(self, piece: bytes) -> None:
        """Send a piece of the body."""
        scratch = self._server.scratch
        self._server.fill(scratch, piece)
        self._lib.evhttp_send_reply_chunk(self._pointer, scratch)

    def end_reply(self) -> None:
        """The body is complete."""
        self._lib.evhttp_send_reply_end(self._pointer)


class HttpServer:
    """An HTTP server on *base* (`evhttp_new`), which calls `on_request(request)` for each request of its connections.

    evhttp reads on while an answer waits to be sent, without a bound. So each connection has a watermark here, of
    64 KiB, and no head of a request may be longer than half of that; else all is as libevent has it. A connection on
    which nothing happens is closed after 50 s.

    Raises `LibraryNotFoundError` without evhttp, and `LibeventError` where libevent cannot make one.
    """

    def __init__(self, base: EventBase, on_request: Callable[[HttpRequest], object]) -> None:
        self.library = lib = load_http().lib
        self._base = base
        self._core = base.library.lib
        self._add = self._core.evbuffer_add
        self.null = base.null
        self.text = base.library.ffi.string
        self._pointer = lib.evhttp_new(base.opened())
        if self._pointer == base.null:
            raise base.library.error("evhttp_new")
        self.scratch = self._core.evbuffer_new()
        """Empty between two calls: what a piece is put into on its way to its answer."""

        def answer(pointer: Any, _key: int) -> None:
            on_request(HttpRequest(self, pointer))

        self._functions = (
            base.c_callback("evhttp_callback", answer),
            base.c_callback("evhttp_bufferevent_callback", self._make_buffered),
        )
        lib.evhttp_set_gencb(self._pointer, self._functions[0], 0)
        lib.evhttp_set_bevcb(self._pointer, self._functions[1], 0)
        lib.evhttp_set_max_headers_size(self._pointer, _HEAD_BYTES)
        base.attachments[self] = None

    def _make_buffered(self, base: Any, _key: int) -> Any:
        """What a new connection reads and writes by; evhttp sets its descriptor, and frees it."""
        lib = self._core
        buffered = lib.bufferevent_socket_new(self._base.pointer, -1, 0)
        if buffered != self.null:
            lib.bufferevent_setwatermark(buffered, READ, 0, _UNREAD_BYTES)
        return buffered

    def accept(self, listener: socket.socket) -> None:
        """Accept from a duplicate of *listener*, which is listening and non-blocking, until `close`."""
        if self._pointer is None:
            raise LibeventError("evhttp_accept_socket", "this server is closed")
        duplicate = listener.dup()
        if self.library.evhttp_accept_socket(self._pointer, duplicate.fileno()):
            duplicate.close()
            raise self._base.library.error("evhttp_accept_socket")
        duplicate.detach()  # it is evhttp's now

    def fill(self, buffer: Any, data: bytes) -> None:
        """Append *data* to an `evbuffer *`. Raises `LibeventError` out of memory."""
        if self._add(buffer, data, len(data)):
            raise self._base.library.error("evbuffer_add")

    def after_fork(self) -> None:
        """Nothing is to be done: its events were made anew with the others."""

    def close(self) -> None:
        """End every connection and the accepting; what was not sent is dropped. Not from within `on_request`."""
        if self._pointer is None:
            return
        pointer, self._pointer = self._pointer, None
        self.library.evhttp_free(pointer)
        self._core.evbuffer_free(self.scratch)
        self._base.attachments.pop(self, None)
