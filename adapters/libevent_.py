"""libevent, through crossloop's own binding.

The oldest of the three C libraries here (2000), and the first portable "callback when this descriptor is ready": under
memcached, Tor, tmux, and gevent until 2011. An `event_base` waits by the best mechanism that it was built with; an
`event` is a descriptor, a time or a signal with a callback. libevent reports *readiness*: the program reads and writes
by its own system calls, as with libev. libuv reads and delivers data.

**Event or bufferevent.** The style `native` uses plain events: the callback receives and sends by itself. In the style
`bufferevent` libevent receives and sends, and calls back with data in a buffer, much like libuv's streams. Its answers
go out through the write event, never at once. So a message costs an `ioctl` (how much is there?), a `readv`, two
`epoll_ctl` (write event on, off), a second turn of the loop and a `writev`. Plain events need `recv`, `send` and one
turn. Bufferevents are for programs that need their watermarks, filters, TLS and rate limits.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, select on Windows: the best that it was built with. An event
fires once and is then removed, unless it is made with `EV_PERSIST`. The streams below are persistent read events: added
once per connection, they cost no `epoll_ctl` per message. libevent keeps the events of a descriptor in one slot and
gives the kernel their union; reading and writing may be two events, as here, or one with both flags. A base may have
several priorities; events of a level run only when no event above is active. libev has priorities as well, libuv has
none. Here there is one level, the default.

**Reading.** The program's own `recv` of at most 64 KiB, once for each report; of a bufferevent, libevent's `readv`.
*Datagrams* have one read event for all peers and a `recvfrom` for each time that it fires. A bufferevent is a stream.

Bufferevents have TLS (`bufferevent_openssl_socket_new`, in libevent_openssl), for a C program that has made an `SSL`
itself. Python's `ssl` gives out neither an `SSL` nor the `SSL_CTX` of its context. Its OpenSSL may also be another copy
than that of libevent_openssl, and two copies in a process share no structure. So TLS has no style `bufferevent`. In the
style `native` OpenSSL works on two memories (`crossloop.idioms.memory_bio`) above plain events.

**Writing.** `send` at once; unsent data waits, and the connection has a write event instead of its read event. A write
event exists only while the kernel refuses data, because a socket is nearly always writable and the loop would not
sleep. *Pushing* is the same with plain events. A push that finds its peer gone leaves the end to that peer's own event,
because the application may be in a loop over all peers. With bufferevents it is `bufferevent_write`, which puts the
data into the output buffer, and the loop sends it in another turn: a push to a thousand costs a thousand write events
on and off. *HTTP* is libevent's own server, evhttp, a part of libevent_extra. It accepts, parses and writes in C, on
bufferevents, and calls Python once for each request. Its answers go out by the write event as well.

**Timers.** A heap in C, with a timerfd on epoll where the base is precise, else in steps of milliseconds. Any event may
also have a timeout, which libev and libuv lack. Adding an event again moves its due time within the heap; `rearm` here
does that, without a delete. A persistent timer counts from when its last firing was due, so it does not drift. Two
choices decide how exact timers are:

- without `EVENT_BASE_FLAG_PRECISE_TIMER` libevent reads `CLOCK_MONOTONIC_COARSE` and waits in whole milliseconds: steps
  of 4 ms where the kernel ticks at 250 Hz. With it epoll gets a timerfd, armed by one more system call *per wait*,
  whether or not a timer is pending. So the base for `Readiness`, where timers are measured, is precise, and the base of
  the stream server, which has none, is not.
- within callbacks the time is that of the end of the wait: a timer added by the last of many callbacks is early by the
  time that the others took. libev and libuv do the same; uvloop and asyncio ask the clock. libevent also computes its
  next wait from that time, and so oversleeps by the time that the callbacks took (seen with 2.1.12: after a callback of
  150 ms a timer of 100 ms fires at 250). `EVENT_BASE_FLAG_NO_CACHE_TIME` asks the clock, for both: a delay is a delay.

*What is next.* In libevent a later call is a timer without a delay (`event_base_once`; "one idiom for scheduling a
callback", event.c): it becomes active at once and in order. An event that is made active from within a callback joins
the queue of the current turn, so a callback that does so again and again blocks everything else. A timer waits for the
next turn. Here one timer stands for a deque of calls.

**Waking.** A byte to a socket pair that the base watches; the calls themselves travel in a deque.

**Signals.** Each writes to a socket pair (`signal.set_wakeup_fd`), because libevent waits again when a wait is
interrupted. Python's handlers would not run in an idle loop otherwise. libevent's own signal events install a handler,
and one base of a process owns it. *Children* use such a signal, SIGCHLD, and a waitpid for each living child: libevent
has nothing for processes.

**Closing.** First the events are deleted, then the descriptor is closed. epoll forgets a closed descriptor by itself.
libevent does not, and takes the next file of the same number for the old file.

**Limits.** The limit of open descriptors; each add and delete is an `epoll_ctl` at once.

**Against libev**, which began as a reaction to libevent (2007). In libev a watcher belongs to the program, is a small
struct per kind of event, and changes are settled before the next wait. libevent has one larger struct for all kinds
(128 bytes here), checks more at each call, and batches nothing. In return it has good support of Windows, buffered I/O,
and an HTTP and a DNS client.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Protocol, TypeAlias

import crossloop
from crossloop.api import (
    AdapterAbout,
    Callback,
    Callbacks,
    ChildProcesses,
    DatagramApplication,
    Datagrams,
    Facts,
    HttpFacts,
    HttpServer,
    HttpSite,
    PushApplication,
    PushServer,
    Receive,
    Signals,
    StreamApplication,
    UnsupportedError,
)
from crossloop.bindings.libevent import (
    EVENT_EOF,
    PERSIST,
    READ,
    WRITE,
    BufferEvent,
    Event,
    EventBase,
    IoEvent,
    PersistentTimer,
    SignalEvent,
    Timer,
    Wakeup,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.children import Children
from crossloop.idioms.datagrams import answering
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.sizes import READ_BYTES, UNSENT_LIMIT_BYTES

ABOUT = AdapterAbout(
    family="libevent",
    library="libevent",
    binding="libevent",
    summary="libevent's own events through crossloop's cffi binding: readiness, timers and buffered I/O.",
    requires=("cffi>=1.16",),
    recipe="libevent",
    homepage="https://libevent.org/",
    asked_as="libevent",
)


class Adapter(MemoryBioTls, PushServer, HttpServer, Datagrams, Callbacks, Signals, ChildProcesses):
    """libevent with one base for `Readiness` and one for each server."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": ("native", "bufferevent"),
        "PushServer": ("native", "bufferevent"),
        "HttpServer": ("evhttp",),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "libevent's HTTP client is in libevent_extra, of which the HTTP server alone is bound",
        "Tasks": "libevent calls back; nothing in it suspends sequential code",
        "FileReads": "libevent waits for readiness, and a file is always ready",
        "AddressLookups": "libevent's lookups (evdns) are in libevent_extra, of which the HTTP server alone is bound",
    }

    def __init__(self) -> None:
        self._base = base = EventBase(precise_timers=True)
        self._wakeup = Wakeup(base)
        self._readers: dict[int, Event] = {}
        self._writers: dict[int, Event] = {}
        self.watch = _watching(base, READ, self._readers)
        self.unwatch = _unwatching(self._readers)
        self.watch_write = _watching(base, WRITE, self._writers)
        self.unwatch_write = _unwatching(self._writers)
        self.call_later = _starting(base, Timer)
        self.cancel = Event.delete
        self.rearm = _rearm
        self.call_every = _starting(base, PersistentTimer)
        self.wake = self._wakeup.wake
        self.call_soon = _calling_soon(base)
        self.run = base.run
        self.stop = base.loopbreak

    def facts(self) -> Facts:
        library = self._base.library
        method = self._base.method
        calls = "calls by cffi" if library.calls is None else "calls in C"
        return Facts(
            binding=ABOUT.binding,
            binding_version=f"crossloop {crossloop.__version__}, cffi {version('cffi')}, {calls}",
            library=ABOUT.library,
            library_version=library.version,
            # On Windows the method is named for the platform; it waits by select().
            mechanism="select" if method == "win32" else method,
            loaded_from=library.path,
        )

    def close(self) -> None:
        self._base.close()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        kind = {"native": _Connection, "bufferevent": _BufferedConnection}[style]
        _serve(listener, lambda base, sock, connections: kind(base, sock, application(), connections), stop)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        kind = {"native": _PushConnection, "bufferevent": _BufferedPushConnection}[style]
        _serve(listener, lambda base, sock, connections: kind(base, sock, application, connections), stop)

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        from crossloop.idioms import http_evhttp  # (of this level only)

        with (
            listener,
            EventBase(precise_timers=False) as base,
            contextlib.closing(http_evhttp.serve(base, listener, site)),
        ):
            _run_until(base, stop)

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms import http_evhttp  # (of this level only)

        return http_evhttp.facts()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        answer_next = answering(endpoint, application)
        with endpoint, EventBase(precise_timers=False) as base:
            IoEvent(base, endpoint.fileno(), READ | PERSIST, lambda *_: answer_next()).add()
            _run_until(base, stop)

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        def arrived(*_: object) -> None:
            if heard():
                base.loopbreak()

        base = self._base
        event = SignalEvent(base, number, arrived)
        event.add()
        try:
            self.call_soon(begin)
            base.run()
        finally:
            event.delete()

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        with contextlib.closing(Children(commands)) as children, _hearing_of_children() as base:
            _start_and_wait(base, children, at_a_time, lambda: True)
            if children.living:
                base.run()
        return children.statuses

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        with (
            contextlib.closing(Children([command], subprocess.PIPE)) as children,
            _hearing_of_children() as base,
        ):
            at_end = False
            _start_and_wait(base, children, 1, lambda: at_end)
            (child,) = children.living.values()
            assert child.stdout is not None
            with child.stdout as pipe:

                def read(*_: object) -> None:
                    nonlocal at_end
                    if data := os.read(pipe.fileno(), READ_BYTES):
                        take(data)
                        return
                    at_end = True
                    reading.delete()
                    if not children.living:
                        base.loopbreak()

                reading = IoEvent(base, pipe.fileno(), READ | PERSIST, read)
                reading.add()
                try:
                    base.run()
                finally:
                    reading.delete()
        return children.statuses[0]


