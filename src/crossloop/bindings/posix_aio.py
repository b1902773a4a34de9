"""POSIX asynchronous I/O as glibc has it: `aio_read`, `aio_write`, `aio_suspend`, by ctypes.

For glibc on the 64-bit machines named in `MACHINES`. Names and meaning are those of aio(7); layouts are from
glibc's <aio.h> and <bits/types/sigevent_t.h>, and were compared with the compiler's: `struct aiocb` is 168 bytes, of
which a program fills in the first five members and `aio_offset` (pread's offset, of no meaning on a socket);
`struct sigevent` 64 bytes; `struct aioinit` eight ints. musl has the same `struct aiocb` and no `aio_init`, for it
starts a thread a request without bound; it was not tried and is refused. macOS has another layout, and
its kernel takes no sockets (`aio_validate` in xnu's bsd/kern/kern_aio.c: ESPIPE for what is no vnode).

Nothing is loaded at import.
"""

import ctypes
import errno
import mmap
import os
import platform
import struct
import sys
from collections.abc import Callable
from typing import Any

from crossloop.api import UnsupportedError

if sys.platform != "linux":
    raise ImportError("the layout of struct aiocb is known here for glibc on Linux alone")

MACHINES = ("x86_64", "aarch64")

SIGEV_NONE = 1

DEFAULT_THREADS = 20
"""What glibc starts at most unless `limit_threads` says otherwise (aio_init(3), `optim` in its aio_misc.c)."""


class ControlBlock(ctypes.Structure):
    """`struct aiocb`: one request, filled in by the program, looked after by the library until it is complete."""

    _fields_ = (
        ("aio_fildes", ctypes.c_int),
        ("aio_lio_opcode", ctypes.c_int),
        ("aio_reqprio", ctypes.c_int),
        ("aio_buf", ctypes.c_void_p),
        ("aio_nbytes", ctypes.c_size_t),
        ("sigev_value", ctypes.c_void_p),
        ("sigev_signo", ctypes.c_int),
        ("sigev_notify", ctypes.c_int),
        ("_sigev_rest", ctypes.c_char * 48),
        ("_next_prio", ctypes.c_void_p),
        ("_abs_prio", ctypes.c_int),
        ("_policy", ctypes.c_int),
        ("_error_code", ctypes.c_int),
        ("_return_value", ctypes.c_ssize_t),
        ("aio_offset", ctypes.c_int64),
        ("_reserved", ctypes.c_char * 32),
    )


class _Init(ctypes.Structure):
    """`struct aioinit`, a GNU extension."""

    _fields_ = (
        ("aio_threads", ctypes.c_int),
        ("aio_num", ctypes.c_int),
        ("_unused", ctypes.c_int * 4),
        ("aio_idle_time", ctypes.c_int),
        ("_reserved", ctypes.c_int),
    )


class Library:
    """The functions, found in this process's C library.

    Raises UnsupportedError where the C library or the machine is another one.
    """

    def __init__(self) -> None:
        _require_known_layout()
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "aio_read"):  # before glibc 2.34
            libc = ctypes.CDLL("librt.so.1", use_errno=True)
        self.aio_read = libc.aio_read
        self.aio_write = libc.aio_write
        self.aio_error = libc.aio_error
        self.aio_return = libc.aio_return
        self.aio_suspend = libc.aio_suspend
        self.aio_cancel = libc.aio_cancel
        self.aio_init = libc.aio_init
        for function in (self.aio_read, self.aio_write, self.aio_error, self.aio_return):
            function.argtypes = (ctypes.c_void_p,)
        self.aio_return.restype = ctypes.c_ssize_t
        self.aio_suspend.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self.aio_cancel.argtypes = (ctypes.c_int, ctypes.c_void_p)
        self.aio_init.argtypes = (ctypes.c_void_p,)
        self.aio_init.restype = None

    def limit_threads(self, threads: int, idle_s: int = 1) -> None:
        """Have the library start up to *threads*, before the first request of the process; later it is ignored.

        *idle_s*: how long a thread without work stays; below zero it ends at once. That part is heard any time.
        """
        wishes = _Init(aio_threads=threads, aio_num=threads, aio_idle_time=idle_s)
        self.aio_init(ctypes.byref(wishes))


