"""A stand-in for `_overlapped` and `_winapi`: completion ports over io_uring, for machines that are not Windows.

It lets `adapters.iocp` serve real connections here, so that its own logic (what is under way, in which order
things end, what is kept alive) is tested by all promises of a stream server. It says nothing of Windows:
that is for the the contract tests on Windows, which use the real module.
"""

import contextlib
import ctypes
import errno
import os
import socket
import time
from collections import deque
from typing import Any

from crossloop.bindings.io_uring import POLLIN, POLLOUT, Ring

INVALID_HANDLE_VALUE = -1
SO_UPDATE_ACCEPT_CONTEXT = socket.SO_REUSEADDR  # any option that may be set
ERROR_NETNAME_DELETED, ERROR_OPERATION_ABORTED = 64, 995
_FOREVER_MS = 0xFFFFFFFF
_TIME_IS_UP = 1 << 62

accept_failures: deque[int] = deque()
"""Windows error numbers with which the next accepts fail, one each, and their connections with them."""
datagram_failures: deque[int] = deque()
"""Windows error numbers with which the next receives of datagrams fail, one each, and their datagrams with them."""


class Port:
    """A ring and what has completed on it."""

    def __init__(self) -> None:
        self.ring = Ring(64, 256)
        self.operations: dict[int, Overlapped] = {}
        self.completed: deque[int] = deque()

    def take(self, limit_ms: int) -> tuple[int, int, int, int] | None:
        if limit_ms != _FOREVER_MS:
            self.ring.timeout(time.monotonic_ns() + limit_ms * 1_000_000, _TIME_IS_UP)
        late = False
        while not self.completed and not late:
            for number, result, _flags in self.ring.submit_and_wait():
                late = late or (number == _TIME_IS_UP and result == -errno.ETIME)
                operation = self.operations.get(number)
                if operation is not None and operation.complete(result):
                    del self.operations[number]
                    self.completed.append(number)
        if limit_ms != _FOREVER_MS and not late:
            self.ring.remove_timeout(_TIME_IS_UP)
        return (0, 0, 0, self.completed.popleft()) if self.completed else None


_ports: dict[int, Port] = {}
_port_of: dict[int, tuple[int, Port]] = {}
"""Handle → its file's inode and its port, so that a number given out again is no old acquaintance."""


def CreateIoCompletionPort(handle: int, port: int, key: int, threads: int) -> int:  # noqa: N802
    if handle == INVALID_HANDLE_VALUE:
        new = Port()
        _ports[id(new)] = new
        return id(new)
    inode = os.fstat(handle).st_ino
    if _port_of.get(handle, (0,))[0] == inode:
        raise windows_error(87)  # ERROR_INVALID_PARAMETER: once and for life
    _port_of[handle] = inode, _ports[port]
    return port


def CloseHandle(port: int) -> None:  # noqa: N802
    closing = _ports.pop(port)
    assert not closing.operations, "operations are under way on a port that is closed"
    closing.ring.close()


def GetQueuedCompletionStatus(port: int, limit_ms: int) -> tuple[int, int, int, int] | None:  # noqa: N802
    return _ports[port].take(limit_ms)


class Overlapped:
    """One operation. Its memory must be kept until the completion, which `__del__` insists on."""

    _last = 0

    def __init__(self, event: int) -> None:
        assert event == 0
        Overlapped._last += 1
        self.address = Overlapped._last
        self.result: int | None = None
        self.port: Port | None = None
        self.memory: Any = None
        self.size = 0
        self.accepting: tuple[int, int] | None = None
        self.receiving_from: tuple[int, int] | None = None
        self.datagram: tuple[bytes, Any] | None = None

    def __del__(self) -> None:
        if self.port is not None and self.address in self.port.operations:
            os.abort()

    def WSARecv(self, handle: int, size: int, flags: int = 0) -> None:  # noqa: N802
        ring = self._start(handle)
        self.size = size
        if size:
            self.memory = ctypes.create_string_buffer(size)
            ring.read(handle, ctypes.addressof(self.memory), size, self.address)
        else:
            ring.poll(handle, POLLIN, self.address)

    def WSASend(self, handle: int, data: Any, flags: int = 0) -> None:  # noqa: N802
        ring = self._start(handle)
        self.memory = bytes(data)
        ring.send(handle, self.memory, 0, self.address)

    def AcceptEx(self, listener: int, handle: int) -> None:  # noqa: N802
        if accept_failures and accept_failures[0] < 0:  # at the call already
            raise windows_error(-accept_failures.popleft())
        self.accepting = listener, handle
        self._start(listener).poll(listener, POLLIN, self.address)

    def WSARecvFrom(self, handle: int, size: int, flags: int = 0) -> None:  # noqa: N802
        self.receiving_from = handle, size
        self._start(handle).poll(handle, POLLIN, self.address)

    def WSASendTo(self, handle: int, data: Any, flags: int, address: Any) -> None:  # noqa: N802
        with socket.socket(fileno=os.dup(handle)) as endpoint:
            endpoint.setblocking(False)
            endpoint.sendto(bytes(data), address)
        self._start(handle).poll(handle, POLLOUT, self.address)

    def cancel(self) -> None:
        assert self.port is not None
        self.port.ring.cancel(self.address)

    def getresult(self) -> Any:
        assert self.result is not None, "asked before the completion"
        if self.result < 0:
            raise windows_error(
                {errno.ECONNRESET: ERROR_NETNAME_DELETED, errno.ECANCELED: ERROR_OPERATION_ABORTED}.get(
                    -self.result, -self.result
                )
            )
        if self.datagram is not None:
            return self.datagram
        if self.size:
            return self.memory.raw[: self.result]
        return self.result

    def complete(self, result: int) -> bool:
        """Take a completion of the ring; False while the operation goes on."""
        self.result = result
        if result >= 0 and self.receiving_from is not None:
            return self._receive_datagram(*self.receiving_from)
        if self.accepting is None or result < 0:
            return True
        assert self.port is not None
        listener, handle = self.accepting
        with socket.socket(fileno=os.dup(listener)) as door:
            door.setblocking(False)
            try:
                connection, _address = door.accept()
            except BlockingIOError:  # another accept had it
                self.port.ring.poll(listener, POLLIN, self.address)
                return False
        with connection:
            if accept_failures:
                self.result = -accept_failures.popleft()
            else:
                connection.setblocking(True)
                os.dup2(connection.fileno(), handle, inheritable=False)
        return True

    def _receive_datagram(self, handle: int, size: int) -> bool:
        assert self.port is not None
        with socket.socket(fileno=os.dup(handle)) as endpoint:
            endpoint.setblocking(False)
            try:
                self.datagram = endpoint.recvfrom(size)
            except BlockingIOError:  # another receive had it
                self.port.ring.poll(handle, POLLIN, self.address)
                return False
        if datagram_failures:
            self.datagram, self.result = None, -datagram_failures.popleft()
        return True

    def _start(self, handle: int) -> Ring:
        self.port = _port_of[handle][1]
        self.port.operations[self.address] = self
        return self.port.ring


def windows_error(number: int) -> OSError:
    """As Windows raises it: `errno` says little, `winerror` all."""
    error = OSError(errno.EIO, f"[WinError {number}]")
    with contextlib.suppress(AttributeError):
        setattr(error, "winerror", number)  # noqa: B010  (OSError declares it on Windows alone)
    return error