# Readiness and Callbacks: each callable is libevent's own step and the bookkeeping that it leaves to the program.


def _watching(base: EventBase, what: int, events: dict[int, Event]) -> Callable[[int, Callback], None]:
    unwatch = _unwatching(events)

    def watch(fd: int, callback: Callback) -> None:
        unwatch(fd)
        event = IoEvent(base, fd, what | PERSIST, callback)
        event.add()
        events[fd] = event

    return watch


def _unwatching(events: dict[int, Event]) -> Callable[[int], None]:
    def unwatch(fd: int) -> None:
        event = events.pop(fd, None)
        if event is not None:
            event.delete()

    return unwatch


def _starting(base: EventBase, kind: type[Timer | PersistentTimer]) -> Callable[[float, Callback], Event]:
    def start(delay_s: float, callback: Callback) -> Event:
        timer = kind(base, callback)
        timer.add(delay_s)
        return timer

    return start


def _calling_soon(base: EventBase) -> Callable[..., None]:
    calls: deque[tuple[Callback, tuple[Any, ...]]] = deque()
    append, popleft = calls.append, calls.popleft

    def due(*_: object) -> None:
        try:
            for _call in range(len(calls)):  # not what they add: that has the next turn
                callback, arguments = popleft()
                callback(*arguments)
        finally:
            if calls and not timer.pending:
                timer.add(0.0)

    timer = Timer(base, due)

    def call_soon(callback: Callback, *arguments: Any) -> None:
        if not calls:
            timer.add(0.0)
        append((callback, arguments))

    return call_soon


