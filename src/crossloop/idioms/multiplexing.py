"""The idiom of multiplexing: tell the kernel what to watch, ask what is ready, call back, and repeat.

select, poll, epoll and kqueue do one thing: a single thread sleeps on many descriptors and wakes for those that can be
read or written without blocking. They *report readiness*; the reading and writing remain the program's own system
calls. They differ in two functions, which an adapter gives as a `Mechanism`: one changes the watched descriptors, one
waits. Everything else is the same for all four, and is here.

*They differ most in the price of idle descriptors.* select and poll pass everything in every call, epoll and kqueue
pass changes. One active among 1000 pairs cost 130 µs an event with poll and 7.4 with epoll, among 10 pairs 5.6 and 4.6
(`crossloop bench --scenarios pipe-pairs --adapters poll,epoll`, Linux 6.18, 2 virtual CPUs).

*An answer is a snapshot.* One call may report a hundred descriptors, and the first callback may close the fiftieth,
whose number the next `accept` reuses. So callbacks are looked up at the moment of the call. A descriptor that is newly
watched during the turn (`Watched.fresh`) is left for the next turn, because the report under its number may be of
another file.

*Level-triggered, all four.* A descriptor is reported as long as it is ready, not once when it becomes so. One `recv`
per report is enough: remaining data is reported again, and so are descriptors that a turn did not reach because a
callback raised. Edge-triggered programs must read until EAGAIN, a further system call per message.

*Non-blocking, nevertheless.* Ready a moment ago is not ready now: a datagram with a bad checksum is dropped after
the report, a client in the accept queue resets (Stevens, UNP 16.6). A blocking call would stop every connection.

*Closed too early.* A program may close a watched descriptor. The mechanisms react differently: poll reports the number,
select fails for all, epoll and kqueue forget the file, and epoll not even that while a duplicate of it is open. Here
all behave alike: a number is watched, and a closed number is dropped without a call.

*Backpressure.* Unsent data is kept, and the connection is watched for writing *instead of* reading. If it were watched
for both, a peer that only sends would fill this process's memory with answers. If it were watched for writing without
need, it would be ready all the time, and the loop would never sleep.

*Pushing.* Pushed data is sent at once. The rest waits behind earlier unsent data, and the connection is watched for
writing; the other connections get their data meanwhile. Data that a peer never reads is kept until the peer ends. A
push may find that its peer has reset. That is left to the connection's own report (a reset makes a socket readable),
because the application learns of the end and may be in a loop over all connections.

*Datagrams.* One socket, and one `recvfrom` per report (`crossloop.idioms.datagrams`). *TLS* is a memory BIO
(`crossloop.idioms.memory_bio`): the loop sees bytes.

*Out of descriptors.* A listener with a client in its queue stays readable while `accept` fails with EMFILE: without a
pause the loop would spin. So it is not watched for a while; connections that end meanwhile make room.

*Other threads and signals.* Neither can be watched, but a socket can: another thread writes a byte to a socket pair
that the loop always watches (the self-pipe trick, D. J. Bernstein), and the calls themselves travel in a deque. A byte
is needed only when none is on its way. Python runs signal handlers between bytecodes and resumes an interrupted wait
(PEP 475); a wait would miss a signal that arrives just *before* it, and Windows does not interrupt the wait at all, so
signals write such a byte, too.
"""

