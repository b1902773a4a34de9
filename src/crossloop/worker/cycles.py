"""CPU time on Windows by the cycles that a process has used, since its clock of CPU time counts in ticks of 15.6 ms.

The scheduler charges each thread the cycles of the time stamp counter between its switches, interrupts left out
(QueryProcessCycleTime, since Vista; "Windows Internals", on quantum accounting). They become time by the
counter's rate, which the registry has in whole MHz, measured at the start of the system: common to all figures, so
that ratios know nothing of its error. Wine answers 0: there is no such clock then, and `cycles_per_ns` is None.
"""

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

PROCESSOR = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_QUERY_LIMITED_INFORMATION = 0x1000
_SPIN_NS = 2_000_000


@functools.cache
def cycles_per_ns() -> float | None:
    """Rate of the counter; None where cycles are not counted, or their rate is not known: elsewhere, and under Wine."""
    if sys.platform != "win32":
        return None
    import winreg  # (Windows only)

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, PROCESSOR) as key:
            mhz, _kind = winreg.QueryValueEx(key, "~MHz")
        before, end = cycles(None), time.perf_counter_ns() + _SPIN_NS
        while time.perf_counter_ns() < end:
            pass
        counts = cycles(None) > before
    except OSError:
        return None
    return int(mhz) / 1000 if counts and int(mhz) > 0 else None


def cycles(pid: int | None) -> int:
    """Cycles that a process has used, all threads; *pid* None: this one. Raises OSError when it is gone."""
    import ctypes  # (not at import)

    kernel = _kernel32()
    opened = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, pid) if pid is not None else None
    if pid is not None and not opened:
        raise _last_error()
    counted = ctypes.c_uint64()
    try:
        handle = ctypes.c_void_p(opened if opened else kernel.GetCurrentProcess())
        if not kernel.QueryProcessCycleTime(handle, ctypes.byref(counted)):
            raise _last_error()
    finally:
        if opened:
            kernel.CloseHandle(ctypes.c_void_p(opened))
    return counted.value


@functools.cache
def _kernel32() -> Any:
    import ctypes  # (not at import)

    if sys.platform != "win32":
        raise OSError("cycles are counted on Windows")
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = kernel.GetCurrentProcess.restype = ctypes.c_void_p
    return kernel


def _last_error() -> OSError:
    if sys.platform == "win32":
        import ctypes  # (not at import)

        return ctypes.WinError(ctypes.get_last_error())
    return OSError()


def own_cpu_clock() -> Callable[[], int]:
    """The finest clock of this process's CPU time, user and system, all threads, in ns."""
    rate = cycles_per_ns()
    if rate is None:
        return time.process_time_ns
    return lambda: int(cycles(None) / rate)
