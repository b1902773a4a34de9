"""gevent on libevent: the loop that gevent left in 2011, written anew as a plug-in for today's gevent.

gevent's first releases were built on libevent, from pyevent's binding to its evhttp and evdns. gevent 1.0
replaced it by libev, for reasons that its author wrote down: two loops in one process were impossible with
libevent's global state of that time, and its HTTP server and DNS client were found wanting. libevent 2 has
done away with the first reason, and gevent no longer needs the other two. What was missing is a loop; this one
is crossloop's own (`crossloop.bindings.gevent_libevent`), for any gevent program by GEVENT_LOOP.

Hub, greenlets and sockets are gevent's, so against `gevent-libev` this shows the C library and the binding
below it, and against `gevent-libev-cffi` mostly the library: both bindings are Python and cffi. The binding
differs in kind from gevent's two by cffi, and that is part of what is measured:

- it is in ABI mode: nothing is compiled, and each call into C costs some 0.1 µs more;
- libevent tells epoll of every change at once, where libev waits and sees. A gevent socket stops its
  watcher after each wait, so the loop puts deleting off until it waits itself. A message then costs no
  `epoll_ctl`, as with libev;
- what libevent calls only notes the watcher, and greenlets are switched to when it has returned. So no
  greenlet carries a piece of the C library's stack, which the others copy at each switch.

Timers are precise: with the flag for it epoll gets a timerfd, which libevent arms before each wait. That is
one system call a turn, shared by all events of the turn.
"""

from crossloop.api import AdapterAbout, Facts, native_file
from crossloop.bindings import gevent_libevent
from crossloop.idioms.gevent_ import GeventHub

ABOUT = AdapterAbout(
    family="libevent",
    library="libevent",
    binding="gevent",
    summary="Greenlets on libevent through crossloop's own loop for gevent, by cffi.",
    requires=("gevent>=24.11", "cffi>=1.16", "dnspython>=2.6"),
    recipe="libevent",
    platforms=("linux", "darwin"),
    elsewhere="libevent's mechanism for Windows takes sockets as handles, and gevent's loops there take descriptors.",
    homepage="https://www.gevent.org/loop_impls.html",
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
            loaded_from=native_file("event_core") or self.loop.base.library.path,
        )
