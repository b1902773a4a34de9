"""gevent on libevent: the loop that gevent left in 2011, written anew as a plug-in for today's gevent.

gevent ran on libevent up to 0.13. For 1.0 it went over to libev, and its author gave the reasons in 2011
(https://blog.gevent.org/2011/04/28/libev-and-libevent/): the DNS and HTTP that came with libevent were not solid.
gevent has used neither since. So libevent only needs a loop, and this one is crossloop's own
(`crossloop.bindings.gevent_libevent`), for any gevent program by GEVENT_LOOP.

Hub, greenlets and sockets are gevent's (`crossloop.idioms.gevent_`), so against `gevent-libev` this shows the C library
and the binding below it, and against `gevent-libev-cffi` mostly the library: both bindings are Python and cffi. The
binding differs in two ways from gevent's two by cffi, and that is measured as well: it is in ABI mode, and what
libevent has seen is noted in C where a compiler was there to build that (`crossloop.bindings.libevent.calls`).

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs: the best that libevent was built with. libevent tells epoll
of every change at once, where libev collects changes until the wait. A gevent socket stops its watcher after each wait,
so the loop delays deleting until its next wait. A message then costs no `epoll_ctl`, as with libev. A callback from
libevent only notes the watcher, and greenlets run when libevent has returned. The other loops switch from within a call
of the C library.

**Reading.** As `gevent-libev`: `recv` at once; without data it starts an io watcher and switches to the hub.

**Writing.** As `gevent-libev`: `sendall` sends at once and blocks its greenlet until the kernel has taken everything.

**Timers.** libevent's heap, precise: with the flag for it epoll gets a timerfd, which libevent arms before each wait.
That is one system call a turn, shared by all events of the turn.

**Waking.** A byte to a socket pair; libevent has no async watcher, so the binding has one.

**Signals.** Each wakes the loop by `signal.set_wakeup_fd`, because libevent goes on waiting when a signal interrupts
it. An exception of Python's handler goes to the hub, which throws it into the main greenlet.

**Closing.** As `gevent-libev`: a greenlet is killed by an exception, and its socket closed. A stopped watcher is
deleted at the latest when its descriptor is closed.

**Limits.** The limit of open descriptors; and it was not tried on Windows.
"""

from crossloop.api import AdapterAbout, Facts
from crossloop.bindings import gevent_libevent
from crossloop.idioms.gevent_ import GeventHub

ABOUT = AdapterAbout(
    family="libevent",
    library="libevent",
    binding="gevent",
    summary="Greenlets on libevent through crossloop's own loop for gevent, by cffi.",
    requires=("gevent>=24.11", "cffi>=1.16", "dnspython>=2.6"),
    recipe="libevent",
    platforms=("linux", "darwin", "bsd"),
    elsewhere="the loop was not tried on Windows, where gevent itself prefers gevent-libuv.",
    homepage="https://www.gevent.org/loop_impls.html",
    asked_as="gevent",
    loop="crossloop.bindings.gevent_libevent.loop",
)


class Adapter(GeventHub):
    """gevent's hub with `crossloop.bindings.gevent_libevent.loop`."""

    def __init__(self) -> None:
        super().__init__("crossloop.bindings.gevent_libevent.loop")

    def facts(self) -> Facts:
        return self.facts_of(
            library="libevent",
            mechanism=self.loop.backend,
            version=gevent_libevent.get_version(),
            loaded_from=self.loop.base.library.path,
        )
