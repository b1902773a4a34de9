"""Which process holds how many of a server's connections, as Linux says it in /proc.

`/proc/net/tcp` has the inode of each socket with its address and state (proc_net(5)); the links in `/proc/PID/fd` say
which sockets a process has open (proc_pid_fd(5)). A connection that was not accepted yet has no inode.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_ESTABLISHED = b"01"  # <net/tcp_states.h>
_FILES = ("/proc/net/tcp", "/proc/net/tcp6")


def connections_held(servers: Sequence[Iterable[int]], port: int) -> list[int] | None:
    """Accepted TCP connections to *port* of this machine that each of *servers*, a group of processes, holds.

    None where the platform does not show it. A process that is gone holds none.
    """
    if sys.platform != "linux":
        return None
    accepted = _accepted(port)
    return [len(accepted.intersection(inode for pid in pids for inode in _sockets(pid))) for pids in servers]


def _accepted(port: int) -> set[bytes]:
    """Inodes of established connections whose near end is *port*."""
    near, inodes = f":{port:04X}".encode(), set()
    for file in _FILES:
        try:
            lines = Path(file).read_bytes().splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        for line in lines:
            if near in line:
                _number, local, _remote, state, *_queues, inode = line.split()[:10]
                if local.endswith(near) and state == _ESTABLISHED:
                    inodes.add(inode)
    return inodes - {b"0"}


def _sockets(pid: int) -> list[bytes]:
    """Inodes of the sockets that a process has open."""
    folder = f"/proc/{pid}/fd"
    inodes = []
    try:
        names = os.listdir(folder)  # noqa: PTH208  (Path costs twice the call)
    except OSError:
        return []
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")  # noqa: PTH115  (as above)
        except OSError:  # it was closed meanwhile
            continue
        if link.startswith("socket:["):
            inodes.append(link[8:-1].encode())
    return inodes
