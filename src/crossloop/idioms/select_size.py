"""FD_SETSIZE, the bound of select(2): asked of the interpreter, and what it leaves to a server.

On POSIX a set is an array of FD_SETSIZE bits, one for each descriptor number from zero on, so that what
counts is the *number* of a descriptor: a file that is open elsewhere in the process takes a place, too. On
Windows a set is a list of socket handles, so that what counts is how many are watched; CPython builds it for 512.
"""

import bisect
import contextlib
import functools
import os
import select
import socket
import sys


@functools.cache
def set_size() -> int:
    """FD_SETSIZE of this interpreter, asked: the most entries that `select.select` takes in one list."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return bisect.bisect_left(range(1, 1 << 20), True, key=lambda count: not _taken([ours] * count))


def _taken(entries: list[socket.socket]) -> bool:
    try:
        select.select(entries, (), (), 0)
    except ValueError:
        return False
    return True


def places_left(size: int, watched: int) -> tuple[int, str]:
    """Descriptors that select could watch beside what is open (on Windows: the *watched*), and why not more.

    *size* is FD_SETSIZE. In the form of `StreamServer.most_connections`.
    """
    if sys.platform == "win32":
        return size - watched, f"select() takes lists of {size} sockets at most (FD_SETSIZE)"
    taken = 0
    for number in range(size):
        with contextlib.suppress(OSError):
            os.fstat(number)
            taken += 1
    return size - taken, f"select(2) knows only descriptors numbered below {size} (FD_SETSIZE)"
