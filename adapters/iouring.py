"""io_uring: asynchronous I/O on Linux. The program submits operations, and learns when they are complete.

**The fifth model.** Stevens (UNP, chapter 6.2) orders the models by who waits for what. With select, poll and epoll the
kernel says that an operation *would not block*, and the program then makes the call itself. With asynchronous I/O it
passes the whole operation, buffer included, and learns when it is *complete*; no call of the program blocks in between.
POSIX AIO (`aio`) promised that, and on Linux does it with threads. io_uring (Axboe 2019, Linux 5.1) does it in the
kernel: a receive without data waits on the socket as a callback, and arriving data is copied into the buffer before the
program learns of it. IOCP on Windows (`iocp`) is the same model.

**Set-up.** SINGLE_ISSUER promises that only one thread submits, so the kernel leaves out locks. With DEFER_TASKRUN
(6.1) the kernel finishes requests only while this thread waits for completions, not at any other system call or by an
interrupt: cheaper, and in batches. Older kernels get the next best setup (`SETUPS`); below 5.19, without rings of
buffers, this adapter is unsupported. Not used: SQPOLL, a kernel thread that polls for requests and takes a CPU of its
own for it; registered files; zero-copy sends, which pay from some ten kilobytes on.

**Waiting.** io_uring_enter(2) on Linux: one call submits all requests, waits, and returns when one has completed.
Requests go into one array shared with the kernel, completions come back in another (`crossloop.bindings.io_uring`). So
a turn of this loop is *one* system call for any number of connections with data, where a loop on epoll makes one for
the wait and two for each message. That is the model's advantage for a network server; copying and TCP cost the same as
elsewhere. (Seen here, 1 KiB echo: 0.04 calls a message with 1,000 busy connections, 0.26 with 100, against 2.04 on
epoll. With a single connection it is 2: a send completes within the call that submits it, which ends the wait.) Python
spends again what a program in C gains: filling in requests and reading completions is bytecode, where `recv` and `send`
are one call into C each. So expect less system time than on epoll and more user time. With few requests at a time,
which share no call, expect more in total (`crossloop bench --adapters iouring,epoll`).

`Readiness` is there as one request among others: poll. The request is made again after each callback and checks the
descriptor's state then. So it is level-triggered, as `Readiness` requires, and costs a submission but no system call. A
request holds the file, not its number: a descriptor that is closed while it is watched may be reported once more, and
is dropped when the request is made again (EBADF). `unwatch` cancels at the next turn, so a descriptor closed right
after it stays open until then. This readiness costs more than epoll's: each event takes the poll off the socket's list
and puts it back, where epoll leaves it.

**Reading.** One receive for each connection stays pending (multishot), into 16 KiB buffers that the kernel takes when
there is data. A multishot request stays (accept in Linux 5.19, receive in 6.0): one accept yields all connections, and
one receive per connection all its data, each as a completion with the flag "more to come". A completion without that
flag says that the request has ended, and the program has to make it again. A request ends on errors, when its buffers
run out, and when the completions overflow. A kernel without multishot receive needs no other code: there the request
ends every time.

A pending receive owns its buffer, and ten thousand idle connections would own ten thousand. Hence the ring of buffers
(5.19): the kernel takes a buffer when data is there. The program returns it as soon as the data has been copied into
`bytes`. When a turn needs more buffers than there are, the receive without one ends with ENOBUFS and is made again, and
its data waits in the socket.

*Datagrams.* A message request (recvmsg) says where the data and the sender's address go; some are pending at a time,
each in a slot of its own, and the answer is sent from the slot of its request.

**Writing.** At most one send of a connection is pending; data written meanwhile is joined into the next one. Requests
on one socket are not ordered, so two sends could overtake each other. A send may complete with a part, like send(2).
Data to send stays referenced until its completion, because the kernel reads it in place.

Backpressure does not come by itself. A readiness program pauses by not reading; a multishot receive goes on. When too
much data is unsent, the receive is cancelled, and made again once all is sent. *Pushing* is a send like an answer's,
and waits behind the pending send. While more than the bound is unsent the peer is not read from; pushed data is kept
for it.

**Timers.** Each is a request (timeout), an hrtimer of the kernel with nanoseconds to it.

**Waking.** A write to an eventfd on which a read is always pending; the calls themselves travel in a deque.

**Signals.** A signal with a handler in Python ends the wait (EINTR), and the handler runs when the call returns. For
the loop that is a turn without completions.

**Closing.** Pending requests are cancelled, their completions awaited, and then the descriptor is closed, by a request
as well. A request keeps its file open, so that close(2) alone sends no FIN as long as a receive waits.

**Limits.** Linux 5.19 or later, where it is allowed. The interface has had many vulnerabilities, so Docker's and
containerd's default seccomp profiles refuse it (EPERM), as does the sysctl `kernel.io_uring_disabled`; ChromeOS,
Android and gVisor do without. Sockets must be blocking: with O_NONBLOCK a request is answered by EAGAIN at once. The
listener is made blocking, and the accepted sockets are left so. Nothing ever blocks on them.

**Sources.** io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_prep_recv_multishot(3),
io_uring_prep_cancel(3), and J. Axboe, "io_uring and networking in 2023".
"""