def _rearm(timer: Event, delay_s: float, _callback: Callback) -> Event:
    timer.add(delay_s)  # moves it within the heap; starts it if it has fired
    return timer


# Children: libevent has signals, and no word for processes.


@contextlib.contextmanager
def _hearing_of_children() -> Iterator[EventBase]:
    """A base of its own, in which SIGCHLD is the first signal: libevent has one base of a process that has them."""
    if sys.platform == "win32":
        raise UnsupportedError("Windows has no SIGCHLD, and libevent learns of children by it alone")
    with EventBase(precise_timers=False) as base:
        yield base


def _start_and_wait(
    base: EventBase, children: Children, at_a_time: int, all_read: Callable[[], bool]
) -> None:
    """Start children, and others when those have ended; end the run when none is left and *all_read* says so."""
    if sys.platform == "win32":
        return  # it is refused before

    def one_ended(*_: object) -> None:
        for pid in tuple(children.living):  # one signal may stand for several
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                children.ended(pid, status)
                children.start()
        if not children.living and all_read():
            base.loopbreak()

    SignalEvent(base, signal.SIGCHLD, one_ended).add()
    for _ in range(at_a_time):
        children.start()


# Streams.

_Begin: TypeAlias = Callable[[EventBase, socket.socket, "set[_Ends]"], object]
"""Makes a connection, which enters itself in the set while it is open."""


