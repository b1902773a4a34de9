"""tornado: the framework that brought non-blocking servers to Python, today a layer over asyncio.

Its `IOLoop` wraps the loop that asyncio has by default on the platform: epoll on Linux, kqueue on macOS. Its
`IOStream` does the buffering in Python on bare readiness. What that layer costs is the distance between this
row and `asyncio`; the essay on what it does is in `crossloop.idioms.tornado_`. Its TLS is no protocol
between transport and program, as asyncio's is, but the socket itself, wrapped by `ssl`: OpenSSL makes the system calls,
and `SSLIOStream` waits for what it wants next. At a peer's close_notify it closes the socket without one of its own.
Datagrams have no class in tornado; a handler on the socket is the documented way. On Windows tornado adds a
thread with a selector beside the Proactor, since that has no `add_reader`.
"""

import asyncio

from crossloop.api import AdapterAbout, Facts
from crossloop.idioms.asyncio_ import selector_mechanism
from crossloop.idioms.tornado_ import TornadoLoop

ABOUT = AdapterAbout(
    family="tornado",
    library="none",
    binding="tornado",
    summary="tornado's IOLoop and IOStream over the standard library's loop.",
    requires=("tornado>=6.4",),
    homepage="https://www.tornadoweb.org/",
    asked_as="tornado",
    loop="asyncio:new_event_loop",
)


class Adapter(TornadoLoop):
    """tornado's API on asyncio's default loop."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())

    def facts(self) -> Facts:
        return self.facts_on("none", "", selector_mechanism(self.loop))