import contextlib
import errno
import functools
import itertools
import mmap
import os
import platform
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, TypeAlias

from crossloop.api import (
    AdapterAbout,
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
from crossloop.bindings import io_uring
from crossloop.bindings.io_uring import CQE_BUFFER, CQE_BUFFER_SHIFT, CQE_MORE, Buffers, Completion, Ring
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, must_rest
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.sizes import HELD_READ_BYTES, UNSENT_LIMIT_BYTES

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="ctypes",
    summary="io_uring's rings by ctypes: asynchronous I/O, one system call a turn.",
    platforms=("linux",),
    elsewhere="io_uring is an interface of Linux; on Windows completion ports (iocp) are the same model",
    homepage="https://kernel.dk/io_uring.pdf",
)

SUBMISSIONS = 1024
COMPLETIONS = 8192
BUFFERS = 512
BUFFER_BYTES = HELD_READ_BYTES
"""8 MiB of address space; a page of it is real memory once data has come to lie there."""
DATAGRAMS = 32
"""Receives of datagrams that are under way at a time."""
LONGEST_DELAY_S = 100 * 365 * 86_400.0
"""A century. The kernel's clock counts 292 years of nanoseconds, and no float of seconds beyond fits its integers."""
NOT_REFUSED = frozenset({-errno.ETIME, -errno.EINTR, -errno.EAGAIN, -errno.ECANCELED})
"""How the pause ends, and how an accept does that is to be asked for again."""
ACCEPT_PAUSE_NS = int(ACCEPT_PAUSE_S * 1e9)

Handler: TypeAlias = Callable[[int, int], object]
"""Called with a completion's result and flags."""


