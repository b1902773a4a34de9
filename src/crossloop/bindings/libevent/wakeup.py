"""Ways into a running loop from outside of it: other threads, and the interpreter's signals.

libevent has an own way to wake a base, which needs `libevent_pthreads` and a lock round every call. A
socket pair costs nothing until it is used, and also works on Windows.

Sockets and `set_wakeup_fd` are the C modules' own: where gevent has patched `socket` and `signal`, theirs would
ask for a loop, which may be the one that is being made here.
"""

import _signal  # type: ignore[import-not-found]  # the C module below `signal`; typeshed does not have it
import _socket
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from crossloop.bindings.libevent.base import EventBase
from crossloop.bindings.libevent.errors import LibeventError
from crossloop.bindings.libevent.events import PERSIST, READ, EventCallback, IoEvent


class _Doorbell:
    """A socket pair whose reading end is watched; survives a fork with sockets of the child's own."""

    def __init__(self, base: EventBase, on_ring: EventCallback, *, keep_lock: bool = False) -> None:
        self._base = base
        self._on_ring = on_ring
        self._write = _write_with_the_lock() if keep_lock else None
        self._connect()

    def _connect(self) -> None:
        self._reader, self.writer = _connected_pair()
        self._reader.setblocking(False)
        self.writer.setblocking(False)
        try:
            self.event = IoEvent(self._base, self._reader.fileno(), READ | PERSIST, self._on_ring)
        except LibeventError:  # the base is closed
            self._reader.close()
            self.writer.close()
            raise

    def ring(self) -> None:
        """Have the loop wake up; from any thread. A full socket is a bell that rings already."""
        if self._write is not None:
            self._write(self.writer.fileno(), b"\0", 1)
            return
        try:  # noqa: SIM105  (half the cost of contextlib.suppress, and every wake-up passes here)
            self.writer.send(b"\0")
        except BlockingIOError:
            pass

    def silence(self) -> bytes:
        """Take the rings so far; more than 4096 ring once more."""
        try:
            return self._reader.recv(4096)
        except BlockingIOError:
            return b""

    def renew(self) -> None:
        """In the child of a fork: leave the parent's sockets alone and watch new ones."""
        watched = self.event.pending
        self.close()
        self._connect()
        if watched:
            self.event.add()

    def close(self) -> None:
        self.event.delete()
        self._reader.close()
        self.writer.close()


def _connected_pair() -> tuple[_socket.socket, _socket.socket]:
    """Two sockets, as the C module makes them; it makes none on Windows."""
    return _socket.socketpair() if hasattr(_socket, "socketpair") else socket.socketpair()


def _write_with_the_lock() -> Callable[[int, bytes, int], int] | None:
    """write(2), called without letting go of the interpreter's lock; None on Windows, where it takes no socket."""
    if sys.platform == "win32":
        return None
    import ctypes  # costs milliseconds, and not every doorbell needs it

    write = ctypes.PyDLL(None).write
    write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
    write.restype = ctypes.c_ssize_t
    return write


class Wakeup:
    """Calls from other threads: each `wake(callback)` leads to one `callback()` in the loop's thread.

    In order per calling thread. A callback that raises ends the loop with its exception; those behind it
    run when the loop is entered again. After a fork the child has a copy of what was queued, as it has of all
    other events.

    *keep_lock*: ring without letting go of the interpreter's lock, so that the calling thread goes on, and the
    loop's has its turn when that one waits or its switch interval is over.
    """

    def __init__(self, base: EventBase, *, keep_lock: bool = False) -> None:
        self._base = base
        self._queue: deque[Callable[..., object]] = deque()
        self._rung = False
        self._closed = False
        self._doorbell = _Doorbell(base, self._run_queue, keep_lock=keep_lock)
        self._doorbell.event.add()
        base.attachments[self] = None

    def wake(self, callback: Callable[..., object]) -> None:
        """From any thread: have `callback()` run soon. Raises `LibeventError` once closed."""
        if self._closed:
            raise LibeventError("wake", "this Wakeup is closed")
        self._queue.append(callback)
        # The queue is filled first and the flag looked at second, and the loop clears the flag first and
        # empties the queue second: whoever finds the flag set is seen by the loop. Calls between two
        # rounds of the loop share one system call.
        if not self._rung:
            self._rung = True
            self._doorbell.ring()

    def _run_queue(self, _fd: int, _what: int) -> None:
        queue = self._queue
        try:
            self._doorbell.silence()
            self._rung = False
            for _ in range(len(queue)):  # not what they add themselves: other events have their turn
                queue.popleft()()
        except BaseException:
            # Also for what a signal handler raises in here: nobody rings while the flag is set.
            self._rung = True
            self._doorbell.ring()
            raise

    def after_fork(self) -> None:
        self._doorbell.renew()
        self._rung = True
        self._doorbell.ring()

    def close(self) -> None:
        """Stop listening; callbacks that have not run are dropped. Not while other threads may still call."""
        self._closed = True
        self._doorbell.close()
        self._queue.clear()
        self._base.attachments.pop(self, None)


class PythonSignals:
    """Lets Python's signal handlers run while the loop waits (`signal.set_wakeup_fd`).

    Main thread only. The interpreter's C handler writes the number to a socket; that wakes the loop, whose
    callback is Python code, and before Python code goes on the interpreter runs the handlers. `run`
    of a base has one of its own; who drives `EventBase.loop` by hand makes one. What a program
    had given to `set_wakeup_fd` before is written to as well.
    """

    def __init__(self, base: EventBase) -> None:
        self._base = base
        self._previous: int | None = None
        self._doorbell = _Doorbell(base, self._pass_on)
        base.attachments[self] = None

    def add(self) -> bool:
        """Start; False if started already, and in threads, where Python runs no handlers."""
        if self._previous is not None:
            return False
        try:
            self._previous = self._take_over()
        except ValueError:
            return False
        self._doorbell.event.add()
        return True

    def delete(self) -> None:
        """Stop, and give the wake-up descriptor back to whoever had it before."""
        previous, self._previous = self._previous, None
        if previous is None:
            return
        self._doorbell.event.delete()
        ours = self._doorbell.writer.fileno()
        try:
            in_place = _signal.set_wakeup_fd(previous)
        except (OSError, ValueError):  # its owner has closed it meanwhile
            in_place = _signal.set_wakeup_fd(-1)
        if in_place != ours:  # somebody else's by now
            with suppress(OSError, ValueError):
                _signal.set_wakeup_fd(in_place)

    def _take_over(self) -> int:
        previous: int = _signal.set_wakeup_fd(self._doorbell.writer.fileno(), warn_on_full_buffer=False)
        return previous

    def _pass_on(self, _fd: int, _what: int) -> None:
        numbers = self._doorbell.silence()
        if self._previous is not None and self._previous >= 0:
            with suppress(OSError):  # full, or closed by its owner
                os.write(self._previous, numbers)

    def after_fork(self) -> None:
        self._doorbell.renew()
        if self._previous is not None:
            self._take_over()

    def close(self) -> None:
        self.delete()
        self._doorbell.close()
        self._base.attachments.pop(self, None)
