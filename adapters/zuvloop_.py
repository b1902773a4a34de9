"""zuvloop: asyncio's API on libuv, in Zig; steps that run once a connection are Python.

It is for Python 3.14 and later, and uses asyncio's tasks unchanged. `crossloop.idioms.libuv` has what differs with
libuv.

**Waiting.** epoll on Linux, kqueue on macOS, in libuv, level-triggered. The interpreter's lock is released for the
whole of `uv_run`, and each callback takes it. libuv also opens an io_uring, for batches of epoll_ctl. Names run in
libuv's four threads.

**Reading.** read(2) of 16 KiB into a buffer of the loop's, doubled for a peer that fills it. The data is copied into a
`bytes` of the exact length; from 64 KiB on libuv reads into the object that the program gets. Connections are accepted
in Python.

**Writing.** `transport.write` keeps data until the end of the turn, and all data of a turn goes out by one write(2) or
writev(2). uvloop and asyncio call the kernel at once.

**Timers.** A heap of the loop's own behind one `uv_timer_t`, with libuv's clock of one millisecond. They fire up to 2
ms late.

**Waking.** `uv_async_send`, by `call_soon_threadsafe`: an eventfd on Linux.

**Signals.** Each writes to a socket pair (`signal.set_wakeup_fd`), so that Python's handlers run between turns.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it. A closed loop holds nothing.

**Limits.** A `sock_recv` that has to wait makes a libuv watcher and drops it afterwards: four calls of epoll_ctl and
one of io_uring_enter a message. A handle of `call_soon` is no instance of `asyncio.Handle`. All of this is zuvloop
0.0.17 with libuv 1.51, on Linux and CPython 3.14.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import ClassVar

import zuvloop

from crossloop.api import AdapterAbout, Facts, module_file
from crossloop.idioms.asyncio_datagrams import DATAGRAM_SERVERS
from crossloop.idioms.libuv import LibuvLoop, mechanism

ABOUT = AdapterAbout(
    family="libuv",
    library="libuv",
    binding="zuvloop",
    summary="asyncio's API on libuv, in Zig: newer than uvloop, for Python 3.14 and later.",
    requires=("zuvloop>=0.0.17",),
    platforms=("linux", "darwin", "win32"),
    elsewhere="zuvloop publishes no wheel for the BSDs",
    homepage="https://github.com/Kludex/zuvloop",
    asked_as="asyncio",
    loop="zuvloop:new_event_loop",
)


class Adapter(LibuvLoop):
    """asyncio's API on zuvloop's libuv."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **LibuvLoop.styles,
        "Datagrams": tuple(DATAGRAM_SERVERS),
    }

    def __init__(self) -> None:
        super().__init__(zuvloop)

    def facts(self) -> Facts:
        return Facts(
            binding="zuvloop",
            binding_version=version("zuvloop"),
            library="libuv",
            library_version=zuvloop.libuv_version(),
            mechanism=mechanism(),
            loaded_from=module_file(zuvloop._zuvloop),
        )