class Adapter(MemoryBioTls, PushServer, Datagrams, Readiness):
    """One ring, one dict from request to handler. Made and used in one thread."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "the model has requests and completions; it has no HTTP of its own",
        "Callbacks": "the model has requests and completions, and no queue of calls",
        "Tasks": "the model has requests and completions; nothing suspends sequential code",
        "Signals": "no request of io_uring waits for a signal, and Python makes no descriptor of one (signalfd)",
        "ChildProcesses": "a request that waits for a child (IORING_OP_WAITID) is known to kernels from Linux 6.7 on",
        "FileReads": "io_uring reads files as it reads sockets; this adapter has no program for it",
        "AddressLookups": "no request of io_uring looks up a name, and getaddrinfo is a call that blocks",
    }

    def __init__(self) -> None:
        self.loop = Loop()
        self.watch, self.unwatch = _watching(self.loop, io_uring.POLLIN)
        self.watch_write, self.unwatch_write = _watching(self.loop, io_uring.POLLOUT)
        self.call_later = functools.partial(Timer, self.loop, 0)
        self.call_every = functools.partial(_every, self.loop)
        self.cancel = Timer.cancel
        self.rearm = Timer.rearm
        self._wakeup = Wakeup(self.loop)
        self.wake = self._wakeup.wake
        self.run = self.loop.run
        self.stop = self.loop.stop

    def facts(self) -> Facts:
        multishot = "multishot receive" if self.loop.multishot else "one receive a request"
        return Facts(
            binding=ABOUT.binding,
            binding_version=platform.python_version(),
            library=ABOUT.library,
            library_version=f"Linux {platform.release()}: {self.loop.ring.setup}, {multishot}",
            mechanism="io_uring",
            loaded_from=module_file(io_uring),
        )

    def close(self) -> None:
        self._wakeup.close()
        self.loop.ring.close()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, stop, Connection, lambda _connection: application())

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, stop, PushConnection, lambda connection: application(connection.push))

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        with endpoint:
            server = DatagramServer(self.loop, endpoint, application, stop)
            try:
                while not server.stopping:
                    self.loop.turn()
            finally:
                server.close()

    def _serve(
        self, listener: socket.socket, stop: socket.socket, kind: "type[Connection]", connect: "Connect"
    ) -> None:
        buffers = Buffers(self.loop.ring, 0, BUFFERS, BUFFER_BYTES)
        with listener, contextlib.closing(buffers):
            server = Server(self.loop, buffers, listener, kind, connect, stop)
            try:
                while not server.stopping:
                    self.loop.turn()
            finally:
                server.close()


class Loop:
    """The ring and who is told of what. Raises UnsupportedError where this kernel has or allows no io_uring."""

    def __init__(self, setups: tuple[tuple[str, int], ...] = io_uring.SETUPS) -> None:
        try:
            self.ring = Ring(SUBMISSIONS, COMPLETIONS, setups)
        except OSError as error:
            raise UnsupportedError(why_refused(error.errno, _disabled())) from error
        try:
            self.multishot = io_uring.takes_multishot_receive(self.ring)
        except OSError as error:
            self.ring.close()
            raise UnsupportedError(
                f"Linux {platform.release()} has io_uring without rings of buffers, which came with 5.19: {error}"
            ) from error
        self.handlers: dict[int, Handler] = {}
        self.numbers = itertools.count(io_uring.NOBODY + 1)
        self._batch: Iterator[Completion] = iter(())
        self._interrupted = False
        self._stopping = False

    def turn(self) -> None:
        """Hand over, wait, and call who is concerned by what has completed.

        What an exception of a handler left over is the whole of the next turn.
        """
        if not self._interrupted:
            self._batch = iter(self.ring.submit_and_wait())
        self._interrupted = True
        handlers = self.handlers
        for number, result, flags in self._batch:
            handlers.get(number, _ignore)(result, flags)
        self._interrupted = False

    def run(self) -> None:
        self._stopping = False
        while not self._stopping:
            self.turn()

    def stop(self) -> None:
        self._stopping = True


def _ignore(_result: int, _flags: int) -> None:
    """The handler of what was cancelled and of requests that nobody asks after."""


# Streams.


class Server:
    """The listener's accept, the stop socket's poll, and the connections."""

    def __init__(
        self,
        loop: Loop,
        buffers: Buffers,
        listener: socket.socket,
        kind: "type[Connection]",
        connect: "Connect",
        stop: socket.socket,
    ) -> None:
        self.loop, self.ring, self.buffers, self.kind, self.connect = loop, loop.ring, buffers, kind, connect
        self.connections: set[Connection] = set()
        self.stopping = False
        self.listener = listener.fileno()
        listener.setblocking(True)
        self.accepting, self.listening_for_stop = next(loop.numbers), next(loop.numbers)
        self.under_way = {self.accepting, self.listening_for_stop}
        loop.handlers[self.accepting] = self.accepted
        loop.handlers[self.listening_for_stop] = self.stopped
        self.ring.accept(self.listener, self.accepting)
        self.ring.poll(stop.fileno(), io_uring.POLLIN, self.listening_for_stop)

    def accepted(self, result: int, flags: int) -> None:
        """A connection, or the end of the accept request, or (ETIME) of the pause after it."""
        if not flags & CQE_MORE:
            self.under_way.discard(self.accepting)
        if result >= 0:
            if self.stopping:
                self.ring.close_descriptor(result)
            else:
                self.kind(self, result)
        if flags & CQE_MORE or self.stopping:
            return
        refused = result < 0 and result not in NOT_REFUSED
        if refused and must_rest(OSError(-result, os.strerror(-result))):
            self.ring.timeout(time.monotonic_ns() + ACCEPT_PAUSE_NS, self.accepting)
        else:
            self.ring.accept(self.listener, self.accepting)
        self.under_way.add(self.accepting)

    def stopped(self, _result: int, _flags: int) -> None:
        self.under_way.discard(self.listening_for_stop)
        self.stopping = True

    def close(self) -> None:
        """Cancel everything and wait until the kernel has let go of it."""
        self.stopping = True
        for number in self.under_way:
            self.ring.cancel(number)
        with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
            ends.callback(self.let_go)  # the last
            for connection in self.connections:
                ends.callback(connection.close)

    def let_go(self) -> None:
        """Once the kernel has."""
        while self.connections or self.under_way:
            self.loop.turn()
        self.ring.submit()  # the last descriptors' closing
        del self.loop.handlers[self.accepting], self.loop.handlers[self.listening_for_stop]


class Connection:
    """One accepted socket: a receive that stays, and at most one send.

    `receiving` and `sending` say what the kernel holds; the descriptor is closed when it holds nothing.
    """

    __slots__ = (
        "buffers", "closing", "ended", "fd", "held", "number", "receive", "receiving", "ring", "sending",
        "sent_bytes", "server", "unsent", "unsent_bytes",
    )  # fmt: skip

    def __init__(self, server: Server, fd: int) -> None:
        self.server, self.fd = server, fd
        self.ring, self.buffers = server.ring, server.buffers
        self.receiving = self.closing = self.ended = self.held = False
        self.sending = b""
        self.sent_bytes = 0
        self.unsent: list[bytes] = []
        self.unsent_bytes = 0
        loop = server.loop
        self.number = next(loop.numbers)
        loop.handlers[self.number] = self.received
        loop.handlers[next(loop.numbers)] = self.sent
        server.connections.add(self)
        self.receive = server.connect(self)
        self.start_receiving()

    def start_receiving(self) -> None:
        self.receiving = True
        self.ring.receive(self.fd, self.buffers.group, self.number, self.server.loop.multishot)

    def received(self, result: int, flags: int) -> None:
        if not flags & CQE_MORE:
            self.receiving = False
        if result > 0:
            data = self.buffers.take(flags, result)
            if not self.closing:
                answer = self.receive(data)
                if answer:
                    self.send(answer)
        elif flags & CQE_BUFFER:
            self.buffers.give_back(flags >> CQE_BUFFER_SHIFT)
        if self.receiving:
            return
        if self.closing:
            self.close()
        elif result > 0 or result in {-errno.ENOBUFS, -errno.ECANCELED}:
            if not self.held:
                self.start_receiving()
        elif result == 0 and self.sending:
            self.ended = True  # the peer has finished and still wants its answers
            self.over()
        else:
            self.close()

    def send(self, answer: bytes) -> None:
        if not self.sending:
            self.ring.send(self.fd, answer, 0, self.number + 1)
            self.sending = answer
            return
        self.unsent.append(answer)
        self.unsent_bytes += len(answer)
        if not self.held and self.unsent_bytes > UNSENT_LIMIT_BYTES:
            # The peer does not read: neither does the server, until all is sent.
            self.held = True
            if self.receiving:
                self.ring.cancel(self.number)

    def sent(self, result: int, _flags: int) -> None:
        if result <= 0 or self.closing:
            self.sending = b""
            self.close()
            return
        self.sent_bytes += result
        if self.sent_bytes == len(self.sending):
            self.sending, self.sent_bytes = b"".join(self.unsent), 0
            self.unsent.clear()
            self.unsent_bytes = 0
        if self.sending:
            self.ring.send(self.fd, self.sending, self.sent_bytes, self.number + 1)
        elif self.ended:
            self.close()
        elif self.held:
            self.held = False
            if not self.receiving:
                self.start_receiving()

    def push(self, data: bytes) -> None:
        """Send *data*, from within any connection's `receive`; nothing once this one has ended."""
        if data and not self.ended and not self.closing:
            self.send(data)

    def over(self) -> None:
        """Nothing more is taken from the application."""

    def close(self) -> None:
        """End what is under way; once nothing is, close the descriptor. Called again by each that ends."""
        first, self.closing = not self.closing, True
        if first and self.receiving:
            self.ring.cancel(self.number)
        if first and self.sending:
            self.ring.cancel(self.number + 1)
        if not self.receiving and not self.sending:
            self.ring.close_descriptor(self.fd)
            handlers = self.server.loop.handlers
            del handlers[self.number], handlers[self.number + 1]
            self.server.connections.discard(self)
        if first:
            self.over()


