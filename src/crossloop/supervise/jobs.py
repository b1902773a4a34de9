"""Job objects: how Windows holds a process and all that it starts together, and ends them with their supervisor.

Windows has no process groups that a kill reaches, and a process whose parent has ended is nobody's child. It has jobs
instead. What a process of a job starts belongs to it too, and the job lists them without a look at every process of
the machine. With KILL_ON_JOB_CLOSE the kernel ends all of them, suspended ones too, when the last handle to the
job is closed, and the end of its owner closes it, however that came. A process is in a job from its first instruction
on when it is created suspended, taken in, and let run; the launcher of a virtual environment starts the
interpreter as its first deed. Jobs nest since Windows 8 ("Job Objects", "Nested Jobs", learn.microsoft.com).
"""

import contextlib
import ctypes
import errno
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

import psutil

_CREATE_SUSPENDED = 0x00000004
_EXTENDED_LIMITS, _PROCESS_IDS = 9, 3
"""JobObjectExtendedLimitInformation and JobObjectBasicProcessIdList."""
_KILL_ON_JOB_CLOSE = 0x2000
_MORE_DATA = 234
_SET_QUOTA_AND_TERMINATE = 0x0101
"""PROCESS_SET_QUOTA | PROCESS_TERMINATE, which AssignProcessToJobObject wants."""


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class Job:
    """A job whose processes end with it; a context manager. Raises OSError where there are no jobs."""

    def __init__(self) -> None:
        self._kernel = _kernel32()
        self._handle: int | None = self._kernel.CreateJobObjectW(None, None)
        if not self._handle:
            raise _last_error()
        limits = _Limits(flags=_KILL_ON_JOB_CLOSE)
        if not self._kernel.SetInformationJobObject(
            self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            error = _last_error()
            self.close()
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def take(self, pid: int) -> None:
        """Take a process in, and what it starts from now on. Raises OSError."""
        process = self._kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, 0, pid)
        if not process:
            raise _last_error()
        try:
            if not self._kernel.AssignProcessToJobObject(self._handle, process):
                raise _last_error()
        finally:
            self._kernel.CloseHandle(process)

    def pids(self) -> list[int]:
        """The processes that are alive in it, in the order in which they came; none once it is closed."""
        places = 64
        while self._handle is not None:
            # Two DWORDs, how many there are and how many are listed, then that many ULONG_PTRs.
            answer = (ctypes.c_size_t * (places + 1))()
            taken = self._kernel.QueryInformationJobObject(
                self._handle, _PROCESS_IDS, ctypes.byref(answer), ctypes.sizeof(answer), None
            )
            if taken:
                listed = ctypes.cast(answer, ctypes.POINTER(ctypes.c_uint32))[1]
                return [int(pid) for pid in answer[1 : listed + 1]]
            if _last_number() != _MORE_DATA:
                break
            places *= 4
        return []

    def terminate(self) -> None:
        """End every process in it, suspended ones too."""
        if self._handle is not None:
            self._kernel.TerminateJobObject(self._handle, 1)

    def close(self) -> None:
        """Give it up; what is left in it ends. Idempotent."""
        handle, self._handle = self._handle, None
        if handle:
            self._kernel.CloseHandle(handle)


def start_in_job(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, pipe: int | None = None
) -> tuple[subprocess.Popen[bytes], Job | None]:
    """Start *command* on Windows in a process group of its own, and in a job of its own where that is possible.

    *pipe*: `subprocess.PIPE` for its input, output and errors. Raises OSError.
    """
    job = None
    with contextlib.suppress(OSError):
        job = Job()
    suspended = _CREATE_SUSPENDED if job is not None else 0
    try:
        process = subprocess.Popen(
            list(command),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=None if environment is None else dict(environment),
            creationflags=suspended | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError:
        if job is not None:
            job.close()
        raise
    if job is None:
        return process, None
    try:
        job.take(process.pid)
    except OSError:  # an older Windows, in a job already
        job.close()
        job = None
    psutil.Process(process.pid).resume()
    return process, job


def _kernel32() -> Any:
    if sys.platform != "win32":
        raise OSError(errno.ENOSYS, "job objects are part of Windows")
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    for name in ("CreateJobObjectW", "OpenProcess"):
        getattr(kernel, name).restype = ctypes.c_void_p
    handle, number, where = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p
    kernel.CreateJobObjectW.argtypes = (where, ctypes.c_wchar_p)
    kernel.SetInformationJobObject.argtypes = (handle, ctypes.c_int, where, number)
    kernel.QueryInformationJobObject.argtypes = (handle, ctypes.c_int, where, number, where)
    kernel.OpenProcess.argtypes = (number, ctypes.c_int, number)
    kernel.AssignProcessToJobObject.argtypes = (handle, handle)
    kernel.TerminateJobObject.argtypes = (handle, number)
    kernel.CloseHandle.argtypes = (handle,)
    return kernel


def _last_number() -> int:
    if sys.platform == "win32":
        return ctypes.get_last_error()
    return 0


def _last_error() -> OSError:
    if sys.platform == "win32":
        return ctypes.WinError(ctypes.get_last_error())
    return OSError()
