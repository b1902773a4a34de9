"""POSIX asynchronous I/O: the program asks for a read and is told when it is done.

**The model.** Stevens' fifth model (UNP 6.2). The four others tell when an operation *can* be made, and the program
makes it, copying the data in its own system call. Here the program passes the operation itself: `aio_read` returns at
once, some time later the data lies in the buffer, and the program learns of the completion. io_uring and Windows'
completion ports are this model. POSIX has had it since 1993, for files on disk.

**Where the work is done.** In the kernel on some systems, but not with glibc: there a request goes into a list, and a
thread takes it and makes the ordinary blocking call (aio(7), "implemented in user space"). On a socket it makes two
calls: `pread`, which fails with ESPIPE, then `read`. So this is `threads`, with the queue of a thread pool before it
and a hand-over to another thread behind it. A thread without a request waits a second for the next request. A thread
that is woken and finds the request taken by another thread ends. 2,000 messages on 20 connections took 25,000 calls of
futex, 2,000 of pread and 2,000 of pwrite that failed, and 1,000 new threads (`strace -f -c`, glibc 2.36).

**Waiting.** `aio_suspend` of glibc on Linux sleeps until one of a list of requests is complete. It does not say which,
so the program checks all. The call looks up each request in its own list from the start, so it costs the *square* of
the number of requests: in C 0.06 ms with 100 idle connections, 0.9 ms with 1,000, 7 ms with 3,000. The scenarios show
the square. There are two other ways to learn of a completion, and both are worse:

- SIGEV_SIGNAL: a signal to the *process*. Any thread that does not block the signal may take it, and the completion
  with it. If the queue of signals is full, glibc overwrites the result of the operation with that error.
- SIGEV_THREAD: a thread started for each completion, which calls a function. Its cost does not depend on the number of
  requests, 0.2 to 1 ms in C here. Python would be entered from two unknown threads a message. glibc checks the start of
  the thread wrongly (`pthread_create (...) < 0`, while it returns positive numbers), so a completion may be lost
  silently.

With aio_suspend no completion is lost, no foreign thread enters the interpreter, and the cost is the model's. There is
no `aio_accept`. So a thread waits in `poll` for the listener and for `stop`. It passes new connections in a deque and
writes to a socket pair, the bell, whose other end is read by aio_read like all sockets.

**Reading.** `aio_read` of at most 64 KiB into a buffer that each connection owns. The sockets must be *blocking*: on
others the read would be complete at once, with EAGAIN. With readiness a program needs a buffer only when there is data.
Here each idle connection has one, and it must stay in place until the completion, even when the connection is given up.
The slots of control block, buffer and answer belong together and are freed last.

**Writing.** `aio_write`, begun when the read before it is complete. A connection has one read *or* one write at a time:
glibc handles the requests of one descriptor one after another, and a write behind a read would wait for the peer's next
data. That is backpressure, too.

**Timers.** None: there is no `Readiness`.

**Waking.** A byte to a socket pair on which a read is always pending: the bell of the thread that accepts.

**Signals.** A signal with a handler in Python ends aio_suspend (EINTR), and the handler runs when the call returns.

**Closing.** `shutdown` on each socket ends the call that a thread is making on it, and all are waited for. A request in
a thread cannot be cancelled: aio_cancel returns AIO_NOTCANCELED. After a `shutdown` reads return 0, writes EPIPE.
glibc's idle threads would stay for another second. With aio_idle_time below zero each ends after its next request, so
the idle threads get one.

**Limits.** Twenty threads, and so twenty connections, unless `aio_init` asks for more. glibc starts no more. Reads of
twenty idle connections occupy all threads, and the twenty-first connection is not served until one of the twenty sends
data. Reads of files end by themselves, so there the limit only slows them; reads of sockets may never end. So the
number of threads bounds the number of connections, and `aio_init` must raise it. It is a GNU extension that works only
before the process's first request. `most_connections` is the number asked for, less one for the bell, or what the
machine allows if that is less: when a thread cannot be started, glibc keeps the request in its list without an error.

**Elsewhere.** musl starts a thread for each request, without bound. macOS does it in the kernel, but for files only
(ESPIPE without a vnode). FreeBSD does sockets, too (aio(4)). Windows has completion ports instead.
"""