class PushConnection(Connection):
    """One whose application is told of the end."""

    __slots__ = ()

    def over(self) -> None:
        receive, self.receive = self.receive, _ended
        receive(b"")


def _ended(_data: bytes) -> bytes:
    """What a connection receives with whose application knows of its end."""
    return b""


Connect: TypeAlias = Callable[[Connection], Receive]
"""What a connection receives with: its application, called."""


# Datagrams.


class DatagramServer:
    """The stop socket's poll, and slots: in each a receive is under way, or the sending of its answer."""

    def __init__(
        self, loop: Loop, endpoint: socket.socket, application: DatagramApplication, stop: socket.socket
    ) -> None:
        self.loop, self.ring, self.application = loop, loop.ring, application
        endpoint.setblocking(True)
        self.fd = endpoint.fileno()
        self.messages = io_uring.Messages(DATAGRAMS, DATAGRAM_BYTES)
        self.stopping = False
        self.listening_for_stop = next(loop.numbers)
        self.under_way = {self.listening_for_stop}
        self.handlers: dict[int, Handler] = {self.listening_for_stop: self.stopped}
        for slot in range(DATAGRAMS):
            receiving, sending = next(loop.numbers), next(loop.numbers)
            self.handlers[receiving] = functools.partial(self.received, slot, receiving, sending)
            self.handlers[sending] = functools.partial(self.sent, slot, receiving, sending)
            self.receive(slot, receiving)
        loop.handlers.update(self.handlers)
        self.ring.poll(stop.fileno(), io_uring.POLLIN, self.listening_for_stop)

    def receive(self, slot: int, receiving: int) -> None:
        self.under_way.add(receiving)
        self.ring.receive_message(self.fd, self.messages.to_receive(slot), receiving)

    def received(self, slot: int, receiving: int, sending: int, result: int, _flags: int) -> None:
        self.under_way.discard(receiving)
        if self.stopping:
            return
        if result < 0 and result not in NOT_REFUSED:
            raise OSError(-result, os.strerror(-result))
        answer = self.application(self.messages.data(slot, result)) if result >= 0 else b""
        if answer:
            self.under_way.add(sending)
            self.ring.send_message(self.fd, self.messages.to_send(slot, answer), sending)
        else:
            self.receive(slot, receiving)

    def sent(self, slot: int, receiving: int, sending: int, _result: int, _flags: int) -> None:
        """What was not taken is lost, as a network loses it."""
        self.under_way.discard(sending)
        if not self.stopping:
            self.receive(slot, receiving)

    def stopped(self, _result: int, _flags: int) -> None:
        self.under_way.discard(self.listening_for_stop)
        self.stopping = True

    def close(self) -> None:
        """Cancel everything and wait until the kernel has let go of it."""
        self.stopping = True
        for number in self.under_way:
            self.ring.cancel(number)
        while self.under_way:
            self.loop.turn()
        for number in self.handlers:
            del self.loop.handlers[number]
        self.messages.close()