import contextlib
import platform
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from crossloop.api import (
    Callback,
    DatagramApplication,
    Datagrams,
    Facts,
    PushApplication,
    PushServer,
    Readiness,
    Receive,
    StreamApplication,
    UnsupportedError,
    module_file,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.datagrams import answering
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.pushing import Pushing, without_application
from crossloop.idioms.sizes import READ_BYTES
from crossloop.idioms.timer_heap import Timer, TimerHeap


@dataclass(frozen=True)
class Watched:
    """Who is called for what: written by the loop, read by its mechanism."""

    readers: dict[int, Callback] = field(default_factory=dict)
    writers: dict[int, Callback] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    """Descriptors that have been watched anew since the kernel was asked; `ask` empties it."""

    def drop(self, fd: int) -> None:
        """Nobody is called for *fd* any more: it is closed."""
        self.readers.pop(fd, None)
        self.writers.pop(fd, None)


@dataclass(frozen=True)
class Mechanism:
    """One of the four, open: what an adapter gives to the loop."""

    name: str
    tell: Callable[[int], object]
    """`tell(fd)`: the interest in *fd* has changed to what `Watched` says. Raises UnsupportedError, OSError; not for
    what was watched and is closed."""
    ask: Callable[[float | None], object]
    """`ask(timeout_s)`: wait for readiness, no longer than that (None: for ever), and call back. May return at once
    with nothing; what it finds to be closed it takes out of `Watched`."""
    close: Callable[[], object]


class Multiplexing(MemoryBioTls, PushServer, Datagrams, Readiness):
    """An adapter on the mechanism that *opened* makes for what is watched."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "the model reports which descriptors are ready; it has no HTTP of its own",
        "Callbacks": "the model has descriptors and timeouts, and no queue of calls",
        "Tasks": "the loop calls back; nothing in it suspends sequential code",
        "Signals": "a signal is no descriptor: Python runs its handler in the middle of any code",
        "ChildProcesses": "a child is no descriptor, save on Linux (pidfd)",
        "FileReads": "the model reports readiness, and a file is always ready: reading it waits for the disk",
        "AddressLookups": "getaddrinfo is a call that blocks: no descriptor says when it is done",
    }

    def __init__(self, opened: Callable[[Watched], Mechanism]) -> None:
        self.watched = Watched()
        self.mechanism = opened(self.watched)
        self.watch, self.unwatch = self._watching(self.watched.readers)
        self.watch_write, self.unwatch_write = self._watching(self.watched.writers)
        self._timers = timers = TimerHeap()
        self.call_later = timers.call_later
        self.cancel = timers.cancel
        self.rearm = timers.rearm
        self.call_every = timers.call_every
        self._hearer, self._teller = socket.socketpair()
        self._hearer.setblocking(False)
        self._teller.setblocking(False)
        self._running = False
        try:
            self.wake = self._waking()
        except BaseException:
            self.close()
            raise

    def facts(self) -> Facts:
        return Facts(
            binding="select",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism=self.mechanism.name,
            loaded_from=module_file(select),
        )

    def close(self) -> None:
        self.mechanism.close()
        self._hearer.close()
        self._teller.close()

    # StreamServer, PushServer, Datagrams

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(_Server(self, listener, lambda _push: application(), _Connection), listener, stop)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(_Server(self, listener, application, _PushConnection), listener, stop)

    def _serve(self, server: "_Server", listener: socket.socket, stop: socket.socket) -> None:
        with listener:
            try:
                server.open()
                self.watch(stop.fileno(), self.stop)
                self.run()
            finally:
                self.unwatch(stop.fileno())
                server.close()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        with endpoint:
            try:
                self.watch(endpoint.fileno(), answering(endpoint, application))
                self.watch(stop.fileno(), self.stop)
                self.run()
            finally:
                self.unwatch(stop.fileno())
                self.unwatch(endpoint.fileno())

    # Readiness

    def _watching(
        self, callbacks: dict[int, Callback]
    ) -> tuple[Callable[[int, Callback], None], Callable[[int], None]]:
        tell, fresh = self.mechanism.tell, self.watched.fresh

        def watch(fd: int, callback: Callback) -> None:
            if fd < 0:
                raise ValueError(f"descriptor {fd}: expected 0 or more; a closed socket has none")
            unwatch(fd)  # by now the number may be another file's, which the kernel has to be told
            callbacks[fd] = callback
            fresh.add(fd)
            try:
                tell(fd)
            except BaseException:
                del callbacks[fd]
                raise

        def unwatch(fd: int) -> None:
            if callbacks.pop(fd, None) is not None:
                tell(fd)

        return watch, unwatch

    def _waking(self) -> Callable[[Callback], None]:
        calls: deque[Callback] = deque()
        append, popleft, send, recv = calls.append, calls.popleft, self._teller.send, self._hearer.recv
        byte_sent = False

        def tell() -> None:
            nonlocal byte_sent
            byte_sent = True
            with contextlib.suppress(BlockingIOError):  # full of signals' bytes: they wake the loop as well
                send(b"w")

        def hear() -> None:
            nonlocal byte_sent
            recv(4096)
            # From here on a new call tells again. One that came before saw `byte_sent` and kept silent, but it
            # is in the deque already, for it was put there first.
            byte_sent = False
            try:
                for _ in range(len(calls)):  # not what they add: descriptors have their turn in between
                    popleft()()
            finally:
                if calls and not byte_sent:
                    tell()

        def wake(callback: Callback) -> None:
            append(callback)
            if not byte_sent:
                tell()

        self.watch(self._hearer.fileno(), hear)
        return wake

    def run(self) -> None:
        ask, fire, wait_s, timers = (
            self.mechanism.ask,
            self._timers.fire,
            self._timers.wait_s,
            self._timers.entries,
        )
        self._running = True
        with _signals_told_to(self._teller):
            while self._running:
                ask(wait_s() if timers else None)
                if timers:
                    fire()

    def stop(self) -> None:
        self._running = False


class _Server:
    """The listener and the connections that it led to."""

    def __init__(
        self,
        loop: Multiplexing,
        listener: socket.socket,
        application: PushApplication,
        kind: type["_Connection"],
    ) -> None:
        self._loop, self._listener, self._application, self._kind = loop, listener, application, kind
        self._pause: Timer | None = None
        self.connections: set[_Connection] = set()

    def open(self) -> None:
        self._loop.watch(self._listener.fileno(), self.accept)

    def accept(self) -> None:
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                peer, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not must_rest(error):
                    continue
                self._loop.unwatch(self._listener.fileno())
                self._pause = self._loop.call_later(ACCEPT_PAUSE_S, self.open)
                return
            peer.setblocking(False)
            connection = self._kind(self, self._loop, peer)
            self.connections.add(connection)
            try:
                self._loop.watch(connection.fd, connection.readable)
            except (UnsupportedError, OSError):
                connection.close()  # it cannot be watched (see `most_connections`); those that are there go on
            else:
                connection.receive = self._application(connection.push)

    def close(self) -> None:
        if self._pause is not None:
            self._loop.cancel(self._pause)
        self._loop.unwatch(self._listener.fileno())
        with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
            for connection in self.connections:
                ends.callback(connection.close)


class _Connection:
    """One accepted connection: it is read from, or it has something left to send; never both."""

    __slots__ = ("fd", "loop", "peer", "receive", "recv", "send", "server", "unsent")

    receive: Receive

    def __init__(self, server: _Server, loop: Multiplexing, peer: socket.socket) -> None:
        self.server, self.loop, self.peer = server, loop, peer
        self.fd, self.recv, self.send = peer.fileno(), peer.recv, peer.send
        self.unsent = memoryview(b"")

    def readable(self) -> None:
        try:
            data = self.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # reset by the peer
            data = b""
        if not data:
            self.close()
            return
        answer = self.receive(data)
        if not answer:
            return
        try:
            sent = self.send(answer)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(answer):
            self.unsent = memoryview(answer)[sent:]
            self.turn(self.loop.watched.readers, self.loop.watched.writers, self.writable)

    def push(self, data: bytes) -> None:
        """Of a server that only answers: never called."""

    def writable(self) -> None:
        try:
            self.unsent = self.unsent[self.send(self.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self.unsent:
            self.turn(self.loop.watched.writers, self.loop.watched.readers, self.readable)

    def turn(self, old: dict[int, Callback], new: dict[int, Callback], callback: Callback) -> None:
        """Be watched for the other thing instead; the kernel is told once, not twice."""
        del old[self.fd]
        new[self.fd] = callback
        self.loop.mechanism.tell(self.fd)

    def close(self) -> None:
        # First the interest, then the descriptor: its number may belong to the next connection.
        self.loop.unwatch(self.fd)
        self.loop.unwatch_write(self.fd)
        self.peer.close()
        self.server.connections.discard(self)


class _PushConnection(Pushing, _Connection):
    """One whose application sends when it likes; its answers are sent as everything else is."""

    __slots__ = ("ended", "queue")

    def __init__(self, server: _Server, loop: Multiplexing, peer: socket.socket) -> None:
        super().__init__(server, loop, peer)
        self.queue: list[bytes] = []
        self.receive = without_application
        self.ended = False

    def hold(self, left: memoryview) -> None:
        self.unsent = left
        self.turn(self.loop.watched.readers, self.loop.watched.writers, self.writable)

    def writable(self) -> None:
        super().writable()
        self.push_queue()

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            super().close()
            self.receive(b"")


@contextlib.contextmanager
def _signals_told_to(teller: socket.socket) -> Iterator[None]:
    """Have each signal write a byte to *teller*, where nobody else has asked for that already."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread
        return
    previous = signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)
    if previous != -1:
        signal.set_wakeup_fd(previous, warn_on_full_buffer=False)
    try:
        yield
    finally:
        if previous == -1:
            signal.set_wakeup_fd(-1)