import contextlib
import ctypes
import platform
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import ClassVar

from crossloop.api import (
    AdapterAbout,
    Facts,
    Receive,
    StreamApplication,
    module_file,
)
from crossloop.idioms.blocking import arrivals
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.sizes import READ_BYTES
from crossloop.idioms.task_limits import Need, room

if sys.platform != "linux":
    raise ImportError("the layout of struct aiocb is known here for glibc on Linux alone")

from crossloop.bindings.posix_aio import Library, Requests, native_threads

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="ctypes",
    summary="POSIX aio_read and aio_write: completions, which glibc makes from blocking calls in its own threads.",
    platforms=("linux",),
    elsewhere="macOS takes no sockets in aio_read (ESPIPE), Windows has completion ports instead: use iocp there",
    homepage="https://man7.org/linux/man-pages/man7/aio.7.html",
    asked_as="server",
)

THREADS = 10_001
"""What glibc is asked to start at most: one for each connection, and one for the bell. With so many an answer takes
half a second already."""
THREAD = Need(name="thread of glibc's", mappings=2, address_bytes=32 << 10)
"""Stack and guard page; the stack is the least that the system allows."""
BELL = 0
"""The request that reads the bell."""
ARRIVED, STOP = b"a", b"s"
RETIRING_S = 1.5


class Adapter(MemoryBioTls):
    """`aio_read`, `aio_write` and `aio_suspend` of glibc."""

    lacks: ClassVar[Mapping[str, str]] = {
        "PushServer": "requests on one descriptor run one after another: a write waits until the read ends",
        "HttpClient": "the model has requests and completions; it has no HTTP of its own",
        "Datagrams": "aio_read does not say who sent a datagram",
        "Readiness": "a request reads or writes, and then completes; none reports readiness",
        "Tasks": "the model has requests and completions; nothing suspends sequential code",
        "Signals": "a signal can tell of a completion (SIGEV_SIGNAL); no request waits for another one",
        "ChildProcesses": "requests read and write descriptors; none waits for a child",
        "FileReads": "aio_read is made for files; this adapter has no program for it",
        "AddressLookups": "requests read and write descriptors, and getaddrinfo is a call that blocks",
    }

    def __init__(self) -> None:
        self._library = Library()

    def facts(self) -> Facts:
        return Facts(
            binding="ctypes",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism="POSIX aio",
            loaded_from=module_file(ctypes),
        )

    def close(self) -> None:
        pass  # each server waits for the end of its threads

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        most = self.most_connections()
        others = native_threads()  # also some that Python does not know, such as faulthandler's
        self._library.limit_threads(THREADS)
        requests = Requests(self._library, (most[0] if most else 0) + 1, READ_BYTES)
        with listener, _doorman(listener, stop) as (arrived, bell):
            server = _Server(requests, application, arrived, bell)
            try:
                server.run()
            finally:
                self._library.limit_threads(THREADS, idle_s=-1)
                server.close()
                self._retire(requests, bell, others)
                requests.close()

    def most_connections(self) -> tuple[int, str] | None:
        ours = (THREADS, f"{THREADS} threads of glibc's, as many as it is asked for (aio_init)")
        threads, limit = min(ours, room(THREAD) or ours)
        return max(0, threads - 1), f"an idle read keeps a thread, another the bell: {limit}"

    def _retire(self, requests: Requests, ended: socket.socket, others: set[int]) -> None:
        """Give glibc's idle threads something to do, after which they end: reads at an end of file."""
        deadline = time.monotonic() + RETIRING_S
        while time.monotonic() < deadline:
            known = others.union(each.native_id or 0 for each in threading.enumerate())
            if native_threads() <= known:
                return
            requests.read(BELL, ended.fileno())
            while not requests.wait():
                pass
            requests.result(BELL)


