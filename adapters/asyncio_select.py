"""asyncio on select(2): the oldest mechanism, on every platform, and the readiness loop of Windows.

Each wait hands three whole sets to the kernel, which looks at every descriptor in them and writes
the sets anew: the cost grows with what is watched, not with what is ready. The set is an array of bits of
a fixed size, FD_SETSIZE: 1024 on Linux and macOS, where it bounds the *number* of a descriptor, and 512 in
CPython on Windows, where it bounds how many sockets are watched. Beyond it `select.select` raises
ValueError out of the loop's heart, which ends the loop; so the selector here refuses the descriptor when it
is registered, which is off the path of messages. Apart from the selector all is as in `asyncio`.
"""

import asyncio
import select
import selectors
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
)


class Adapter(StandardLoop):
    """asyncio's API on a SelectorEventLoop over select."""

    def __init__(self) -> None:
        self._selector = SelectSelector(set_size())
        super().__init__(asyncio.SelectorEventLoop(self._selector))

    def most_connections(self) -> tuple[int, str]:
        # asyncio watches its own socket pair already; the listener and the one that ends it come on top.
        return places_left(self._selector.limit, len(self._selector.get_map()) + 2)


class SelectSelector(selectors.SelectSelector):
    """The standard library's, with its limit known: `UnsupportedError` for what lies beyond it."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        full = len(self.get_map()) > self.limit
        if full or not _selectable(key.fd):
            self.unregister(fileobj)
            trouble = "so many are watched already" if full else "its number is too high"
            raise UnsupportedError(
                f"select cannot watch descriptor {key.fd}: FD_SETSIZE is {self.limit} and {trouble}"
            )
        return key


def _selectable(descriptor: int) -> bool:
    """Whether `select.select` takes *descriptor*."""
    try:
        select.select([descriptor], (), (), 0)
    except ValueError:
        return False
    return True
