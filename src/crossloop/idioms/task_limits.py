"""How many more threads or processes this process can have, and which limit says so.

clone(2) fails with EAGAIN for any of half a dozen limits and does not say for which (fork(2) and
pthread_create(3) list them). The one that has the least room is named here, as it stands when asked:

- RLIMIT_NPROC, a number of threads and processes of the *user*, on the whole machine; root is exempt;
- kernel.threads-max, and kernel.pid_max, since a thread has a number from the processes' space, both machine-wide;
- pids.max of the control group, which is what containers set (cgroups(7));
- vm.max_map_count, for threads: each needs mappings of its own;
- RLIMIT_AS, for threads: address space, which a stack takes whole though it is hardly used.

Linux shows all of them below /proc. Elsewhere only RLIMIT_NPROC is known; what else there is shows when it is met.
"""

import os
import sys
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path

if sys.platform != "win32":
    import resource


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one more of a kind takes."""

    name: str
    """`thread`, `process`."""
    mappings: int = 0
    """Mappings in the address space of this process."""
    address_bytes: int = 0
    """Addresses in it."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Connections that were accepted and closed unserved, because there was nothing left to serve them with."""

    count: int
    wanted: str
    """What each of them needed: `thread`, `process`."""
    reason: str
    """The first refusal in the interpreter's words, and the limit that had the least room then."""


def once_more(before: Refused | None, need: Need, error: Exception) -> Refused:
    """*before* and one more connection that was refused with *error*."""
    if before is not None:
        return Refused(count=before.count + 1, wanted=before.wanted, reason=before.reason)
    return Refused(count=1, wanted=need.name, reason=why(need, error))


def why(need: Need, error: Exception) -> str:
    """*error* in words, and the limit that is the likeliest cause."""
    left, limit = room(need) or (0, "no limit that can be seen here")
    return f"{error}; least room: {left} more of {limit}"


def room(need: Need) -> tuple[int, str] | None:
    """(how many more, by which limit) of the tightest; None where no limit can be seen."""
    bounds: list[tuple[int, str]] = []
    if sys.platform != "win32":
        soft, _hard = resource.getrlimit(resource.RLIMIT_NPROC)
        if soft != resource.RLIM_INFINITY and os.getuid() != 0:
            bounds.append((soft - _tasks_of_user(), f"a user's {soft} threads and processes (RLIMIT_NPROC)"))
    if sys.platform == "linux":
        bounds += _machine_bounds()
        bounds += _address_bounds(need, resource.getrlimit(resource.RLIMIT_AS)[0])
    return min(((max(0, left), limit) for left, limit in bounds), default=None)


def _machine_bounds() -> list[tuple[int, str]]:
    """Limits that count tasks of any user: of the machine, and of the control group."""
    bounds = []
    in_all = _number(_text("/proc/loadavg").partition("/")[2].partition(" ")[0]) or 0
    for name, what in (
        ("threads-max", "the machine's threads"),
        ("pid_max", "the machine's process numbers"),
    ):
        limit = _number(_text(f"/proc/sys/kernel/{name}"))
        if limit is not None:
            bounds.append((limit - in_all, f"{what}, {limit} (kernel.{name})"))
    for line in _text("/proc/self/cgroup").splitlines():
        _hierarchy, controllers, path = line.split(":", 2)
        folder = {"": "/sys/fs/cgroup", "pids": "/sys/fs/cgroup/pids"}.get(
            controllers
        )  # version 2, version 1
        limit = _number(_text(f"{folder}{path}/pids.max"))  # "max" for none, and nothing for a root
        if folder is not None and limit is not None:
            held = _number(_text(f"{folder}{path}/pids.current")) or 0
            bounds.append((limit - held, f"the control group's {limit} threads and processes (pids.max)"))
    return bounds


def _address_bounds(need: Need, space_bytes: int) -> list[tuple[int, str]]:
    """Limits on this process's address space (*space_bytes*, -1 for none), in units of *need*."""
    bounds = []
    limit = _number(_text("/proc/sys/vm/max_map_count"))
    if need.mappings and limit is not None:
        held = len(_text("/proc/self/maps").splitlines())
        why = f"{need.mappings} mappings each of the process's {limit} (vm.max_map_count)"
        bounds.append(((limit - held) // need.mappings, why))
    pages = _number(_text("/proc/self/statm").partition(" ")[0])
    if need.address_bytes and space_bytes >= 0 and pages is not None:
        left = space_bytes - pages * PAGESIZE
        why = f"{need.address_bytes >> 10} KiB of addresses each of the process's {space_bytes >> 20} MiB (RLIMIT_AS)"
        bounds.append((left // need.address_bytes, why))
    return bounds


def _tasks_of_user() -> int:
    """Threads of all processes with this process's real user id, as far as /proc shows them; 0 without it."""
    ours, total = _status("self").get("Uid", "").split()[:1], 0
    for entry in Path("/proc").glob("[0-9]*"):
        status = _status(entry.name)
        if status.get("Uid", "").split()[:1] == ours:
            total += _number(status.get("Threads", "")) or 0
    return total


def _status(pid: str) -> dict[str, str]:
    """Fields of proc_pid_status(5)."""
    return dict(line.split(":", 1) for line in _text(f"/proc/{pid}/status").splitlines())


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:  # not there, or no descriptor left to look
        return ""
