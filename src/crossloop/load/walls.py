"""Walls: what bounds the number of connections to this machine, each with its number and what moves it.

Each connection over loopback has both of its ends here. So it takes a descriptor in the load and one in the server, two
files and two watches of epoll of the system, a port of one source address, and memory of the kernel, of the load and of
the server. Of one that comes from another machine the half of that is there. docs/scale.md has the figures.
"""

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from crossloop.load.connecting import (
    MANY_ADDRESSES,
    is_there,
    loopback_address,
    loopback_addresses,
    ports_of_an_address,
)
from crossloop.load.polling import WINDOWS_SELECT_LIMIT
from crossloop.load.target import OWN_DESCRIPTORS, descriptors_command
from crossloop.worker.process import raise_descriptor_limit

PROC_SYS = Path("/proc/sys")
HELD_BYTES = 10_000
"""What a connection holds at least, with both ends: 8,100 to 10,100 bytes of the kernel, 700 to 1,000 of the load, 900
of the leanest server in Python (docs/scale.md)."""
SPARE_FILES = 10_000
"""Of the system's files, for everybody else."""


@dataclass(frozen=True)
class Wall:
    """One bound."""

    most: int
    """Connections."""
    why: str
    remedy: Callable[[int], str] | None = None
    """What lets so many connections through, in words; None: nothing is known to."""

    def reason(self, wanted: int) -> str:
        """The wall, and what lets *wanted* connections through."""
        return self.why if self.remedy is None else f"{self.why}; {self.remedy(wanted)}"


def walls(ends: int = 2) -> list[Wall]:
    """Those that are known here, the lowest first. Raises the soft limit of descriptors as far as it goes.

    *ends*: of each connection on this machine, 1 where the load comes from others.
    """
    if sys.platform == "win32":
        return [Wall(WINDOWS_SELECT_LIMIT, f"select on Windows watches {WINDOWS_SELECT_LIMIT} sockets")]
    bounds = [_descriptors(), _ports() if ends > 1 else None]
    if sys.platform == "linux":
        bounds += [_files(ends), _watches(ends), _tracked(), _memory(ends)]
    return sorted((wall for wall in bounds if wall is not None), key=lambda wall: wall.most)


def most_connections() -> int | None:
    """How many connections to this machine a process can hold; None: nothing bounds them."""
    return min((wall.most for wall in walls()), default=None)


def most_descriptors() -> tuple[int, str]:
    """How many descriptors a process of ours can be allowed, and what limits that: the soft limit is raised to it where
    they are needed, and where this user may, the hard limit with it. (0, "") on Windows, which has no such limit."""
    if sys.platform == "win32":
        return 0, ""
    import resource  # (POSIX only)

    most = raise_descriptor_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or most < hard:
        return most, "the system's own limit, below the hard one"
    bound = _number("fs/nr_open")
    if bound is not None and bound > hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, bound))
        except (ValueError, OSError):  # it takes CAP_SYS_RESOURCE (setrlimit(2)), which not every root has
            return most, "hard limit, `ulimit -Hn`"
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return bound, "`sysctl fs.nr_open`, to which this user may raise the hard limit"
    return most, "hard limit, `ulimit -Hn`"


def _descriptors() -> Wall:
    most, which = most_descriptors()
    return Wall(
        most - OWN_DESCRIPTORS,
        f"a process may hold {most:,} descriptors here ({which})",
        lambda wanted: f"{descriptors_command(wanted + OWN_DESCRIPTORS)} allows {wanted:,} connections",
    )


def _ports() -> Wall | None:
    addresses = list(itertools.takewhile(is_there, map(loopback_address, range(MANY_ADDRESSES))))
    if len(addresses) == MANY_ADDRESSES:
        return None
    ports = ports_of_an_address()
    return Wall(ports * len(addresses), loopback_addresses(len(addresses), ports))


def _files(ends: int) -> Wall | None:
    """`fs.file-max` (proc_sys_fs(5)); a user who may (CAP_SYS_ADMIN) passes it."""
    most = _number("fs/file-max")
    open_files = _number("fs/file-nr")
    if most is None or open_files is None:
        return None
    return Wall(
        max(0, most - open_files - SPARE_FILES) // ends,
        f"the system may hold {most:,} open files, {ends} a connection (fs.file-max)",
        lambda wanted: _sysctl("fs.file-max", open_files + SPARE_FILES + ends * wanted),
    )


def _watches(ends: int) -> Wall | None:
    """`fs.epoll.max_user_watches` (epoll(7)): the load watches each connection, and so does a server by epoll."""
    most = _number("fs/epoll/max_user_watches")
    if most is None:
        return None
    return Wall(
        most // ends,
        f"a user may have {most:,} watches of epoll, {ends} a connection (fs.epoll.max_user_watches)",
        lambda wanted: _sysctl("fs.epoll.max_user_watches", ends * wanted + SPARE_FILES),
    )


def _tracked() -> Wall | None:
    """`nf_conntrack_max`, where connections are tracked: then some are now, if only one to a name server."""
    most, tracked = (_number(f"net/netfilter/nf_conntrack_{name}") for name in ("max", "count"))
    if not most or not tracked:
        return None
    return Wall(
        max(0, most - tracked),
        f"netfilter tracks {tracked:,} connections now and {most:,} at most (nf_conntrack_max)",
        lambda wanted: _sysctl("net.netfilter.nf_conntrack_max", 2 * (tracked + wanted)),
    )


def _memory(ends: int) -> Wall:
    available, held = psutil.virtual_memory().available, HELD_BYTES * ends // 2
    return Wall(
        available // held,
        f"{available / 2**30:.1f} GiB of memory are available, and each takes about {held:,} bytes or more",
        lambda wanted: f"{wanted:,} take {wanted * held / 2**30:.1f} GiB or more",
    )


def _sysctl(name: str, value: int) -> str:
    return f"`sudo sysctl -w {name}={value}` raises it"


def _number(name: str) -> int | None:
    """The first number of a setting of the kernel; None where there is none."""
    try:
        return int((PROC_SYS / name).read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