# Readiness.


def _watching(loop: Loop, events: int) -> tuple[Callable[[int, Callback], None], Callable[[int], None]]:
    """`watch` and `unwatch` for POLLIN or POLLOUT."""
    ring, handlers, numbers = loop.ring, loop.handlers, loop.numbers
    watched: dict[int, int] = {}

    def watch(fd: int, callback: Callback) -> None:
        unwatch(fd)
        watched[fd] = number = next(numbers)

        def ready(result: int, _flags: int) -> None:
            if result == -errno.EBADF:  # closed while it was watched
                unwatch(fd)
                return
            if result < 0:
                raise OSError(-result, f"{os.strerror(-result)}: descriptor {fd}")
            try:
                callback()
            finally:
                if number in handlers:
                    ring.poll(fd, events, number)

        handlers[number] = ready
        ring.poll(fd, events, number)

    def unwatch(fd: int) -> None:
        number = watched.pop(fd, io_uring.NOBODY)
        if handlers.pop(number, None) is not None:
            ring.cancel(number)

    return watch, unwatch


class Timer:
    """A timeout request; the kernel's clock decides, `due_ns` says what for."""

    __slots__ = ("callback", "due_ns", "interval_ns", "loop", "number")

    def __init__(self, loop: Loop, interval_ns: int, delay_s: float, callback: Callback) -> None:
        self.loop, self.interval_ns, self.callback = loop, interval_ns, callback
        self.start(delay_s)

    def start(self, delay_s: float) -> None:
        self.due_ns = _due_ns(delay_s)
        self.number = next(self.loop.numbers)
        self.loop.handlers[self.number] = self.ended
        self.loop.ring.timeout(self.due_ns, self.number)

    def ended(self, _result: int, _flags: int) -> None:
        now_ns = time.monotonic_ns()
        if now_ns < self.due_ns:  # it had ended when it was moved
            self.loop.ring.timeout(self.due_ns, self.number)
            return
        if self.interval_ns:
            self.due_ns = max(self.due_ns, now_ns - self.interval_ns) + self.interval_ns
            self.loop.ring.timeout(self.due_ns, self.number)
        else:
            del self.loop.handlers[self.number]
        self.callback()

    def rearm(self, delay_s: float, _callback: Callback) -> "Timer":
        if self.number in self.loop.handlers:
            self.due_ns = _due_ns(delay_s)
            self.loop.ring.move_timeout(self.number, self.due_ns)
        else:
            self.start(delay_s)
        return self

    def cancel(self) -> None:
        if self.loop.handlers.pop(self.number, None) is not None:
            self.loop.ring.remove_timeout(self.number)


