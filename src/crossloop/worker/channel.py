"""The private channel of a child process: JSON lines, on descriptors that no library can print to."""

import contextlib
import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

GRACE_S = 3.0
"""After the supervisor is gone, a child that has not ended by itself is ended after this time."""


class Channel:
    """Requests from the supervisor, answers to it. Made once, before anything else is imported.

    Standard input and output are taken away from the process: whatever a library prints goes to standard
    error, and a child process of the worker inherits neither end. End of file means that the supervisor
    is gone or wants the end.

    The first request is read directly. After that, one of two waits for the end: `start`, a daemon thread that
    reads requests on and calls `on_end`, or `terminate_at_end`, by which the kernel does it. A thread that
    blocks is not free: a process with two has its descriptors counted at every system call (fdget in
    Linux's fs/file.c) and its locks taken, 1.4 % of a server's CPU time a message where that is 7 µs.
    """

    def __init__(self) -> None:
        self._requests = os.fdopen(os.dup(0), "rb")
        self._answers = os.fdopen(os.dup(1), "wb")
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123  (Path would be one more import here)
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.on_end: Callable[[], object] = lambda: None

    def start(self) -> None:
        """Start reading requests."""
        threading.Thread(target=self._read, name="crossloop-channel", daemon=True).start()

    def first(self) -> dict[str, Any] | None:
        """The first request, read before `start`; None at the end. Blocks."""
        line = self._requests.readline()
        return json.loads(line) if line else None

    def terminate_at_end(self) -> bool:
        """Have the kernel send this process SIGTERM when the channel ends; False where it cannot (not Linux).

        For a process that takes no further request: signal-driven I/O (fcntl(2), F_SETSIG) on the pipe.
        """
        if sys.platform != "linux":
            return False
        import fcntl  # (POSIX only)
        import select

        descriptor = self._requests.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGTERM)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        if poller.poll(0):  # it ended before the kernel knew
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    def receive(self) -> dict[str, Any] | None:
        """Next request after `start`; None at the end. Blocks."""
        return self._queue.get()

    def answer(self, document: dict[str, Any]) -> None:
        """Send one document. What is no JSON in it is a stranger's: it is named, for whoever checks the answer."""
        text = json.dumps(document, separators=(",", ":"), default=_named)
        self._answers.write(text.encode() + b"\n")
        self._answers.flush()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for line in self._requests:
                self._queue.put(json.loads(line))
        self._queue.put(None)
        self.on_end()
        last = threading.Timer(GRACE_S, os._exit, (0,))
        last.daemon = True
        last.start()


def _named(value: object) -> dict[str, str]:
    return {"not JSON": repr(value)[:200]}


def stop_pair() -> tuple[socket.socket, socket.socket]:
    """(readable end, writing end) of the socket that tells an adapter's server to stop; non-blocking."""
    readable, writing = socket.socketpair()
    readable.setblocking(False)
    writing.setblocking(False)
    return readable, writing
