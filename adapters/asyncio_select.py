"""asyncio on select(2): the oldest mechanism, on every platform, and the readiness loop of Windows.

Except for the selector all is as in `asyncio`.

**Waiting.** select(2) on every platform; every call passes the whole interest. Each wait passes three whole sets to the
kernel, which looks at every descriptor in them and overwrites the sets. The cost grows with the number of watched
descriptors, not of ready ones.

**Reading.** As `asyncio`: the transport calls `recv` for up to 256 KiB, once for each report.

**Writing.** As `asyncio`: `transport.write` sends at once and keeps what the kernel did not take.

**Timers.** As `asyncio`: a heap in Python; the nearest timer is the timeout of the wait.

**Waking.** As `asyncio`: a byte to a socket pair.

**Signals.** As `asyncio`: a byte to the same socket pair; on Windows there is no `add_signal_handler`.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it.

**Limits.** FD_SETSIZE: descriptors numbered up to 1023, and on Windows 512 sockets. The set is an array of bits of a
fixed size: 1024 on Linux and macOS, where it bounds the *number* of a descriptor, and 512 in CPython on Windows, where
it bounds how many sockets are watched. Beyond it `select.select` raises ValueError inside the loop, which ends the
loop. So the selector here refuses the descriptor when it is registered. In the style `sockets` that is done for each
message, so the check only compares two numbers.
"""

import asyncio
import selectors
import sys
from typing import Any

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop
from crossloop.idioms.select_size import places_left, set_size

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="asyncio",
    summary="The standard library's loop on select: everywhere, for up to about a thousand descriptors.",
    homepage="https://docs.python.org/3/library/asyncio-platforms.html",
    asked_as="asyncio",
    loop="adapters.asyncio_select:new_loop",
)


class Adapter(StandardLoop):
    """asyncio's API on a SelectorEventLoop over select."""

    def __init__(self) -> None:
        self._selector = SelectSelector(set_size(), counted=sys.platform == "win32")
        super().__init__(asyncio.SelectorEventLoop(self._selector))

    def most_connections(self) -> tuple[int, str]:
        # asyncio watches its own socket pair already; the listener and the one that ends it come on top.
        return places_left(self._selector.limit, len(self._selector.get_map()) + 2)


class SelectSelector(selectors.SelectSelector):
    """The standard library's, with its limit known: `UnsupportedError` for what lies beyond it.

    *counted*: the limit bounds how many are watched (an array of handles), not their numbers (bits of an array).
    """

    def __init__(self, limit: int, *, counted: bool) -> None:
        super().__init__()
        self.limit = limit
        self.counted = counted

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        # Compared, not tried: `sock_recv` registers anew each time that it has to wait.
        key = selectors.SelectSelector.register(self, fileobj, events, data)
        if (len(self.get_map()) if self.counted else key.fd + 1) > self.limit:
            self.unregister(fileobj)
            trouble = "so many are watched already" if self.counted else "its number is too high"
            raise UnsupportedError(
                f"select cannot watch descriptor {key.fd}: FD_SETSIZE is {self.limit} and {trouble}"
            )
        return key


def new_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop on select, as it is without the limit above."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
