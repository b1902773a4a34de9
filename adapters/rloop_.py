"""rloop: asyncio's API in Rust, on mio. Only tasks and futures are asyncio's own.

**Waiting.** mio's epoll on Linux and kqueue on macOS, edge-triggered. A connection is registered once, for reading and
writing, and no message changes that. strace shows one `epoll_ctl` a connection, as with asyncio.

**Reading.** A stream is read into one buffer of 256 KiB until the kernel has no more, so each message has a second
`recvfrom` without data. The loop then makes a `bytes` of 256 KiB and shrinks it: glibc maps and unmaps memory for it,
as it may for asyncio. `sock_recv` tries at once, and otherwise the loop receives.

**Writing.** `transport.write` inside `data_received` goes out after the callback, by write(2); unsent data waits in the
transport.

**Timers.** A heap of microseconds; the wait below is epoll_wait's, in milliseconds rounded up, so a timer is up to
1 ms late. `call_later` with an infinite delay calls at once, and one with no delay is a `call_soon`.

**Waking.** `call_soon_threadsafe` writes an eventfd, which mio calls a waker.

**Signals.** `signal.set_wakeup_fd` and a socket pair, as in asyncio. `remove_signal_handler` raises AttributeError: it
calls a method that the class does not have.

**Closing.** A closed or aborted transport tells its protocol, and keeps its socket open: the peer sees no end. A closed
server keeps its listener open, a datagram endpoint its socket, a loop its epoll.

**Limits.** No TLS and no unix sockets (NotImplementedError); no `sock_recvfrom`, hence no style `sockets` of datagrams;
no `connect_accepted_socket` and no `sendfile`. An exception in a protocol's `data_received` is lost. The exception
handler is called without the loop, asyncio's first argument; the adapter accepts both forms. All of this is rloop
0.5.0, on Linux.
"""

from asyncio import AbstractEventLoop
from collections.abc import Mapping
from typing import Any, ClassVar

import rloop

from crossloop.api import AdapterAbout
from crossloop.idioms.foreign_loop import ForeignLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="rloop",
    summary="asyncio's API in Rust on mio's edge-triggered epoll; TCP and UDP, no TLS; unfinished, as its README says.",
    requires=("rloop>=0.5",),
    platforms=("linux", "darwin", "bsd"),
    elsewhere="rloop is for Unix systems only; winloop is a faster loop on Windows",
    homepage="https://github.com/gi0baro/rloop",
    asked_as="asyncio",
    loop="rloop:new_event_loop",
)


class Adapter(ForeignLoop):
    """asyncio's API on rloop."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {**ForeignLoop.styles, "Datagrams": ("protocol",)}
    lacks: ClassVar[Mapping[str, str]] = {
        "TlsServer": "create_server of rloop 0.5.0 raises NotImplementedError for `ssl`",
        "Signals": "remove_signal_handler of rloop 0.5.0 raises AttributeError, so a handler cannot be removed",
    }

    def __init__(self) -> None:
        super().__init__(rloop)

    def _report(self, *said: Any) -> None:
        """rloop calls the exception handler with the context alone."""
        loop: AbstractEventLoop = self.loop
        super()._report(loop, said[-1])
