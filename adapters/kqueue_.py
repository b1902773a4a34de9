"""kqueue(2): the kernel remembers the interest, and more than readiness. FreeBSD 4.1, 2000; macOS; all BSDs.

The common part of select, poll, epoll and kqueue is in `crossloop.idioms.multiplexing`, the servers included.

**Waiting.** kevent(2) on macOS and the BSDs, level-triggered; the kernel keeps the interest, and one call changes it
and waits. One call with two lists changes and waits: `kevent` takes changes and returns events. Changes can be
collected for the next wait, so a connection's interest needs no system call of its own, where epoll needs one for each
change. This program collects them; of two changes for one descriptor between two waits only the last is passed. As with
epoll, an entry sits on the list of its file, an arriving event activates it, and the wait returns the active entries:
O(active), for any number of watched descriptors.

The thing watched is a pair of descriptor and filter: EVFILT_READ and EVFILT_WRITE are two entries with a callback each,
not one mask. Other filters watch timers, signals, child processes, changes of a file or the program's own triggers, for
which Linux has one kind of descriptor each; this program needs none of them. An event states a number (`data`): bytes
to read, room to write, clients in the queue.

**Reading.** One `recv` of at most 64 KiB for each report. It is level-triggered unless EV_CLEAR is set. EV_ONESHOT
removes an entry once it was reported, EV_DISPATCH disables it, both for several threads on one queue. None is set here:
one thread, and one `recv` per report. EV_EOF comes with the filter that was asked for, and there may still be data: the
program reads until `recv` returns nothing. Unlike POLLHUP, no event comes without being asked for.

**Writing.** `send` at once; unsent data waits, and the connection is watched for writing instead of reading.

**Timers.** A heap in Python; the nearest timer is the timeout, in nanoseconds. A timer is as late as the kernel's own
timers are.

**Waking.** A byte to a socket pair that is always watched; the calls themselves travel in a deque.

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`), and Python's handler runs when the
wait has returned. EVFILT_SIGNAL is not used.

**Closing.** First the interest is removed, without a call of its own, then the descriptor is closed. An entry goes when
its *descriptor* is closed, also when the file is open under another number, unlike with epoll. But a collected change
may come too late. Removing an entry that a close has removed gives ENOENT or EBADF, which is no error. An entry for a
reused number is added again, because EV_ADD only changes an existing entry. Adding a descriptor that was closed
meanwhile gives EBADF, and its watch is dropped. A child of `fork` does not get the queue at all.

**Limits.** The limit of open descriptors; and some devices are refused. Errors of single changes come back as events
with EV_ERROR, if the list has room for them; without room the call fails halfway through the changes. So the list has
room. Because a change is passed with the next wait, the refusal of a descriptor comes out of `run`, not out of `watch`.
macOS refuses /dev/tty (EINVAL) and had trouble with more devices, so libev prefers select there.

**Against `asyncio`** on macOS and the BSDs: `selectors.KqueueSelector` makes a call for each change and a key for each
event, and asyncio adds a `Handle`, a context and a transport. Here a callback is a function in a dict.

**Sources.** kqueue(2) of FreeBSD and macOS; J. Lemon, "Kqueue: A generic and scalable event notification facility",
USENIX 2001; Stevens, UNP vol. 1 (3rd ed.), 14.9.
"""

import errno
import os
import select
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.multiplexing import Mechanism, Multiplexing, Watched

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="select",
    summary="Multiplexing by kqueue(2): the BSDs keep the interest; a wait costs O(active), not O(watched).",
    platforms=("darwin", "bsd"),
    mechanism="kqueue",
    elsewhere="kqueue is macOS's and the BSDs'; Linux has epoll, Windows has select and completion ports",
    homepage="https://docs.python.org/3/library/select.html#select.kqueue",
)

EVENTS = 1024
"""Events that one ask returns at most; the others are returned by the next."""

Entry: TypeAlias = tuple[int, int]
"""What kqueue watches: a descriptor and a filter."""


def open_kqueue(watched: Watched) -> Mechanism:
    """The kernel's object. Raises UnsupportedError where Python has no kqueue."""
    if not hasattr(select, "kqueue"):
        raise UnsupportedError(f"this Python has no select.kqueue on {sys.platform}")
    calls: Any = select  # whose type depends on the platform
    readers, writers, fresh = watched.readers, watched.writers, watched.fresh
    kernel = calls.kqueue()
    wait, kevent = kernel.control, calls.kevent
    changes = Changes()
    reading, writing = calls.KQ_FILTER_READ, calls.KQ_FILTER_WRITE
    add, delete, error = calls.KQ_EV_ADD, calls.KQ_EV_DELETE, calls.KQ_EV_ERROR

    def tell(fd: int) -> None:
        """Two entries, one for each direction, and no system call: the next ask tells."""
        changes.want((fd, reading), fd in readers)
        changes.want((fd, writing), fd in writers)

    def ask(timeout_s: float | None) -> None:
        submitted = changes.take()
        ready = wait(
            [kevent(fd, which, add if wanted else delete) for (fd, which), wanted in submitted.items()],
            max(EVENTS, len(submitted)),
            timeout_s,
        )
        fresh.clear()
        for event in ready:
            fd = event.ident
            if event.flags & error:
                if event.data != errno.EBADF:
                    raise_refusal(fd, event.data, wanted=submitted[fd, event.filter])
                elif fd not in fresh:
                    watched.drop(fd)
                    tell(fd)
            elif fd not in fresh:
                callback = (readers if event.filter == reading else writers).get(fd)
                if callback is not None:
                    callback()

    return Mechanism(type(kernel).__name__, tell, ask, kernel.close)


class Changes:
    """What the kernel does not know yet: the last word on each entry since the last ask."""

    def __init__(self) -> None:
        self._wanted: set[Entry] = set()
        self._untold: dict[Entry, bool] = {}

    def want(self, entry: Entry, wanted: bool) -> None:
        """*entry* is to be watched from now on, or not. Nothing is to be told when that was said before."""
        if wanted and entry not in self._wanted:
            self._wanted.add(entry)
        elif not wanted and entry in self._wanted:
            self._wanted.remove(entry)
        else:
            return
        # Said and taken back is told nevertheless: the number may have passed to another file in between,
        # and only the kernel knows what is still there.
        self._untold[entry] = wanted

    def take(self) -> dict[Entry, bool]:
        """The changes to tell now: True adds, False removes."""
        untold, self._untold = self._untold, {}
        return untold


def raise_refusal(fd: int, number: int, *, wanted: bool) -> None:
    """Raise what the error *number* of a change means; nothing, when it was to remove what a close removed.

    Raises UnsupportedError for a file that kqueue cannot watch, OSError otherwise.
    """
    if not wanted and number == errno.ENOENT:
        return
    if wanted and number in (errno.EINVAL, errno.ENODEV, errno.EPERM):
        raise UnsupportedError(
            f"kqueue does not take descriptor {fd}: {os.strerror(number)}; terminals and some devices are such"
        )
    raise OSError(number, f"kqueue, descriptor {fd}: {os.strerror(number)}")


class Adapter(Multiplexing):
    """The loop of multiplexing on kqueue."""

    lacks: ClassVar[Mapping[str, str]] = {
        **Multiplexing.lacks,
        "Signals": "kqueue reports signals as well (EVFILT_SIGNAL); the loop that the models share does not",
        "ChildProcesses": "kqueue reports a child's end as well (EVFILT_PROC); the loop that the models share does not",
    }

    def __init__(self) -> None:
        super().__init__(open_kqueue)
