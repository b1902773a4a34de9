"""asyncio on completion ports: the Proactor, which is asyncio's default on Windows.

Here an operation is started and its completion awaited (see `iocp`), where the other loops wait until one would not
block. Streams and sockets hide the difference; `add_reader` cannot, and is not there. In return subprocesses and
pipes work, which no selector of Windows can watch, and nothing is limited to FD_SETSIZE sockets.

A transport has a receive of 64 KiB under way as long as it reads, so the memory of an idle connection is its
buffer. A peer that resets between its handshake and the accept (WinError 64) makes the loop close the
listener (cpython 93821, open). This adapter stays what it is if the platform's default changes, and is named
on every platform, with the reason why it is not there.
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
