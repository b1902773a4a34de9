"""Bufferevents: libevent reads and writes a socket by itself and calls back about data.

A read asks the kernel how much there is (`ioctl` FIONREAD), then `readv`s it into a chain of buffers; data
that is written waits in another chain until the socket's write event says that it can go.
"""

from collections.abc import Callable
from typing import Any

from crossloop.bindings.libevent.base import EventBase
from crossloop.bindings.libevent.errors import LibeventError

# event2/bufferevent.h, "BEV_EVENT_*".
EVENT_EOF = 0x10
EVENT_ERROR = 0x20

_SCRATCH_BYTES = 65536


class BufferEvent:
    """A buffered, non-blocking stream socket (`bufferevent_socket_new`); nothing is enabled yet.

    `on_read()`: the input buffer holds data. `on_event(what)`: end of file or an error, a combination of
    `EVENT_*`; what was enabled in that direction is disabled.
    `call_when_drained` sets the third.

    The descriptor stays the caller's, to be closed after `close`. Until `close` libevent may call back, and
    the object lives. Raises `LibeventError` where libevent cannot make one.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_functions",
        "_key",
        "_lib",
        "_output",
        "_pointer",
        "_scratch",
        "on_drained",
        "on_event",
        "on_read",
    )

    def __init__(
        self,
        base: EventBase,
        fd: int,
        on_read: Callable[[], object],
        on_event: Callable[[int], object],
    ) -> None:
        library = base.library
        self.on_read = on_read
        self.on_drained: Callable[[], object] | None = None
        self.on_event = on_event
        self._base = base
        self._lib = library.lib
        self._key = base.next_key()
        self._functions = base.c_functions.get(BufferEvent) or _make_functions(base)
        self._scratch = self._functions[-1]
        self._pointer = self._lib.bufferevent_socket_new(base.opened(), fd, 0)
        if self._pointer == library.ffi.NULL:
            raise library.error("bufferevent_socket_new")
        self._output = self._lib.bufferevent_get_output(self._pointer)
        # As much in one go as the scratch takes; libevent's own limit is 16 KiB.
        self._lib.bufferevent_set_max_single_read(self._pointer, _SCRATCH_BYTES)
        base.live[self._key] = self
        base.attachments[self] = None
        self.call_when_drained(None)

    def call_when_drained(self, callback: Callable[[], object] | None) -> None:
        """Have *callback* called whenever the output buffer has drained.

        None, as at the start: libevent calls nothing, and an answer that goes out at once costs no callback.
        """
        self.on_drained = callback
        read, write, event, _scratch = self._functions
        drained = self._base.library.ffi.NULL if callback is None else write
        self._lib.bufferevent_setcb(self._open_pointer(), read, drained, event, self._key)

    def enable(self, what: int) -> None:
        """Let libevent read (`READ`) or write (`WRITE`, enabled from the start) from now on."""
        if self._lib.bufferevent_enable(self._open_pointer(), what):
            raise self._base.library.error("bufferevent_enable")

    def disable(self, what: int) -> None:
        """The reverse; with reading disabled, the kernel's buffer fills and the peer has to wait."""
        if self._lib.bufferevent_disable(self._open_pointer(), what):
            raise self._base.library.error("bufferevent_disable")

    def read(self) -> bytes:
        """Take what has arrived, at most 64 KiB; empty if nothing is there."""
        size = self._lib.bufferevent_read(self._open_pointer(), self._scratch, _SCRATCH_BYTES)
        return bytes(self._base.library.ffi.buffer(self._scratch, size))

    def write(self, data: bytes) -> None:
        """Copy *data* to the output buffer, without limit: look at `unsent_bytes`."""
        if self._lib.bufferevent_write(self._open_pointer(), data, len(data)):
            raise self._base.library.error("bufferevent_write")

    @property
    def unsent_bytes(self) -> int:
        """Bytes in the output buffer that the kernel has not taken yet."""
        self._open_pointer()
        return int(self._lib.evbuffer_get_length(self._output))

    @property
    def closed(self) -> bool:
        return self._pointer is None

    def _open_pointer(self) -> Any:
        if self._pointer is None:
            raise LibeventError("bufferevent", "this BufferEvent is closed")
        return self._pointer

    def after_fork(self) -> None:
        """Nothing is to be done: its events were made anew with the others, its socket is the caller's."""

    def close(self) -> None:
        """Drop the buffers, call back no more; before the socket is closed. Also from its own callbacks."""
        if self._pointer is None:
            return
        pointer, self._pointer = self._pointer, None
        self._lib.bufferevent_free(pointer)
        self._base.live.pop(self._key, None)
        self._base.attachments.pop(self, None)


def _make_functions(base: EventBase) -> tuple[Any, ...]:
    """What libevent calls for the bufferevents of *base*, and room to read into."""
    live = base.live

    def read(_pointer: Any, key: int) -> None:
        buffered = live[key]
        buffered.on_read()

    def write(_pointer: Any, key: int) -> None:
        buffered = live[key]
        buffered.on_drained()

    def event(_pointer: Any, what: int, key: int) -> None:
        buffered = live[key]
        buffered.on_event(what)

    functions = (
        base.c_callback("bufferevent_data_callback", read),
        base.c_callback("bufferevent_data_callback", write),
        base.c_callback("bufferevent_event_callback", event),
        base.library.ffi.new("char[]", _SCRATCH_BYTES),
    )
    base.c_functions[BufferEvent] = functions
    return functions
