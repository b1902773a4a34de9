"""asyncio on completion ports: the Proactor, which is asyncio's default on Windows.

This adapter stays what it is if the platform's default changes, and is named on every platform, with the reason why it
is not there.

**Waiting.** Completion ports on Windows: an operation is started and its completion awaited (see `iocp`). The other
loops wait until an operation would not block. Streams and sockets hide the difference; `add_reader` cannot, and is not
there.

**Reading.** A transport has a receive of 64 KiB under way as long as it reads. So the memory of an idle connection is
its buffer.

**Writing.** A transport has one send under way; what comes meanwhile goes into the next one, joined.

**Timers.** As `asyncio`: a heap in Python, of which the nearest is the timeout of the wait.

**Waking.** As `asyncio`: a byte to a socket pair, of which a receive is always under way.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`); there is no `add_signal_handler`.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it; a receive that is under way is cancelled.

**Limits.** No `add_reader`; nothing is limited to FD_SETSIZE sockets. In return subprocesses and pipes work, which no
selector of Windows can watch. A peer that resets between its handshake and the accept (WinError 64) makes the loop
close the listener (cpython 93821, open).
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