class _Ends(Protocol):
    def close(self) -> None:
        """End the connection."""


def _serve(listener: socket.socket, begin: _Begin, stop: socket.socket) -> None:
    with EventBase(precise_timers=False) as base:
        server = _Server(base, listener, begin)
        try:
            _run_until(base, stop)
        finally:
            server.close()


def _run_until(base: EventBase, stop: socket.socket) -> None:
    IoEvent(base, stop.fileno(), READ | PERSIST, lambda *_: base.loopbreak()).add()
    base.run()


class _Server:
    """The listening socket's event and the open connections."""

    def __init__(self, base: EventBase, listener: socket.socket, begin: _Begin) -> None:
        self._base = base
        self._begin = begin
        self._listener = listener
        self._accepting = IoEvent(base, listener.fileno(), READ | PERSIST, self._on_acceptable)
        self._accepting.add()
        self._resume = Timer(base, lambda *_: self._accepting.add())
        self._connections: set[_Ends] = set()

    def _on_acceptable(self, _fd: int, _what: int) -> None:
        for _ in range(ACCEPTS_PER_WAKE):  # the loop comes back for the rest: connections have their turn
            try:
                sock, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if not must_rest(error):
                    continue
                # It stays readable, so watching on would spin until some connection ends.
                self._accepting.delete()
                self._resume.add(ACCEPT_PAUSE_S)
                return
            sock.setblocking(False)
            self._begin(self._base, sock, self._connections)

    def close(self) -> None:
        self._accepting.delete()
        self._listener.close()
        with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
            for connection in self._connections:
                ends.callback(connection.close)


