"""tornado: the framework that brought non-blocking servers to Python, today a layer over asyncio.

Its `IOLoop` wraps the loop that asyncio has by default on the platform. Its `IOStream` does the buffering in Python on
bare readiness. The distance between this row and `asyncio` is the cost of that layer; `crossloop.idioms.tornado_` has
an essay on it.

**Waiting.** As `asyncio`: epoll on Linux, kqueue on macOS and the BSDs; on Windows a thread selects beside the
Proactor. tornado adds that thread because the Proactor has no `add_reader`.

**Reading.** `IOStream` calls `recv_into` for up to 64 KiB until it has what was asked for. Each call fills a new
`bytearray`, which is copied to the stream's buffer. TLS is not a protocol between transport and program, as asyncio's
is, but the socket wrapped by `ssl`: OpenSSL makes the system calls, and `SSLIOStream` waits until the socket is
readable or writable. Datagrams have no class in tornado; a handler on the socket is the documented way.

**Writing.** `IOStream.write` takes all data, sends what the kernel takes at once, and keeps the rest. Awaited, it waits
until all is sent, which is the backpressure of the server here.

**Timers.** As `asyncio`, through one more frame of Python: `IOLoop.call_later`. `PeriodicCallback` starts a coroutine
at each tick; it keeps its phase and skips missed ticks.

**Waking.** `IOLoop.add_callback`, which is asyncio's `call_soon_threadsafe`: a byte to a socket pair.

**Signals.** As `asyncio`: `add_signal_handler` of the loop below. `IOLoop.add_callback_from_signal` is deprecated since
6.4.

**Closing.** `IOStream.close` drops unsent data; `TCPServer.stop` closes the listener only. At a peer's close_notify
`SSLIOStream` closes the socket without sending its own.

**Limits.** Out of descriptors, an accept raises in a handler that stays registered: the loop would spin. Here the
listener is unregistered for a second, as asyncio does by itself. On Windows a socket beyond FD_SETSIZE ends the
selector thread, so the server closes further connections.
"""

import asyncio

from crossloop.api import AdapterAbout, Facts
from crossloop.idioms.asyncio_ import selector_mechanism
from crossloop.idioms.tornado_ import TornadoLoop

ABOUT = AdapterAbout(
    family="tornado",
    library="none",
    binding="tornado",
    summary="tornado's IOLoop and IOStream over the standard library's loop.",
    requires=("tornado>=6.4",),
    homepage="https://www.tornadoweb.org/",
    asked_as="tornado",
    loop="asyncio:new_event_loop",
)


class Adapter(TornadoLoop):
    """tornado's API on asyncio's default loop."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())

    def facts(self) -> Facts:
        return self.facts_on("none", "", selector_mechanism(self.loop))
