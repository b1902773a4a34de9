"""asyncio on completion ports: the Proactor, which is asyncio's default on Windows.

This adapter stays the Proactor if the platform's default changes. It is listed on every platform; elsewhere its row has
the reason for being absent.

**Waiting.** Completion ports on Windows: an operation is started and its completion awaited (see `iocp`). Other loops
wait until an operation would not block. Streams and sockets hide the difference; `add_reader` cannot, and does not
exist.

**Reading.** A transport has a pending receive of 64 KiB as long as it reads. So an idle connection holds that buffer.

**Writing.** A transport has one pending send; data written meanwhile is joined into the next one.

**Timers.** As `asyncio`: a heap in Python; the nearest timer is the timeout of the wait.

**Waking.** As `asyncio`: a byte to a socket pair, on which a receive is always pending.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`); there is no `add_signal_handler`.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it; a pending receive is cancelled.

**Limits.** No `add_reader`; nothing is limited to FD_SETSIZE sockets. Subprocesses and pipes work, which no selector of
Windows can watch. A peer that resets between its handshake and the accept (WinError 64) makes the loop close the
listener (cpython 93821, open).
"""

import asyncio
import sys

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="asyncio",
    summary="The standard library's loop on completion ports: Windows' default, without `add_reader`.",
    platforms=("win32",),
    elsewhere="completion ports are part of Windows; asyncio takes epoll or kqueue elsewhere",
    homepage="https://docs.python.org/3/library/asyncio-platforms.html",
    asked_as="asyncio",
    loop="asyncio:ProactorEventLoop",
)


class Adapter(StandardLoop):
    """asyncio's API on a ProactorEventLoop."""

    def __init__(self) -> None:
        if sys.platform != "win32":
            raise UnsupportedError(ABOUT.elsewhere)
        super().__init__(asyncio.ProactorEventLoop())