@contextlib.contextmanager
def _doorman(
    listener: socket.socket, stop: socket.socket
) -> Iterator[tuple[deque[socket.socket], socket.socket]]:
    """A thread that accepts: where it puts connections, and the bell's end that can be read then."""
    arrived: deque[socket.socket] = deque()
    bell, button = socket.socketpair()

    def admit() -> None:
        with contextlib.suppress(BrokenPipeError):  # it is over already, by an error
            for arrival in arrivals(listener, stop, button):
                if arrival is stop or arrival is button:
                    break
                arrived.append(arrival)
                button.sendall(ARRIVED)
            button.sendall(STOP)

    thread = threading.Thread(target=admit, name="crossloop-doorman")
    thread.start()
    with bell, button:
        try:
            yield arrived, bell
        finally:
            bell.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in arrived:
                connection.close()


class _Server:
    """The requests under way, and the connections that they belong to."""

    def __init__(
        self,
        requests: Requests,
        application: StreamApplication,
        arrived: deque[socket.socket],
        bell: socket.socket,
    ) -> None:
        self.requests, self.application, self.arrived, self.bell = requests, application, arrived, bell
        self.free = list(range(requests.capacity - 1, BELL, -1))
        self.connections: dict[int, _Connection] = {}

    def run(self) -> None:
        requests, connections = self.requests, self.connections
        requests.read(BELL, self.bell.fileno())
        while True:
            for index in requests.wait():
                done = requests.result(index)
                if index != BELL:
                    connections[index].advance(done)
                elif STOP in (rung := requests.data(BELL, done)):
                    return
                else:
                    self.welcome(len(rung))
                    requests.read(BELL, self.bell.fileno())

    def welcome(self, count: int) -> None:
        for _ in range(count):
            peer = self.arrived.popleft()
            if not self.free:
                peer.close()  # see `most_connections`: its read would wait for a thread for ever
                continue
            index = self.free.pop()
            self.connections[index] = connection = _Connection(self, index, peer, self.application())
            connection.read()

    def close(self) -> None:
        """End every call that is being made, and wait for the threads that made them."""
        self.bell.shutdown(socket.SHUT_RDWR)
        for connection in self.connections.values():
            with contextlib.suppress(OSError):  # reset by the peer: its call has ended already
                connection.peer.shutdown(socket.SHUT_RDWR)
        while self.requests.pending:
            for index in self.requests.wait():
                self.requests.result(index)
        for connection in self.connections.values():
            connection.peer.close()


class _Connection:
    """One accepted connection: a read or a write of it is always under way."""

    __slots__ = ("answer", "index", "peer", "receive", "sent", "server")

    def __init__(self, server: _Server, index: int, peer: socket.socket, receive: Receive) -> None:
        self.server, self.index, self.peer, self.receive = server, index, peer, receive
        self.answer, self.sent = b"", 0

    def advance(self, done: int) -> None:
        """Go on after the read or write that is complete; *done* as the system call returned it."""
        if done <= 0:  # the peer's end of file, or its reset
            self.close()
        elif self.answer:
            self.sent += done
            if self.sent < len(self.answer):
                self.write()
            else:
                self.read()
        else:
            self.answer = self.receive(self.server.requests.data(self.index, done))
            if self.answer:
                self.write()
            else:
                self.read()

    def read(self) -> None:
        self.answer, self.sent = b"", 0
        self.server.requests.read(self.index, self.peer.fileno())

    def write(self) -> None:
        self.server.requests.write(self.index, self.peer.fileno(), self.answer, self.sent)

    def close(self) -> None:
        del self.server.connections[self.index]
        self.server.free.append(self.index)
        self.peer.close()
