"""What this process and its children hold and use: open descriptors, CPU time, time in the queue for a CPU.

A server may be a family of processes (`adapters/processes.py`), so each figure is that of the family where the platform
shows it. Linux does, by proc(5); elsewhere there is this process alone, or nothing, and the docstrings say which.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def descriptors() -> list[str] | None:
    """What the open descriptors of the family are, in words as far as the platform has them; None where it shows none.

    Windows counts the handles of a process, of whatever kind.
    """
    if sys.platform == "win32":
        import ctypes

        count = ctypes.c_ulong()
        ctypes.windll.kernel32.GetProcessHandleCount(ctypes.c_void_p(-1), ctypes.byref(count))
        return ["a handle"] * count.value
    if sys.platform == "linux":
        return [
            _target(entry)
            for pid in family()
            for entry in _listed(Path(f"/proc/{pid}/fd"))
            if entry.is_symlink()
        ]
    listing = Path("/dev/fd")
    return [entry.name for entry in _listed(listing) if _is_open(entry.name)] if listing.is_dir() else None


class QueuedTime:
    """Seconds that the family's threads were ready to run and had no CPU (Linux; elsewhere 0).

    Second field of /proc/PID/task/TID/schedstat (sched-stats in the kernel's documentation), in nanoseconds.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}
        self._total_ns = 0

    def read_s(self) -> float:
        """The sum up to now; what a thread that ended waited since the last look is not in it."""
        for pid in family() if sys.platform == "linux" else ():
            for task in _listed(Path(f"/proc/{pid}/task")):
                with contextlib.suppress(
                    OSError, IndexError
                ):  # gone meanwhile; or a kernel without these figures
                    queued_ns = int((task / "schedstat").read_text().split()[1])
                    self._total_ns += queued_ns - self._seen.get(task, 0)
                    self._seen[task] = queued_ns
        return self._total_ns / 1e9


class BusyTime:
    """Seconds in which the family wanted a CPU: those that it had one, and those that it waited for one.

    The second part is known on Linux alone. With it a process that is idle and one that gets no turn on a busy machine
    are told apart.
    """

    def __init__(self) -> None:
        self._queued = QueuedTime()

    def read_s(self) -> float:
        """The sum up to now."""
        if sys.platform != "linux":
            return time.process_time()
        return self._queued.read_s() + sum(_cpu_s(pid) for pid in family())


def family() -> list[int]:
    """This process and its descendants, itself first; on other systems than Linux itself alone."""
    pids = [os.getpid()]
    for pid in pids:  # grows meanwhile
        for task in _listed(Path(f"/proc/{pid}/task")):
            with contextlib.suppress(OSError):
                pids += map(int, (task / "children").read_text().split())
    return pids


def _listed(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(folder.iterdir())


def _target(entry: Path) -> str:
    with contextlib.suppress(OSError):
        return f"{entry.name} is {entry.readlink()}"
    return entry.name


def _is_open(number: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # the descriptor that the listing itself used is gone
        os.fstat(int(number))
        return True
    return False


def _cpu_s(pid: int) -> float:
    """CPU time of a process (Linux), by its CPU clock, which is made from its number (clock_getcpuclockid(3))."""
    with contextlib.suppress(OSError):  # it has ended
        if sys.platform == "linux":
            return time.clock_gettime(((~pid) << 3) | 2)
    return 0.0
