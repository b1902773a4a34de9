"""tornado over uvloop: the same IOLoop and IOStream, on libuv's readiness.

tornado takes any asyncio loop. uvloop's transports, where most of its advantage lies, stay idle, because IOStream reads
and writes the socket by itself in Python (`crossloop.idioms.tornado_`).

**Waiting.** As `uvloop`: epoll on Linux, kqueue on macOS and the BSDs, by a `uv_poll_t` for each socket. Of uvloop
tornado uses what serves `add_reader`, `call_later` and `call_soon_threadsafe`: `uv_poll_t`, `uv_timer_t`, `uv_async_t`.

**Reading.** As `tornado`: `IOStream` calls `recv_into` for up to 64 KiB until it has what was asked for.

**Writing.** As `tornado`: `IOStream.write` sends what the kernel takes at once and keeps the rest.

**Timers.** As `uvloop`: `uv_timer_t` in a heap in C, with a clock of one millisecond.

**Waking.** As `uvloop`: `uv_async_send`, by `IOLoop.add_callback`.

**Signals.** As `uvloop`: by `signal.set_wakeup_fd`.

**Closing.** As `tornado`: `IOStream.close` drops unsent data; `TCPServer.stop` closes the listener only.

**Limits.** As `tornado`: out of descriptors the loop would spin, so the listener is unregistered for a second.
"""

from collections.abc import Mapping
from typing import ClassVar

import uvloop

from crossloop.api import AdapterAbout, Facts
from crossloop.idioms.libuv import linked_version, mechanism
from crossloop.idioms.tornado_ import TornadoLoop

ABOUT = AdapterAbout(
    family="tornado",
    library="libuv",
    binding="tornado",
    summary="tornado's IOLoop and IOStream over uvloop: what a faster loop below brings, and what it cannot.",
    requires=("tornado>=6.4", "uvloop>=0.21"),
    platforms=("linux", "darwin", "bsd"),
    elsewhere="uvloop has no build for Windows; tornado runs on asyncio's loop there",
    homepage="https://www.tornadoweb.org/",
    asked_as="tornado",
    loop="uvloop:new_event_loop",
)


class Adapter(TornadoLoop):
    """tornado's API on uvloop's libuv."""

    lacks: ClassVar[Mapping[str, str]] = {
        **TornadoLoop.lacks,
        "ChildProcesses": "tornado learns of children by SIGCHLD, and uvloop allows no other handler for SIGCHLD",
    }

    def __init__(self) -> None:
        super().__init__(uvloop.new_event_loop())

    def facts(self) -> Facts:
        return self.facts_on("libuv", linked_version(uvloop), mechanism())
