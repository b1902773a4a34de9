"""veloxloop: asyncio's API in Rust on io_uring, used mostly for readiness and seldom for completed reads.

**Waiting.** One io_uring of 256 entries on Linux, for readiness. Each watched descriptor is a poll operation
(IORING_OP_POLL_ADD) that is made anew after each event, so one `io_uring_enter` a turn does what `epoll_wait` and
`epoll_ctl` do elsewhere. Without a timer a wait ends after 10 ms: an idle process wakes some hundred times a second.

**Reading.** A stream that is ready is read by recvfrom(2), once a turn, for `data_received`. `sock_recv` tries at once,
and otherwise submits a receive to the ring.

**Writing.** `transport.write` calls sendto(2) at once and keeps what the kernel did not take. `sock_sendall` tries at
once as well.

**Timers.** Timers are kept in Rust, and their callbacks run before those of `call_soon`. They fire 0.03 to 0.2 ms late.
An infinite delay calls at once. A timer that is due in the same turn as a callback that cancels it is called all the
same.

**Waking.** `call_soon_threadsafe` writes an eventfd.

**Signals.** `add_signal_handler` raises NotImplementedError. Python's own handlers run between turns.

**Closing.** `sock_accept` returns a duplicate descriptor and keeps the first open: when the program closes the
connection, the peer sees no end. A closed loop keeps its io_uring and its eventfd open.

**Limits.** `create_server(sock=…)` takes the listener and accepts no connection from it; `create_server(host, port)`
serves. The suite gives each server its listener, so there are no styles `protocol` and `streams`.
`create_server(ssl=…)` takes a context and serves without encryption. `create_datagram_endpoint(sock=…)` opens another
socket. 256 receives may begin in one turn; one more is refused ("SQ full"). An exception in a timer's callback is lost,
and one in a reader's callback ends `run_forever`. `set_default_executor` has no effect. There are no unix sockets, no
child processes and no `sock_recvfrom`. All of this is veloxloop 0.2.0, on Linux.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import veloxloop

from crossloop.api import AdapterAbout
from crossloop.idioms.foreign_loop import ForeignLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="veloxloop",
    summary="asyncio's API in Rust on io_uring; much of the API is missing, such as servers on a given listener.",
    requires=("veloxloop>=0.2",),
    platforms=("linux", "darwin", "win32"),
    elsewhere="veloxloop publishes no wheel for the BSDs",
    homepage="https://github.com/DVNghiem/Veloxloop",
    asked_as="asyncio",
    loop="veloxloop:new_event_loop",
)
KEPT_FREE = 8
"""Entries of the ring that are not for connections: listener, stop, eventfd, timeout, and some to spare."""


def ring_entries() -> int | None:
    """Submissions that the smallest io_uring of this process takes at once, as the kernel says; None without one."""
    sizes = []
    for entry in Path("/proc/self/fdinfo").glob("*"):
        try:
            lines = entry.read_text().splitlines()
        except OSError:  # the descriptor of the listing itself is gone by now
            continue
        sizes += [int(line.split()[1], 16) + 1 for line in lines if line.startswith("SqMask:")]
    return min(sizes, default=None)


class Adapter(ForeignLoop):
    """asyncio's API on veloxloop."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {**ForeignLoop.styles, "StreamServer": ("sockets",)}
    lacks: ClassVar[Mapping[str, str]] = {
        "TlsServer": "create_server of veloxloop 0.2.0 takes `ssl` and serves without encryption",
        "PushServer": "create_server(sock=…) of veloxloop 0.2.0 accepts no connection from the given listener",
        "HttpServer": "create_server(sock=…) of veloxloop 0.2.0 accepts no connection from the given listener",
        "Datagrams": "create_datagram_endpoint of veloxloop 0.2.0 ignores `sock`; it has no sock_recvfrom",
        "Signals": "add_signal_handler of veloxloop 0.2.0 raises NotImplementedError",
        "ChildProcesses": "subprocess_exec of veloxloop 0.2.0 raises NotImplementedError",
        "NameResolution": "run_in_executor of veloxloop 0.2.0 ignores set_default_executor, so the C library's "
        "resolver cannot be pointed at another server",
    }

    def __init__(self) -> None:
        super().__init__(veloxloop)

    def most_connections(self) -> tuple[int, str] | None:
        entries = ring_entries()
        if entries is None:
            return None
        return (
            entries - KEPT_FREE,
            f"a receive that waits is an entry of veloxloop's io_uring until the turn's end, and it has {entries}",
        )
