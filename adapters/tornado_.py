"""tornado: the framework that brought non-blocking servers to Python, today a layer over asyncio.

Its `IOLoop` wraps the loop that asyncio has by default on the platform. Its `IOStream` does the buffering in Python on
bare readiness. What that layer costs is the distance between this row and `asyncio`; the essay on what it does is in
`crossloop.idioms.tornado_`.

**Waiting.** As `asyncio`: epoll on Linux, kqueue on macOS and the BSDs; on Windows a thread selects beside the
Proactor. tornado adds that thread since the Proactor has no `add_reader`.

**Reading.** `IOStream` calls `recv_into` for up to 64 KiB until it has what was asked for. Each goes into a new
`bytearray`, and from there to the stream's buffer. TLS is no protocol between transport and program, as asyncio's is,
but the socket itself, wrapped by `ssl`: OpenSSL makes the system calls, and `SSLIOStream` waits for what it wants next.
Datagrams have no class in tornado; a handler on the socket is the documented way.

**Writing.** `IOStream.write` takes all that it is given, sends what goes at once and keeps the rest. Awaited, it waits
until all is sent, which is the backpressure of the server here.

**Timers.** As `asyncio`, through one more frame of Python: `IOLoop.call_later`. `PeriodicCallback` starts a coroutine
at each tick; it keeps its phase and leaves out ticks that were missed.

**Waking.** `IOLoop.add_callback`, which is asyncio's `call_soon_threadsafe`: a byte to a socket pair.

**Signals.** As `asyncio`: `add_signal_handler` of the loop below. `IOLoop.add_callback_from_signal` is deprecated since
6.4.

**Closing.** `IOStream.close` drops what was not sent; `TCPServer.stop` closes the listener alone. At a peer's
close_notify it closes the socket without one of its own.

**Limits.** Out of descriptors, an accept raises in a handler that stays registered: the loop would spin. Here the
listener is taken out for a second, as asyncio does by itself. On Windows a socket more than FD_SETSIZE ends the thread
that selects, so what comes beyond is closed.
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