class Requests:
    """A fixed number of requests, each with a control block and a buffer at a place of its own.

    The library holds their addresses until a request is complete, so nothing of it may move or be freed meanwhile.
    Buffers are one anonymous mapping: the kernel gives a page when it is first written.
    """

    def __init__(self, library: Library, capacity: int, buffer_bytes: int):
        self._library = library
        self.capacity, self.buffer_bytes = capacity, buffer_bytes
        self._blocks = (ControlBlock * capacity)()
        for block in self._blocks:
            block.sigev_notify = SIGEV_NONE
        self._address = ctypes.addressof(self._blocks)
        self._list = (ctypes.c_void_p * capacity)()
        self._list_address = ctypes.addressof(self._list)
        self._memory = mmap.mmap(-1, capacity * buffer_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._base: Any = (ctypes.c_char * (capacity * buffer_bytes)).from_buffer(self._memory)
        self._view = memoryview(self._memory)
        stride = ctypes.sizeof(ControlBlock) // 4
        self._states = (
            memoryview(self._blocks).cast("B").cast("i")[ControlBlock._error_code.offset // 4 :: stride]
        )
        self._sending: dict[int, bytes] = {}
        self._pending: set[int] = set()
        self._top = 0

    def read(self, index: int, descriptor: int) -> None:
        """Start reading into the buffer of *index*. Raises OSError."""
        block = self._blocks[index]
        block.aio_fildes, block.aio_nbytes = descriptor, self.buffer_bytes
        block.aio_buf = ctypes.addressof(self._base) + index * self.buffer_bytes
        self._start(self._library.aio_read, index)

    def write(self, index: int, descriptor: int, data: bytes, offset: int = 0) -> None:
        """Start writing *data* from *offset* on; it is kept until the request is complete. Raises OSError."""
        block = self._blocks[index]
        self._sending[index] = data
        block.aio_fildes, block.aio_nbytes = descriptor, len(data) - offset
        block.aio_buf = (ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0) + offset
        self._start(self._library.aio_write, index)

    def data(self, index: int, size: int) -> bytes:
        """The first *size* bytes of the buffer of *index*."""
        start = index * self.buffer_bytes
        return bytes(self._view[start : start + size])

    def wait(self) -> list[int]:
        """Sleep until a request is complete; those that are. Empty when a signal came. Raises OSError.

        aio_suspend does not say which, every control block has to be asked. `aio_error` by ctypes for each
        of thousands takes longer than all the rest, so their error numbers, which are what it returns, are read
        as an array first, and the function is called for those that look complete.
        """
        if self._library.aio_suspend(self._list_address, self._top, None):
            number = ctypes.get_errno()
            if number in (errno.EINTR, errno.EAGAIN):
                return []
            raise OSError(number, f"aio_suspend: {os.strerror(number)}")
        states, pending, aio_error, address = (
            self._states,
            self._pending,
            self._library.aio_error,
            self._address,
        )
        size = ctypes.sizeof(ControlBlock)
        changed = [
            index for index, state in enumerate(states[: self._top].tolist()) if state != errno.EINPROGRESS
        ]
        return [
            index
            for index in changed
            if index in pending and aio_error(address + index * size) != errno.EINPROGRESS
        ]

    def result(self, index: int) -> int:
        """What the read or write of a complete request returned; minus the error's number if it failed.

        May be taken once; then *index* is free for the next request.
        """
        place = self._address + index * ctypes.sizeof(ControlBlock)
        failed: int = self._library.aio_error(place)
        done: int = self._library.aio_return(place)
        self._list[index] = None
        self._pending.remove(index)
        self._sending.pop(index, None)
        return -failed if failed else done

    def cancel(self, index: int, descriptor: int) -> bool:
        """Take back a request that no thread works on yet; False: it is being worked on, or complete."""
        cancelled: int = self._library.aio_cancel(
            descriptor, self._address + index * ctypes.sizeof(ControlBlock)
        )
        return cancelled == 0  # AIO_CANCELED

    @property
    def pending(self) -> int:
        """Requests whose result was not taken yet."""
        return len(self._pending)

    def close(self) -> None:
        """Free the memory. Raises RuntimeError while requests are pending: threads may write into it."""
        if self._pending:
            raise RuntimeError(f"{len(self._pending)} requests are pending")
        self._view.release()
        self._base = None
        self._memory.close()

    def _start(self, function: Callable[[int], int], index: int) -> None:
        place = self._address + index * ctypes.sizeof(ControlBlock)
        if function(place):
            number = ctypes.get_errno()
            self._sending.pop(index, None)
            raise OSError(number, f"{os.strerror(number)}")
        self._list[index] = place
        self._pending.add(index)
        self._top = max(self._top, index + 1)


def native_threads() -> set[int]:
    """Thread ids of this process, those of C libraries included (proc(5), task)."""
    return {int(name) for name in os.listdir("/proc/self/task")}  # noqa: PTH208  (numbers, not paths)


def _require_known_layout() -> None:
    libc, machine = platform.libc_ver()[0], platform.machine()
    if libc != "glibc" or machine not in MACHINES or struct.calcsize("P") != 8:
        raise UnsupportedError(
            f"the layout of struct aiocb is known here for glibc on 64-bit {' and '.join(MACHINES)}; this is "
            f"{libc or 'another C library'} on {machine} with {8 * struct.calcsize('P')} bits"
        )
