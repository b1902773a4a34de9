"""winloop: uvloop ported to Windows; asyncio's API on libuv over I/O completion ports.

`crossloop.idioms.asyncio_` has the use of the API, `crossloop.idioms.asyncio_streams` the servers, and
`crossloop.idioms.libuv` what differs with libuv.

**Waiting.** Completion ports on Windows, in libuv. Descriptors that Python owns are watched through the AFD driver
(`uv_poll_t`), sockets only. So, unlike asyncio's Proactor, it has `add_reader`.

**Reading.** libuv's streams are overlapped receives, in Cython transports as uvloop's.

**Writing.** libuv's streams are overlapped sends, in Cython transports as uvloop's.

**Timers.** As `uvloop`: `uv_timer_t` in a heap in C, with the resolution of libuv's clock, one millisecond.

**Waking.** As `uvloop`: `uv_async_send`, by `call_soon_threadsafe`.

**Signals.** `add_signal_handler` is accepted; asyncio's loops on Windows refuse it.

**Closing.** As `uvloop`: `close` sends what is left, `abort` drops it.

**Limits.** No unix sockets; and a pipe as reader is refused with error 10038.
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
