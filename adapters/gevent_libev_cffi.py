"""gevent on libev through cffi: the same C library as `gevent-libev`, with Python in the place of Cython.

gevent keeps this loop for PyPy, whose compiler removes the cost of cffi but not of Cython. On CPython it shows the cost
of a binding's own layer: compared with `gevent-libev`, the C library, the kernel mechanism, the hub and the sockets are
the same.

The module is compiled, too (`_corecffi.abi3.so`, cffi's API mode), with a libev of its own: both cores can be in one
process, each with its library.

**Waiting.** As `gevent-libev`: epoll on Linux, select on macOS. An event goes from libev to a C callback, and from
there by cffi's `extern "Python"` to one function for all watchers. The function finds the watcher object by its handle,
checks that it was not stopped or restarted meanwhile, and calls the program's callback. Starting a watcher makes a new
handle and enters the watcher in a set that keeps it alive; stopping undoes both. Each takes some microseconds, and a
message needs both, because a gevent socket stops its watcher after every wait. No system call is added: libev settles
changes just before it waits, as under the compiled core.

**Reading.** As `gevent-libev`: `recv` at once; without data it starts an io watcher and switches to the hub.

**Writing.** As `gevent-libev`: `sendall` sends at once and blocks its greenlet until the kernel has taken everything.

**Timers.** As `gevent-libev`: libev's heap, in doubles; epoll waits whole milliseconds, rounded up.

**Waking.** As `gevent-libev`: libev's async watcher.

**Signals.** As `gevent-libev`: a signal interrupts the wait, so Python's handlers run at once.

**Closing.** As `gevent-libev`: a greenlet is killed by an exception, and its socket closed.

**Limits.** The limit of open descriptors; and gevent's wheels for Windows do not have it.
"""

import gevent.libev._corecffi
from gevent.libev import corecffi

from crossloop.api import AdapterAbout, Facts, module_file
from crossloop.idioms.gevent_ import GeventHub

ABOUT = AdapterAbout(
    family="libev",
    library="libev",
    binding="gevent",
    summary="Greenlets on libev through cffi: the cost of the binding's layer, all else equal.",
    requires=("gevent>=24.10", "dnspython>=2.6"),
    platforms=("linux", "darwin", "bsd"),
    elsewhere="gevent's wheels for Windows have no cffi core for libev; gevent-libuv is the default there.",
    homepage="https://www.gevent.org/loop_impls.html",
    asked_as="gevent",
    loop="libev-cffi",
)


class Adapter(GeventHub):
    """gevent's hub with `gevent.libev.corecffi.loop`."""

    def __init__(self) -> None:
        super().__init__("libev-cffi")

    def facts(self) -> Facts:
        return self.facts_of(
            library="libev",
            mechanism=self.loop.backend,
            version=corecffi.get_version(),
            loaded_from=module_file(gevent.libev._corecffi),
        )
