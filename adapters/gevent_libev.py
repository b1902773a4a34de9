"""gevent on libev through its compiled core: the loop that gevent takes by default outside Windows.

Many believe that gevent runs on libevent. It did, up to 0.13; gevent 1.0, begun in 2011, left libevent for libev, and
its evdns for c-ares. Today's loops are libev, compiled (this file) or by cffi (`gevent-libev-cffi`), and libuv by cffi
(`gevent-libuv`).

This core, `gevent.libev.corecext`, is Cython with libev compiled into it. A watcher is a C struct inside a Python
object, and an event reaches its callback by a C call. The two others go through a Python function that finds the
watcher by its handle. The rest of gevent (hub, greenlets, sockets) is the same for all; `crossloop.idioms.gevent_` has
the use of it.

**Waiting.** epoll on Linux, select on macOS and Windows: libev's choice, or that of GEVENT_BACKEND. On macOS libev
recommends neither kqueue nor poll; on Windows gevent itself prefers `gevent-libuv`. libev does not tell the kernel of
each change. It collects the changed descriptors and settles them just before it waits. A stop and a start in between
cancel out, without a call of `epoll_ctl`. Several watchers of one descriptor are merged by libev itself.

**Reading.** `recv` at once; without data it starts an io watcher and switches to the hub. The event switches back, and
the watcher is stopped again. TLS is OpenSSL's calls on the socket itself: "want read" and "want write" become waits of
the greenlet. Datagrams are received in the hub, up to 100 a turn and 8192 bytes at most, and each gets a greenlet of
its own.

**Writing.** `sendall` sends at once and blocks its greenlet until the kernel has taken everything. So backpressure
comes by itself. For pushing each connection has a second greenlet with a queue, and `sendall` in it.

**Timers.** libev's heap, in doubles; epoll and poll wait whole milliseconds, rounded up. The loop's clock stands still
while callbacks run.

**Waking.** libev's async watcher; the calls themselves travel in a deque.

**Signals.** A signal interrupts the wait, so Python's handlers run at once.

**Closing.** A greenlet is killed by an exception, and its socket closed. A descriptor must not be closed while its
watcher is started, because changes are settled late.

**Limits.** On Windows 1024 sockets; elsewhere only the limit of open descriptors. On Windows libev's descriptors are
places in a table of FD_SETSIZE sockets. A watcher for one more is an error ("cannot watch more than 1024 sockets"), and
the accepted connection is lost. So the server closes further connections.
"""

import sys

from gevent.libev import corecext

from crossloop.api import AdapterAbout, Facts, module_file
from crossloop.idioms.gevent_ import GeventHub

ABOUT = AdapterAbout(
    family="libev",
    library="libev",
    binding="gevent",
    summary="Greenlets on libev through gevent's compiled core: blocking style without threads.",
    requires=("gevent>=24.10", "dnspython>=2.6"),
    homepage="https://www.gevent.org/loop_impls.html",
    asked_as="gevent",
    loop="libev-cext",
)

WINDOWS_SOCKETS = 1024
"""FD_SETSIZE of gevent's builds for Windows (its _setuputils.py)."""
SPARE_SOCKETS = 124
"""For the listener, the stop, libev's own for waking, and for connections that have ended: their places come back late.
With 8 spare, every fourth connection that was refused at the bound cost another one its place (gevent 26.9, Wine)."""


class Adapter(GeventHub):
    """gevent's hub with `gevent.libev.corecext.loop`."""

    def __init__(self) -> None:
        super().__init__("libev-cext")

    def facts(self) -> Facts:
        return self.facts_of(
            library="libev",
            mechanism=self.loop.backend,
            version=corecext.get_version(),
            loaded_from=module_file(corecext),
        )

    def most_connections(self) -> tuple[int, str] | None:
        if sys.platform != "win32":
            return None
        most = WINDOWS_SOCKETS - SPARE_SOCKETS
        return (
            most,
            f"libev waits by select() there, and gevent's build knows {WINDOWS_SOCKETS} sockets (FD_SETSIZE)",
        )
