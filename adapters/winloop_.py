"""winloop: uvloop carried over to Windows, asyncio's API on libuv over I/O completion ports.

libuv's streams are overlapped receives and sends on IOCP, in Cython transports as uvloop's. Descriptors
that Python owns are watched through the AFD driver (`uv_poll_t`), sockets only: a pipe as reader is refused
with error 10038. So, unlike asyncio's Proactor, it has `add_reader`. Timers have the resolution of libuv's
clock, one millisecond. `add_signal_handler` is accepted, unix sockets are not.
"""

import winloop

from crossloop.api import AdapterAbout
from crossloop.idioms.libuv import LibuvLoop

ABOUT = AdapterAbout(
    family="libuv",
    library="libuv",
    binding="winloop",
    summary="uvloop's port to Windows: asyncio's API on libuv over I/O completion ports.",
    requires=('winloop>=0.1.6; sys_platform == "win32"',),
    platforms=("win32",),
    elsewhere="winloop is uvloop's port to Windows; here uvloop itself is measured",
    homepage="https://github.com/Vizonex/Winloop",
    asked_as="asyncio",
    loop="winloop:new_event_loop",
)


class Adapter(LibuvLoop):
    """asyncio's API on winloop's libuv."""

    def __init__(self) -> None:
        super().__init__(winloop)
