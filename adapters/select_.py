"""select(2): the first way to wait for many, 4.2BSD, 1983; and the only one on every platform.

The common part of select, poll, epoll and kqueue is in `crossloop.idioms.multiplexing`, the servers included.

**Waiting.** select(2) on every platform; every call passes the whole interest. The program passes three sets (for
reading, for writing, for exceptions) and a timeout. The kernel sleeps until a descriptor in them is ready, and
overwrites the sets with the ready descriptors. Nothing is kept between two calls.

On POSIX a set is an array of FD_SETSIZE bits, numbered by descriptor. Every call makes the sets and copies them in. The
kernel goes through all bits up to the highest number, asks each file once, and puts the process on each file's wait
queue and takes it off again. The sets are copied out, and the program searches them for ready descriptors. All of it is
O(watched), whether one descriptor is ready or a thousand. Python makes the sets from sequences of integers, and lists
from the sets. That was a third of the 41 µs of a call among 480 silent sockets (Linux 6.18); the kernel's part was the
rest, and the same as with poll.

On Windows a set is something else: an array of socket handles with a count.

**Reading.** One `recv` of at most 64 KiB for each report. select is level-triggered, because the kernel does not
remember earlier reports: data that a `recv` leaves is reported again.

**Writing.** `send` at once; unsent data waits, and the connection is watched for writing instead of reading. Windows
reports a failed connect in the third set only, so writers are in that set there.

**Timers.** A heap in Python; the nearest timer is the timeout, in microseconds. That is finer than the timeouts of poll
and epoll, so timers are least late here.

**Waking.** A byte to a socket pair that is always watched; the calls themselves travel in a deque.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`), and Python's handler runs when the
wait has returned. Windows does not interrupt the wait, so only the byte ends it there.

**Closing.** First the interest is removed, then the descriptor is closed. A closed number in a set makes the whole call
fail (EBADF), and the error does not say which number. Then each descriptor is tried alone, once, and those that fail
are removed.

**Limits.** FD_SETSIZE: descriptors numbered up to 1023, and on Windows 512 sockets. It is fixed when the C library's
headers were written: 1024 on Linux, macOS and the BSDs. There it bounds the *number* of a descriptor, not how many are
watched: a process with a thousand open files can watch twenty-four more. In C, FD_SET with a higher number writes past
the array; Python raises ValueError. So `watch` refuses such a descriptor. A server closes a connection that it cannot
watch and goes on with the others; `most_connections` states the limit beforehand. Some programs raise the bound by
compiling with larger sets (libev does, on macOS); CPython cannot. CPython on Windows is built for 512 sockets, and a
set there takes only sockets: a pipe is error 10038. With three empty sets Windows does not sleep but fails with error
10022; the socket pair for waking is always watched.

**Against `asyncio-select`**: the same call. asyncio also makes a key and a `Handle` for each ready descriptor, runs it
in a context of its own, and has a transport between socket and protocol. Here a callback is a function in a dict.

**Sources.** select(2); Stevens, UNP vol. 1 (3rd ed.), 6.3 and the server of 6.8; "select function (winsock2.h)" at
learn.microsoft.com; CPython, Modules/selectmodule.c.
"""

import select
import sys

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.multiplexing import Mechanism, Multiplexing, Watched
from crossloop.idioms.select_size import places_left, set_size

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="select",
    summary="Multiplexing by select(2): the oldest call, on every platform, up to FD_SETSIZE, at O(watched) a call.",
    homepage="https://docs.python.org/3/library/select.html#select.select",
)


def open_select(watched: Watched) -> Mechanism:
    """There is nothing to open: the kernel keeps nothing of it."""
    readers, writers, fresh = watched.readers, watched.writers, watched.fresh
    wait, size = select.select, set_size()
    troubled = writers if sys.platform == "win32" else ()

    def tell(fd: int) -> None:
        """Tell nobody: each ask tells everything. Only see whether it will fit."""
        if sys.platform == "win32":
            full = len(readers) > size or len(writers) > size
        else:
            full = fd >= size
        if full:
            raise UnsupportedError(
                f"select cannot watch descriptor {fd} beside {len(readers)} others: FD_SETSIZE is {size}"
            )

    def ask(timeout_s: float | None) -> None:
        try:
            readable, writable, failed = wait(readers, writers, troubled, timeout_s)
        except OSError:
            if not drop_closed():
                raise
            return
        fresh.clear()
        for fd in readable:
            callback = readers.get(fd)
            if callback is not None and fd not in fresh:
                callback()
        for fd in writable + failed if failed else writable:
            callback = writers.get(fd)
            if callback is not None and fd not in fresh:
                callback()

    def drop_closed() -> bool:
        """Take out what select refuses; whether there was any."""
        closed = [fd for fd in {*readers, *writers} if not _taken(fd)]
        for fd in closed:
            watched.drop(fd)
        return bool(closed)

    return Mechanism(wait.__name__, tell, ask, lambda: None)


def _taken(fd: int) -> bool:
    try:
        select.select((fd,), (), (), 0)
    except OSError:
        return False
    return True


class Adapter(Multiplexing):
    """The loop of multiplexing on select."""

    def __init__(self) -> None:
        super().__init__(open_select)

    def most_connections(self) -> tuple[int, str]:
        # On Windows, where what is watched counts: the listener and the stop are yet to come.
        return places_left(set_size(), len(self.watched.readers) + 2)