class _Connection:
    """Style `native`: either it is read from, or it has something left to send."""

    __slots__ = ("_connections", "_reading", "_receive", "_recv", "_send", "_socket", "_unsent", "_writing")

    def __init__(
        self, base: EventBase, sock: socket.socket, receive: Receive, connections: set[_Ends]
    ) -> None:
        self._socket = sock
        self._recv = sock.recv
        self._send = sock.send
        self._receive = receive
        self._connections = connections
        self._unsent = memoryview(b"")
        self._reading = IoEvent(base, sock.fileno(), READ | PERSIST, self._on_readable)
        self._writing = IoEvent(base, sock.fileno(), WRITE | PERSIST, self._on_writable)
        self._reading.add()
        connections.add(self)

    def _on_readable(self, _fd: int, _what: int) -> None:
        recv, receive, send = self._recv, self._receive, self._send
        try:
            data = recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        answer = receive(data)
        if not answer:
            return
        try:
            sent = send(answer)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(answer):
            # The peer does not read: neither does the server, until the kernel takes the rest.
            self._unsent = memoryview(answer)[sent:]
            self._reading.delete()
            self._writing.add()

    def _on_writable(self, _fd: int, _what: int) -> None:
        try:
            self._unsent = self._unsent[self._send(self._unsent) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not self._unsent:
            self._writing.delete()
            self._reading.add()

    def close(self) -> None:
        # Events first: a closed descriptor's number may belong to the next connection.
        self._reading.delete()
        self._writing.delete()
        self._socket.close()
        self._connections.discard(self)


class _PushConnection(_Connection):
    """Style `native` of pushing: what waits already goes first."""

    __slots__ = ("_ended", "_queue")

    def __init__(
        self, base: EventBase, sock: socket.socket, application: PushApplication, connections: set[_Ends]
    ) -> None:
        self._ended = False
        self._queue: list[bytes] = []
        super().__init__(base, sock, _without_application, connections)
        self._receive = application(self._push)

    def _on_readable(self, _fd: int, _what: int) -> None:
        try:
            data = self._recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._push(self._receive(data))
        else:
            self.close()

    def _push(self, data: bytes) -> None:
        if self._ended or not data:
            return
        if self._unsent:
            self._queue.append(data)
            return
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return  # its own event ends it
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._reading.delete()
            self._writing.add()

    def _on_writable(self, fd: int, what: int) -> None:
        super()._on_writable(fd, what)
        if self._queue and not self._unsent:
            data = b"".join(self._queue)
            self._queue.clear()
            self._push(data)

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            super().close()
            self._receive(b"")


class _BufferedConnection:
    """Style `bufferevent`: libevent reads and writes; the answer is put into its output buffer."""

    __slots__ = ("_buffered", "_connections", "_ending", "_receive", "_socket", "_written_bytes")

    def __init__(
        self, base: EventBase, sock: socket.socket, receive: Receive, connections: set[_Ends]
    ) -> None:
        self._socket = sock
        self._receive = receive
        self._connections = connections
        self._ending = False
        self._written_bytes = 0
        """Upper limit of what the output buffer holds."""
        self._buffered = BufferEvent(base, sock.fileno(), self._on_data, self._on_event)
        self._buffered.enable(READ)
        connections.add(self)

    def _on_data(self) -> None:
        buffered = self._buffered
        answer = self._receive(buffered.read())
        if answer:
            buffered.write(answer)
            # The output buffer has no limit of its own: this is the backpressure. Asking what it holds is
            # a call into C, so it is asked only when it may have grown beyond the limit since the last time.
            self._written_bytes += len(answer)
            if self._written_bytes > UNSENT_LIMIT_BYTES:
                self._hold_back()

    def _hold_back(self) -> None:
        """Do not read while more than the limit waits to be sent."""
        buffered = self._buffered
        self._written_bytes = buffered.unsent_bytes
        if self._written_bytes > UNSENT_LIMIT_BYTES:
            buffered.disable(READ)
            buffered.call_when_drained(self._on_drained)

    def _on_drained(self) -> None:
        if self._ending:
            self.close()
        else:
            self._written_bytes = 0
            self._buffered.call_when_drained(None)
            self._buffered.enable(READ)

    def _on_event(self, what: int) -> None:
        if what & EVENT_EOF and self._buffered.unsent_bytes:
            self._ending = True  # the peer has finished sending and still wants its answers
            self._buffered.call_when_drained(self._on_drained)
        else:
            self.close()

    def close(self) -> None:
        self._buffered.close()
        self._socket.close()
        self._connections.discard(self)


class _BufferedPushConnection(_BufferedConnection):
    """Style `bufferevent` of pushing: into the output buffer with it."""

    __slots__ = ("_ended",)

    def __init__(
        self, base: EventBase, sock: socket.socket, application: PushApplication, connections: set[_Ends]
    ) -> None:
        self._ended = False
        super().__init__(base, sock, _without_application, connections)
        self._receive = application(self._push)

    def _on_data(self) -> None:
        self._push(self._receive(self._buffered.read()))

    def _push(self, data: bytes) -> None:
        if data and not (self._ending or self._ended):
            self._buffered.write(data)
            self._written_bytes += len(data)
            if self._written_bytes > UNSENT_LIMIT_BYTES:
                self._hold_back()

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            super().close()
            self._receive(b"")


def _without_application(_data: bytes) -> bytes:
    return b""
