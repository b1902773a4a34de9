"""Frames that programs share: running a coroutine, the other side of a connection, what a stretch of time costs."""

import asyncio
import contextlib
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

_Result = TypeVar("_Result")
QUIET_S = 0.1
"""How long something that must not happen is given to happen."""
WAIT_S = 3.0
"""Longest wait for something that must happen; shorter than the limit of a behaviour."""


def run(new_loop: NewLoop, main: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """The result of *main* on a new loop, as `asyncio.run` would have it; raises what it raises."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main())


async def turns(number: int = 10) -> None:
    """Let the loop go round; what takes a few turns is over then, however slow the machine is."""
    for _ in range(number):
        await asyncio.sleep(0)


@contextlib.contextmanager
def pair(*, blocking: bool = False) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets, closed at the end."""
    first, second = socket.socketpair()
    with first, second:
        first.setblocking(blocking)
        second.setblocking(blocking)
        yield first, second


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """(end that connected, end that was accepted) over loopback; each call on them waits for at most `WAIT_S`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = socket.create_connection(listener.getsockname())
        accepted, _address = listener.accept()
    connected.settimeout(WAIT_S)
    accepted.settimeout(WAIT_S)
    return connected, accepted


def reset(sock: socket.socket) -> None:
    """End a TCP connection by a reset, as a process that dies with unread data does (SO_LINGER, socket(7))."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    sock.close()


def receive_all(sock: socket.socket) -> bytes:
    """What arrives until the end of file. Raises OSError for a reset, TimeoutError after `WAIT_S` of silence."""
    sock.settimeout(WAIT_S)
    received = bytearray()
    while data := sock.recv(65536):
        received += data
    return bytes(received)


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """(reading end, writing end), blocking as the system makes them; closed at the end if they are open still."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


def aside(work: Callable[[], _Result]) -> "Future[_Result]":
    """*work* in a thread of its own, while the library has this one. The thread does not keep the process."""
    result: Future[_Result] = Future()

    def body() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # raised where the result is asked for
            result.set_exception(error)

    threading.Thread(target=body, daemon=True).start()
    return result


def descriptors_open() -> int:
    """How many descriptors this process has open, by the system's own list; 0 where there is none (Windows)."""
    listed = Path("/dev/fd")
    return len(os.listdir(listed)) if listed.exists() else 0  # noqa: PTH208  (no object for each is wanted)


def run_on(io_loop: "IOLoop", main: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """The result of *main* on tornado's loop."""
    result: _Result = io_loop.run_sync(main)
    return result


async def beside(work: Callable[[], _Result]) -> _Result:
    """The result of *work*, which blocks in a thread of its own while the loop runs."""
    return await asyncio.wrap_future(aside(work))


class Stretch:
    """What a stretch of time costs this process: `elapsed_s` and `cpu_s`, when the block has ended."""

    elapsed_s = cpu_s = waited_s = 0.0
    """`waited_s`: what its threads were ready to run and had no CPU, which is known on Linux alone."""

    def __enter__(self) -> "Stretch":
        self._begun = time.monotonic(), time.process_time(), _without_a_cpu_s()
        return self

    def __exit__(self, *_error: object) -> None:
        elapsed, cpu, waited = self._begun
        self.elapsed_s, self.cpu_s = time.monotonic() - elapsed, time.process_time() - cpu
        self.waited_s = _without_a_cpu_s() - waited

    @property
    def busy(self) -> bool:
        """Whether it took more than a third of a CPU, or would have: something spins that should wait."""
        return self.cpu_s + self.waited_s > self.elapsed_s / 3

    def __str__(self) -> str:
        return f"{1000 * self.cpu_s:.0f} of {1000 * self.elapsed_s:.0f} ms on a CPU"


def spins(run: Callable[[], object], seconds: float) -> bool:
    """Whether *run*, which has nothing to do for *seconds*, does not sleep meanwhile.

    Called up to five times: who sleeps does so at least once, however long it waits for a CPU then.
    """
    for _ in range(5):
        with Stretch() as stretch:
            run()
        if stretch.elapsed_s - stretch.cpu_s - stretch.waited_s > seconds / 3:
            return False
    return True


def _without_a_cpu_s() -> float:
    """How long the threads of this process have waited for a CPU: the second number of /proc/PID/task/TID/schedstat."""
    waited_ns = 0
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(
            OSError, IndexError
        ):  # the thread has ended, or the kernel keeps no such figure
            waited_ns += int(thread.read_text().split()[1])
    return waited_ns / 1e9
