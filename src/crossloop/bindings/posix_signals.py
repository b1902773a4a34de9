"""Signals that say which descriptor is ready: `sigtimedwait` with `si_fd`, and the fcntl calls that ask for them.

Python has `signal.sigtimedwait`, but what it returns leaves out the member that matters here, the number
of the descriptor; and `fcntl` lacks the constants of `F_SETOWN_EX`. Both are added by ctypes and struct, for
Linux on the machines named in `MACHINES`, where the layouts below were compared with the compiler's:

- `siginfo_t`: sigaction(2); asm-generic/siginfo.h, the member `_sigpoll`. On 64-bit machines the union begins
  at byte 16, after a gap of four: `long si_band` at 16, `int si_fd` at 24, 128 bytes in all.
- `sigset_t`: 1024 bits in glibc and musl, of which the kernel knows 64; filled by the C library itself.
- `F_SETOWN_EX`, `struct f_owner_ex`: fcntl(2); asm-generic/fcntl.h.

Nothing is loaded at import.
"""

import ctypes
import errno
import fcntl
import os
import platform
import signal
import struct
import sys
import threading
from pathlib import Path

from crossloop.api import UnsupportedError

if sys.platform != "linux":
    raise ImportError("only Linux has signals that name a descriptor (F_SETSIG)")

MACHINES = ("x86_64", "aarch64")

F_SETOWN_EX = 15
F_OWNER_TID = 0

NONE_TAKEN = (errno.EAGAIN, errno.EINTR)


class SignalInfo(ctypes.Structure):
    """`siginfo_t` of a signal that the kernel sent for a descriptor."""

    _fields_ = (
        ("si_signo", ctypes.c_int),
        ("si_errno", ctypes.c_int),
        ("si_code", ctypes.c_int),
        ("_gap", ctypes.c_int),
        ("si_band", ctypes.c_long),
        ("si_fd", ctypes.c_int),
        ("_rest", ctypes.c_char * 100),
    )


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class SignalTaker:
    """Takes blocked signals of the calling thread off their queue, one a call."""

    def __init__(self, numbers: tuple[int, ...]):
        """*numbers*: the signals to take. Raises UnsupportedError where the layouts are not known."""
        _require_known_layout()
        libc = ctypes.CDLL(None, use_errno=True)
        members = ctypes.create_string_buffer(128)
        libc.sigemptyset(members)
        for number in numbers:
            libc.sigaddset(members, ctypes.c_int(number))
        self.info = SignalInfo()
        """What came with the signal that was taken last."""
        self._timeout = _Timespec()
        self._set = members  # (referred to by the pointer below)
        self._call = libc.sigtimedwait
        self._call.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._arguments = (ctypes.addressof(members), ctypes.addressof(self.info))
        self._timeout_address = ctypes.addressof(self._timeout)

    def take(self, timeout_s: float | None) -> int:
        """Number of the signal taken, its particulars in `info`; 0 when none came in time.

        None waits without end. A signal outside the set, for which Python has a handler, ends the wait with
        0, too: on return the interpreter runs the handler (sigtimedwait(2), EINTR). Raises OSError.
        """
        if timeout_s is None:
            number: int = self._call(*self._arguments, None)
        else:
            timeout = self._timeout
            timeout.tv_sec = whole = int(timeout_s)
            timeout.tv_nsec = int((timeout_s - whole) * 1e9)
            number = self._call(*self._arguments, self._timeout_address)
        if number > 0:
            return number
        error = ctypes.get_errno()
        if error in NONE_TAKEN:
            return 0
        raise OSError(error, f"sigtimedwait: {os.strerror(error)}")


def free_realtime_signal() -> int:
    """The lowest real-time signal that nobody in this process catches, ignores or blocks.

    `signal.SIGRTMIN` is the C library's: it comes after those that the library keeps for its threads
    (signal(7)). The kernel's own account (proc(5), Sig* in status) is asked, for a handler that a C
    library installed is unknown to Python. Raises UnsupportedError when all are taken.
    """
    status = Path("/proc/thread-self/status").read_text(encoding="ascii", errors="replace")
    taken = 0
    for line in status.splitlines():
        name, _colon, value = line.partition(":")
        if name in ("SigBlk", "SigIgn", "SigCgt"):
            taken |= int(value, 16)
    for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
        if not taken >> (number - 1) & 1:
            return number
    raise UnsupportedError(
        f"each of the real-time signals {int(signal.SIGRTMIN)} to {int(signal.SIGRTMAX)} is in use here"
    )


def signal_readiness(descriptor: int, number: int) -> None:
    """Have the kernel queue signal *number* to the calling thread at each change of a non-blocking socket.

    Sets the flags of the open file to just O_ASYNC and O_NONBLOCK (F_SETFL cannot change others that a
    socket has), which saves reading them. Raises OSError.
    """
    owner = struct.pack("ii", F_OWNER_TID, threading.get_native_id())
    fcntl.fcntl(descriptor, F_SETOWN_EX, owner)
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, number)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def signal_readiness_of_any(descriptor: int, number: int) -> None:
    """The same for any kind of file, whose other flags are kept; blocking ones stay blocking.

    Raises UnsupportedError for a kind that has no signals: F_SETFL passes over O_ASYNC there in silence
    (open(2) names terminals, pipes, FIFOs and sockets), and the flag is missing when it is read again.
    """
    owner = struct.pack("ii", F_OWNER_TID, threading.get_native_id())
    fcntl.fcntl(descriptor, F_SETOWN_EX, owner)
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, number)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ASYNC:
        raise UnsupportedError(
            f"descriptor {descriptor} is a kind of file that sends no signals; "
            "sockets, pipes, FIFOs and terminals do (open(2), O_ASYNC)"
        )


def end_signals(descriptor: int) -> None:
    """No more signals for *descriptor*; harmless when it is closed already. What is queued stays queued."""
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_ASYNC)


def _require_known_layout() -> None:
    machine = platform.machine()
    if machine not in MACHINES or struct.calcsize("P") != 8:
        raise UnsupportedError(
            f"the layout of siginfo_t is known here for 64-bit Linux on {' and '.join(MACHINES)}, "
            f"this is {machine} with {8 * struct.calcsize('P')} bits"
        )
