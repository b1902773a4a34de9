"""poll(2): select without its bound. System V Release 3, 1986; POSIX since 2001, and never on Windows.

The common part of select, poll, epoll and kqueue is in `crossloop.idioms.multiplexing`, the servers included.

**Waiting.** poll(2) on Linux, macOS and the BSDs; every call passes the whole interest. The interest is a list, not an
array of bits: one `struct pollfd` per descriptor, with its number, the wanted events and, in another field, the events
that came. So a number may have any size, and only watched descriptors are looked at. The wanted events survive the
call: the program makes the list once and changes it when its interest changes.

At every call the kernel copies the list in, asks each file once, puts the process on each file's wait queue and takes
it off again, and writes the results back. Then the program searches the list for entries that are not zero. That is
O(watched) at both ends, as with select, at 8 bytes per descriptor instead of 3 bits. Python's poll object keeps the
interest in a dict, and makes the whole list anew after any change. So a turn that accepts or closes connections pays
O(watched) a second time.

**Reading.** One `recv` of at most 64 KiB for each report. poll is level-triggered, for the same reason as select: the
kernel remembers nothing of the call, and data that a `recv` leaves is reported again. POLLHUP and POLLERR are reported
without being asked for, as long as they hold.

**Writing.** `send` at once; unsent data waits, and the connection is watched for writing instead of reading.

**Timers.** A heap in Python; the nearest timer is the timeout, in whole milliseconds. Python rounds up: a timer is late
by up to one.

**Waking.** A byte to a socket pair that is always watched; the calls themselves travel in a deque.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`), and Python's handler runs when the
wait has returned.

**Closing.** First the interest is removed, then the descriptor is closed. POLLNVAL says that a number in the list
belongs to no file: the program closed it before unregistering. It would be reported again at once, so the number is
removed. A descriptor that is watched for no event would make the loop spin once its peer is gone (POLLHUP), so it is
removed from the list, too.

**Limits.** The limit of open descriptors (EINVAL beyond it), and no other. macOS had a poll that failed for terminals
and other devices; CPython tries at start and removes `select.poll` where it is broken.

**Against `asyncio-poll`**: the same call. asyncio also makes a key and a `Handle` for each ready descriptor, runs it in
a context of its own, and has a transport between socket and protocol. Here a callback is a function in a dict.

**Sources.** poll(2); Stevens, UNP vol. 1 (3rd ed.), 6.10 and the server of 6.11; CPython, Modules/selectmodule.c.
"""

import select
import sys

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.multiplexing import Mechanism, Multiplexing, Watched

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="select",
    summary="Multiplexing by poll(2): POSIX's call for any number of descriptors, at O(watched) a call.",
    platforms=("linux", "darwin", "bsd"),
    mechanism="poll",
    elsewhere="Python has no select.poll on Windows; the adapter select is the one that runs there",
    homepage="https://docs.python.org/3/library/select.html#select.poll",
)


def open_poll(watched: Watched) -> Mechanism:
    """The list that the kernel will be shown. Raises UnsupportedError where Python has no poll."""
    if sys.platform == "win32" or not hasattr(select, "poll"):
        raise UnsupportedError(f"this Python has no select.poll on {sys.platform}")
    readers, writers, fresh = watched.readers, watched.writers, watched.fresh
    kernel = select.poll()
    wait = kernel.poll
    registered: dict[int, int] = {}
    reading, writing, closed = select.POLLIN, select.POLLOUT, select.POLLNVAL
    not_reading, not_writing = ~reading, ~writing  # trouble (POLLHUP, POLLERR) is for both

    def tell(fd: int) -> None:
        """One mask for both directions, kept by Python's object until the next ask."""
        wanted = (reading if fd in readers else 0) | (writing if fd in writers else 0)
        if wanted:
            kernel.register(fd, wanted)
            registered[fd] = wanted
        elif registered.pop(fd, 0):
            kernel.unregister(fd)

    def ask(timeout_s: float | None) -> None:
        ready = wait(None if timeout_s is None else timeout_s * 1000)
        fresh.clear()
        for fd, events in ready:
            if events & closed and fd not in fresh:
                watched.drop(fd)
                tell(fd)
            if events & not_writing:
                callback = readers.get(fd)
                if callback is not None and fd not in fresh:
                    callback()
            if events & not_reading:
                callback = writers.get(fd)
                if callback is not None and fd not in fresh:
                    callback()

    return Mechanism(type(kernel).__name__, tell, ask, lambda: None)


class Adapter(Multiplexing):
    """The loop of multiplexing on poll."""

    def __init__(self) -> None:
        super().__init__(open_poll)
