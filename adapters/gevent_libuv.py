"""gevent on libuv through cffi: gevent's default on Windows, where libuv knows how to wait for sockets.

gevent uses little of libuv: no streams, no name lookups, no files, but `uv_poll`, timers, async and check handles,
beneath the same hub and the same sockets as on libev (`crossloop.idioms.gevent_`). libuv was not made for this use.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, completion ports on Windows, by a `uv_poll` for each
descriptor. libuv allows one such handle a descriptor, so gevent keeps a table from descriptor to handle, and reader and
writer share the handle with the union of their interest. `uv_poll_start` and `uv_poll_stop` tell epoll at once, where
libev collects changes until the wait. A gevent socket stops its watcher after each wait, so each wait costs three
`epoll_ctl` calls that delete (two of them fail with ENOENT) and one that adds, which libuv 1.51 passes by an io_uring
of its own (seen with strace on Linux 6.18). Hence the fact `io_uring`, although the waiting is epoll's. libev makes
none of these calls. Callbacks of watchers are queued and run after `uv_run`, so that none of them runs inside libuv's
timers.

**Reading.** As `gevent-libev`: `recv` at once; without data it starts an io watcher and switches to the hub.

**Writing.** As `gevent-libev`: `sendall` sends at once and blocks its greenlet until the kernel has taken everything.

**Timers.** libuv's heap, in whole milliseconds, cut off; gevent warns below one. Here they are rounded up, because a
timer must not fire early.

**Waking.** `uv_async_send`; the calls themselves travel in a deque.

**Signals.** A timer of 300 ms looks for them, because libuv retries interrupted waits and swallows signals. So an idle
process wakes three times a second. A byte of `signal.set_wakeup_fd` is seen at once.

**Closing.** Handles are closed, not freed: `uv_close` calls back a turn later, and until then the memory has to stay. A
handle that is dropped without `uv_close` stays in libuv's list. Hence `close` for every timer, below.

**Limits.** The limit of open descriptors; and one `uv_poll` handle a descriptor.
"""

import math
import sys
from pathlib import Path
from typing import Any

import gevent.libuv._corecffi
from gevent.libuv import loop as libuv

from crossloop.api import AdapterAbout, Callback, Facts, module_file
from crossloop.idioms.gevent_ import GeventHub

ABOUT = AdapterAbout(
    family="libuv",
    library="libuv",
    binding="gevent",
    summary="Greenlets on libuv through cffi: gevent's default on Windows.",
    requires=("gevent>=24.10", "dnspython>=2.6"),
    homepage="https://www.gevent.org/loop_impls.html",
    asked_as="gevent",
    loop="libuv-cffi",
)

LONGEST_DELAY_S = 100 * 365 * 86_400.0
"""A century, as uvloop has it."""


class Adapter(GeventHub):
    """gevent's hub with `gevent.libuv.loop.loop`."""

    def __init__(self) -> None:
        super().__init__("libuv-cffi")

    def facts(self) -> Facts:
        return self.facts_of(
            library="libuv",
            mechanism=_mechanism(self.loop.fileno()),
            version=libuv.get_version(),
            loaded_from=module_file(gevent.libuv._corecffi),
        )

    def call_later(self, delay_s: float, callback: Callback) -> Any:
        timer = self.loop.timer(_whole_ms(delay_s))
        timer.start(_close_and_call, timer, callback, update=True)
        return timer

    def rearm(self, handle: Any, delay_s: float, callback: Callback) -> Any:
        return super().rearm(handle, _whole_ms(delay_s), callback)

    def call_every(self, interval_s: float, callback: Callback) -> Any:
        return super().call_every(_whole_ms(interval_s), callback)


def _close_and_call(timer: Any, callback: Callback) -> None:
    timer.close()
    callback()


def _whole_ms(seconds: float) -> float:
    """*seconds* rounded up to milliseconds, plus half of one that gevent's `int(seconds * 1000)` cuts off.

    An infinite time is none for that `int`: it becomes `LONGEST_DELAY_S`. Raises ValueError for NaN.
    """
    if seconds <= 0:
        return 0.0
    return (math.ceil(min(seconds, LONGEST_DELAY_S) * 1000 - 1e-6) + 0.5) / 1000


def _mechanism(backend_fd: int | None) -> str:
    """What libuv waits on: on Linux the kernel's word for the loop's own descriptor."""
    if sys.platform == "linux" and backend_fd is not None:
        kind = str(Path(f"/proc/self/fd/{backend_fd}").readlink())  # anon_inode:[eventpoll]
        return "epoll" if "eventpoll" in kind else kind
    return "iocp" if sys.platform == "win32" else "kqueue"
