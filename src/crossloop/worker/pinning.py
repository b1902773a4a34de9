"""Tying a process to a CPU: sched_setaffinity on Linux, SetProcessAffinityMask on Windows, nothing elsewhere.

Whether it works is found out by trying (`pinnable`): containers and sandboxes refuse it, and Wine's answers depend on
its version. Standard library only, because the measured process does it to itself.
"""

import errno
import os
import sys
from collections.abc import Set as AbstractSet


def pin(cpu: int) -> None:
    """Keep this process on *cpu*. Raises OSError where the platform or the machine cannot, ValueError for no number."""
    if cpu < 0:
        raise ValueError(f"cpu {cpu}, expected 0 or more")
    _allow({cpu})


def allowed() -> list[int]:
    """CPUs that this process may use, which a container or taskset may have narrowed; empty where it is not said."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    if sys.platform == "win32":
        import ctypes  # (Windows only, and not at import)

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        ours, machine = ctypes.c_size_t(), ctypes.c_size_t()
        process = ctypes.c_void_p(kernel.GetCurrentProcess())
        if kernel.GetProcessAffinityMask(process, ctypes.byref(ours), ctypes.byref(machine)):
            return [cpu for cpu in range(64) if ours.value >> cpu & 1]
    return []


def pinnable() -> list[int]:
    """CPUs that this process can be pinned to: tried on this very process with the first, and undone.

    Raises OSError that says why not.
    """
    cpus = allowed()
    if not cpus:
        raise OSError(errno.ENOSYS, f"{sys.platform} cannot pin a process")
    try:
        pin(cpus[0])
    finally:
        _allow(set(cpus))
    return cpus


def _allow(cpus: AbstractSet[int]) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, cpus)
    elif sys.platform == "win32":
        import ctypes  # (Windows only, and not at import)

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        mask = ctypes.c_size_t(sum(1 << cpu for cpu in cpus))
        if not mask.value or not kernel.SetProcessAffinityMask(
            ctypes.c_void_p(kernel.GetCurrentProcess()), mask
        ):
            raise ctypes.WinError(ctypes.get_last_error())
    else:
        raise OSError(errno.ENOSYS, f"{sys.platform} cannot pin a process")
