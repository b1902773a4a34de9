"""asyncio on select(2): the oldest mechanism, on every platform, and the readiness loop of Windows.

Each wait hands three whole sets to the kernel, which looks at every descriptor in them and writes
the sets anew: the cost grows with what is watched, not with what is ready. The set is an array of bits of
a fixed size, FD_SETSIZE: 1024 on Linux and macOS, where it bounds the *number* of a descriptor, and 512 in
CPython on Windows, where it bounds how many sockets are watched. Beyond it `select.select` raises
ValueError out of the loop's heart, which ends the loop; so the selector here refuses the descriptor when it
is registered. That lies on the path of messages in the style `sockets`: what may be done there is to compare
two numbers. Apart from the selector all is as in `asyncio`.
"""

import asyncio
import select
import selectors
import socket
import sys
from typing import Any

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="asyncio",
    summary="The standard library's loop on select: everywhere, for up to about a thousand descriptors.",
    homepage="https://docs.python.org/3/library/asyncio-platforms.html",
)


class Adapter(StandardLoop):
    """asyncio's API on a SelectorEventLoop over select."""

    def __init__(self) -> None:
        super().__init__(
            asyncio.SelectorEventLoop(SelectSelector(set_size(), counted=sys.platform == "win32"))
        )


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


def set_size() -> int:
    """FD_SETSIZE of this interpreter, asked: the most entries that `select.select` takes in one list."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        taken, refused = 1, 1 << 20
        while refused - taken > 1:
            count = (taken + refused) // 2
            try:
                select.select([ours] * count, (), (), 0)
            except ValueError:
                refused = count
            else:
                taken = count
    return taken
