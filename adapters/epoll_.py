"""epoll(7): the kernel remembers the interest. Linux 2.5.44, 2002; the answer to ten thousand connections.

The common part of select, poll, epoll and kqueue is in `crossloop.idioms.multiplexing`, the servers included.

**Waiting.** epoll_wait(2) on Linux, level-triggered; the kernel keeps the interest, which epoll_ctl(2) changes.
Changing and waiting are two calls: `epoll_create1` makes an object in the kernel that keeps the set; `epoll_ctl` adds,
changes and removes one descriptor; `epoll_wait` returns those that are ready and only those. Banga, Mogul and Druschel
proposed this division to replace select (USENIX 1999).

With `epoll_ctl` the object's callback joins the file's wait queue and stays there. When data arrives, the callback puts
the descriptor on a ready list: O(1) for each event, however many descriptors are watched. `epoll_wait` returns the
list: O(active), so ten thousand silent connections cost memory and no time. The price is a system call per change of
interest, which is free with poll; a connection of one message pays two. Python asks for at most 1023 descriptors at a
time; the kernel gives the others in the next call, in turn.

For several threads or processes: EPOLLONESHOT disarms a descriptor once it is reported, until EPOLL_CTL_MOD arms it
again. So no two threads in `epoll_wait` on one object get the same connection. EPOLLEXCLUSIVE (Linux 4.5) is for
several objects that watch one listener: an arriving client wakes one or some of them, not all. One thread with one
object needs neither.

**Reading.** One `recv` of at most 64 KiB for each report. By default epoll is level-triggered: a reported descriptor
goes back to the end of the list, and the next `epoll_wait` checks again whether it is ready. With EPOLLET it leaves the
list and returns with the next arrival only. That saves the second check, but the program must read until EAGAIN: one
more `recv` per message, which costs more than it saves. A program that stops earlier waits for ever. libevent, libev,
libuv and asyncio are level-triggered for that reason. EPOLLHUP and EPOLLERR are reported without being asked for.

**Writing.** `send` at once; unsent data waits, and the connection is watched for writing instead of reading. That is
one `epoll_ctl` each way.

**Timers.** A heap in Python; the nearest timer is the timeout, in whole milliseconds. Python rounds up: a timer is late
by up to one. (`epoll_pwait2`, Linux 5.11, has nanoseconds; CPython does not use it.)

**Waking.** A byte to a socket pair that is always watched; the calls themselves travel in a deque.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`), and Python's handler runs when the
wait has returned.

**Closing.** First the interest is removed, at the cost of one call, then the descriptor is closed. An open file is
registered under a number. It leaves the set when its *last* descriptor is closed: after a `dup` or a `fork` a closed
number is still reported, and cannot be removed any more. When the kernel says (EBADF, ENOENT) that a number was closed
earlier, only a new object is certainly free of it; all open descriptors are registered there again. After a fork the
object itself is shared: a child that changes it changes the parent's.

**Limits.** The limit of open descriptors; and no regular files. A regular file or a directory has no wait queue:
`epoll_ctl` refuses it with EPERM, where select and poll report it ready at once.

**Against `asyncio`** on Linux: the same calls. asyncio also makes a key and a `Handle` for each ready descriptor, runs
it in a context of its own, and has a transport between socket and protocol. Here a callback is a function in a dict.

**Sources.** epoll(7), epoll_ctl(2), epoll_wait(2); the kernel's fs/eventpoll.c; Kerrisk, "The Linux Programming
Interface", 63.4. Not in Stevens; UNP 14.9 has related mechanisms.
"""

import select
import sys
from typing import Any

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.multiplexing import Mechanism, Multiplexing, Watched

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="select",
    summary="Multiplexing by epoll(7): Linux keeps the interest; a wait costs O(active), not O(watched).",
    platforms=("linux",),
    mechanism="epoll",
    elsewhere="epoll is Linux's; macOS has kqueue, Windows has select and completion ports",
    homepage="https://docs.python.org/3/library/select.html#select.epoll",
)


def open_epoll(watched: Watched) -> Mechanism:
    """The kernel's object. Raises UnsupportedError where Python has no epoll."""
    if sys.platform != "linux" or not hasattr(select, "epoll"):
        raise UnsupportedError(f"this Python has no select.epoll on {sys.platform}")
    readers, writers, fresh = watched.readers, watched.writers, watched.fresh
    kernel = select.epoll()
    wait = kernel.poll
    registered: dict[int, int] = {}
    reading, writing = select.EPOLLIN, select.EPOLLOUT
    not_reading, not_writing = ~reading, ~writing  # trouble (EPOLLHUP, EPOLLERR) is for both
    stale: set[int] = set()  # numbers that were closed while they were watched

    def tell(fd: int) -> None:
        """One mask for both directions, and one system call for each change of it."""
        wanted = (reading if fd in readers else 0) | (writing if fd in writers else 0)
        known = registered.pop(fd, 0)
        try:
            if known and wanted:
                kernel.modify(fd, wanted)
            elif known:
                kernel.unregister(fd)
            elif wanted:
                kernel.register(fd, wanted)
        except PermissionError as error:
            raise UnsupportedError(
                f"epoll does not take descriptor {fd}: it is a regular file or a directory (epoll_ctl(2), EPERM)"
            ) from error
        except OSError:
            if not known:
                raise
            stale.add(fd)
        if wanted:
            registered[fd] = wanted

    def begin_anew() -> None:
        """Another object in the kernel: the old one may hold closed numbers for good."""
        nonlocal kernel, wait
        kernel.close()
        kernel = _with_what_is_open(select.epoll(), registered, watched)
        wait = kernel.poll
        stale.clear()

    def ask(timeout_s: float | None) -> None:
        if stale:
            begin_anew()
        ready = wait(timeout_s)
        fresh.clear()
        for fd, events in ready:
            if events & not_writing:
                callback = readers.get(fd)
                if callback is not None and fd not in fresh:
                    callback()
            if events & not_reading:
                callback = writers.get(fd)
                if callback is not None and fd not in fresh:
                    callback()

    return Mechanism(type(kernel).__name__, tell, ask, lambda: kernel.close())  # noqa: PLW0108  (the one of then)


def _with_what_is_open(kernel: Any, registered: dict[int, int], watched: Watched) -> Any:
    """*kernel* with every interest of *registered*; what is closed is dropped."""
    for fd, wanted in tuple(registered.items()):
        try:
            kernel.register(fd, wanted)
        except OSError:
            del registered[fd]
            watched.drop(fd)
    return kernel


class Adapter(Multiplexing):
    """The loop of multiplexing on epoll."""

    def __init__(self) -> None:
        super().__init__(open_epoll)
