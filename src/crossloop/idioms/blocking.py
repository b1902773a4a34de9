"""Blocking I/O: what a thread and a process for each connection have in common.

A blocking call does the waiting itself: the kernel takes the thread off the CPU inside `recv` and puts it back
when there is data, so that the program reads like its protocol: receive, answer, repeat (`converse`). There is
no loop, no callback and no state machine; where a connection stands is where its thread stands, on its stack.
A peer that does not read blocks `sendall`, so backpressure comes by itself. The price is that whoever waits
for one thing cannot wait for another: it takes a thread, or a process, for each connection (Stevens, Fenner,
Rudoff, *UNIX Network Programming* volume 1, 6.2 for the model, chapter 30 for the designs of its servers).

*Who accepts* is the one place where two things are waited for, the next connection and the word to stop. A
blocked `accept` could be interrupted from another thread by `shutdown` on the listener, but only on Linux; the
BSDs answer ENOTCONN, and a mere `close` leaves it blocked (and its number free for a stranger). So it is
preceded by `poll` on both (`select` on Windows), and the listener does not block: a connection that is reset
between the poll and the accept is gone from the queue, and a blocking accept would then wait for the next one
while nobody hears the stop (UNP 16.6). An accepted socket blocks on Linux whatever its listener does; on the
BSDs it inherits O_NONBLOCK, so it is told.

*A buffer while waiting.* `recv(n)` is handed its memory before it waits. A loop has one buffer for all
connections; here each has its own, whether anything ever comes or not. Only the pages that data once touched are
resident, so an idle connection costs address space at first and up to READ_BYTES later.
"""

import os
import selectors
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from pathlib import Path

from crossloop.api import Receive

READ_BYTES = 65536
ACCEPTS_PER_WAKE = 128
"""The word to stop is not to wait behind an accept storm."""
ACCEPT_PAUSE_S = 0.1
OUT_OF_RESOURCES = frozenset({EMFILE, ENFILE, ENOBUFS, ENOMEM})


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Connections that were accepted and closed unserved, because there was nothing left to serve them with."""

    count: int
    wanted: str
    """What each of them needed: `thread`, `process`."""
    reason: str
    """The first refusal in the words of the interpreter, and the limits that may have caused it."""

    @staticmethod
    def once_more(before: "Refused | None", wanted: str, error: Exception) -> "Refused":
        """*before* and one more."""
        if before is None:
            return Refused(count=1, wanted=wanted, reason=f"{error}; {limits_on_tasks()}")
        return Refused(count=before.count + 1, wanted=wanted, reason=before.reason)


def converse(connection: socket.socket, receive: Receive) -> None:
    """Serve one blocking connection to its end. Raises what the application raises, and no error of the peer's."""
    recv, sendall = connection.recv, connection.sendall
    while True:
        try:
            data = recv(READ_BYTES)
        except OSError:  # reset by the peer
            return
        if not data:
            return
        if answer := receive(data):
            try:
                sendall(answer)
            except OSError:
                return


def arrivals(listener: socket.socket, *others: socket.socket) -> Iterator[socket.socket]:
    """Connections to *listener*, as blocking sockets, and any of *others* whenever it is readable, that first."""
    # No epoll: two or three descriptors are what poll is good at, and it leaves nothing to close after a fork.
    waiting: selectors.BaseSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
    for each in (listener, *others):
        waiting.register(each, selectors.EVENT_READ)
    while True:
        exhausted = False
        ready = [key.fileobj for key, _events in waiting.select()]
        yield from (each for each in others if each in ready)
        if listener in ready:
            for _ in range(ACCEPTS_PER_WAKE):
                try:
                    connection, _address = listener.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    # Otherwise the peer gave up between its SYN and our accept (accept(2), ECONNABORTED).
                    exhausted = error.errno in OUT_OF_RESOURCES
                    if exhausted:
                        break
                    continue
                connection.setblocking(True)
                yield connection
        if exhausted:
            # The listener stays readable: without a pause this would spin.
            waiting.unregister(listener)
            yield from (key.fileobj for key, _ in waiting.select(ACCEPT_PAUSE_S) if key.fileobj in others)
            waiting.register(listener, selectors.EVENT_READ)


def limits_on_tasks() -> str:
    """What bounds the number of threads and processes here, beside what this process has, in one line.

    EAGAIN of clone(2) does not say which limit it was (pthread_create(3), fork(2) list them). A stack and its
    guard page are two mappings, so vm.max_map_count ends at half as many threads; RLIMIT_NPROC counts all
    threads of the user and does not bind root.
    """
    if sys.platform == "win32":
        return "Windows has no limit of its own: memory and address space end it"
    import resource  # (POSIX only)

    soft = {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_NPROC", "RLIMIT_AS")}
    found = [f"{name} {'none' if limit == resource.RLIM_INFINITY else limit}" for name, limit in soft.items()]
    if sys.platform == "linux":
        for name in ("kernel/threads-max", "kernel/pid_max", "vm/max_map_count"):
            found.append(f"{name.replace('/', '.')} {_text(f'/proc/sys/{name}')}")
        found.append(f"cgroup pids.max {_cgroup_pids_max()}")
        tasks, maps = _text("/proc/self/stat").rpartition(")")[2].split(), _text("/proc/self/maps")
        found.append(f"this process has {tasks[17] if len(tasks) > 17 else '?'} threads")
        found.append(f"{len(maps.splitlines())} mappings")
    return ", ".join(found)


def _cgroup_pids_max() -> str:
    """The pids controller's limit for this process's own group (cgroups(7)); `?` where it is not mounted here."""
    for line in _text("/proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        folder = {"": "/sys/fs/cgroup", "pids": "/sys/fs/cgroup/pids"}.get(
            controllers
        )  # version 2, version 1
        if folder is not None and os.path.exists(file := f"{folder}{path}/pids.max"):  # noqa: PTH110  (paths join otherwise)
            return _text(file)
    return "?"


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:  # not there, or no descriptor left to look
        return "?"