def _due_ns(delay_s: float) -> int:
    return time.monotonic_ns() + _nanoseconds(delay_s)


def _every(loop: Loop, interval_s: float, callback: Callback) -> Timer:
    return Timer(loop, max(1, _nanoseconds(interval_s)), interval_s, callback)


def _nanoseconds(delay_s: float) -> int:
    """Raises ValueError for NaN."""
    return round(min(delay_s, LONGEST_DELAY_S) * 1e9)


class Wakeup:
    """Calls from other threads: a deque, and a read of an eventfd that is always under way."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._calls: deque[Callback] = deque()
        self._eventfd, self._tell = _event()
        self._counter = mmap.mmap(-1, 8)
        self._address = io_uring.address_of(self._counter)
        self._number = next(loop.numbers)
        loop.handlers[self._number] = self._heard
        loop.ring.read(self._eventfd, self._address, 8, self._number)

    def wake(self, callback: Callback) -> None:
        self._calls.append(callback)
        self._tell()

    def _heard(self, _result: int, _flags: int) -> None:
        self._loop.ring.read(self._eventfd, self._address, 8, self._number)
        calls = self._calls
        try:
            for _ in range(len(calls)):  # not what they add: descriptors have their turn in between
                calls.popleft()()
        finally:
            if calls:
                self._tell()

    def close(self) -> None:
        ring = self._loop.ring
        ring.cancel(self._number)
        while all(number != self._number for number, *_ in ring.submit_and_wait()):
            pass
        os.close(self._eventfd)
        self._counter.close()


def _event() -> tuple[int, Callable[[], object]]:
    """An eventfd and what adds one to it (eventfd(2))."""
    if sys.platform != "linux":  # for the type checker; the ring has said so already
        raise UnsupportedError(ABOUT.elsewhere)
    event = os.eventfd(0, os.EFD_CLOEXEC)
    return event, functools.partial(os.eventfd_write, event, 1)


# Where it is refused.


def _disabled() -> int:
    """The sysctl kernel.io_uring_disabled (Linux 6.6; 0 before)."""
    try:
        return int(Path("/proc/sys/kernel/io_uring_disabled").read_text())
    except (OSError, ValueError):
        return 0


def why_refused(number: int | None, disabled: int) -> str:
    """The reason for a person, from the error of io_uring_setup(2) and the sysctl's value."""
    refused = number in {errno.EPERM, errno.EACCES}
    if refused and disabled:
        who = "all processes" if disabled == 2 else "all but administrators and the group of io_uring_group"
        return f"io_uring is switched off for {who}: sysctl kernel.io_uring_disabled is {disabled}"
    if refused:
        return (
            "io_uring is refused to this process, probably by a container's seccomp profile, as Docker's "
            "default is; one that allows io_uring_setup, io_uring_enter and io_uring_register is needed"
        )
    return {
        errno.ENOSYS: "this kernel or sandbox has no io_uring: it came with Linux 5.1 and may be left out",
        errno.EINVAL: f"io_uring of Linux {platform.release()} is too old: 5.19 or later is needed",
        errno.ENOMEM: "no memory for io_uring's rings; kernels before 5.12 count it as locked (ulimit -l)",
    }.get(number or 0, f"io_uring_setup: {os.strerror(number or 0)}")
