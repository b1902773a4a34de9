"""asyncio on poll(2): select without its bound.

Except for the selector all is as in `asyncio`.

**Waiting.** poll(2) on Linux, macOS and the BSDs; every call passes the whole interest. The kernel gets an array with
one entry per descriptor and looks at all entries in every wait, so the cost still grows with the number of watched
descriptors. But the array may have any length, a descriptor any number, and the interest set stays in Python's poll
object between waits. Where epoll and kqueue are missing, this is the best mechanism of POSIX.

**Reading.** As `asyncio`: the transport calls `recv` for up to 256 KiB, once for each report.

**Writing.** As `asyncio`: `transport.write` sends at once and keeps what the kernel did not take.

**Timers.** As `asyncio`: a heap in Python; poll waits in whole milliseconds, rounded up.

**Waking.** As `asyncio`: a byte to a socket pair.

**Signals.** As `asyncio`: a byte to the same socket pair.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it.

**Limits.** The limit of open descriptors; and there is no poll on Windows.
"""

import asyncio
import selectors

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="asyncio",
    summary="The standard library's loop on poll: POSIX's portable mechanism, for any number of descriptors.",
    platforms=("linux", "darwin", "bsd"),
    mechanism="poll",
    elsewhere="Python has no select.poll on Windows; asyncio-select is the readiness loop there",
    homepage="https://docs.python.org/3/library/asyncio-platforms.html",
    asked_as="asyncio",
    loop="adapters.asyncio_poll:new_loop",
)


class Adapter(StandardLoop):
    """asyncio's API on a SelectorEventLoop over poll. Raises `UnsupportedError` without `select.poll`."""

    def __init__(self) -> None:
        super().__init__(new_loop())


def new_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop on poll. Raises `UnsupportedError` without `select.poll`."""
    selector = getattr(selectors, "PollSelector", None)
    if selector is None:
        raise UnsupportedError(ABOUT.elsewhere)
    return asyncio.SelectorEventLoop(selector())
