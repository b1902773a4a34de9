"""pyev: libev, with the names of its C interface.

libev knows one kind of thing, the *watcher*: a small structure with a callback, filled in for one event (a descriptor
readable, a time passed, another thread's call) and then *started*. Started watchers are all that the loop has. pyev
makes each kind a Python type: `Io(fd, events, loop, callback)`, `start()`, `stop()`; the callback is called with the
watcher and the events. libev holds watchers by bare pointer, and pyev takes no reference for it. A started watcher
without another reference is freed and thereby stopped, silently. So every watcher here is kept in a dict or a list.

**Waiting.** epoll on Linux, select on macOS: libev's choice, level-triggered as everywhere in libev. On macOS it
recommends neither kqueue nor poll and takes select, sized to any number of descriptors. `ev_run` tells the kernel what
changed since the last turn, blocks until the nearest timer or an event, queues what became pending and calls it back,
watcher by watcher. pyev gives the GIL up for all of `ev_run` and takes it for each callback.

**Reading.** The program's own `recv` of at most 64 KiB, once for each report. libev reports readiness and never reads.
So it has no TLS: OpenSSL reads and writes two memories (`crossloop.idioms.memory_bio`), and the stream server below
sees bytes. *Datagrams* need one watcher for all peers, and one `recvfrom` for each event.

**Writing.** `send` at once; unsent data waits, and the connection's one watcher waits for `EV_WRITE` instead. *Pushing*
is the same, from any callback. A push that finds its peer gone leaves the end to that peer's own event, because the
application may be in a loop over all peers.

**Timers.** A heap in C, in doubles; epoll waits in whole milliseconds, rounded up. So timers are late by up to one,
never early. A timer counts from the loop's own time (`now()`), which is read once a turn, when the wait ends. A timer
started late in a long callback, or between two runs, would fire early by that time. Here `update()` reads the clock, so
a delay counts from the call. `ev_timer_again` (`reset()` in pyev) moves a running timer within its heap, the cheap way
to push a timeout back. It makes the timer repeat, hence `_once` below.

*What is next.* libev has no queue of calls. Its author names three ways to delay a call ("Avoiding finishing before
returning" in the manual): a prepare watcher, an idle watcher, or an event that is fed to a stopped watcher. An event
fed from within a callback runs before the loop looks at anything else, again and again. So an idle watcher and a deque
are used here. While the idle watcher is started the loop does not sleep, and its callback runs once a turn. It has the
highest priority, because at a lower one it would wait until there is no other event.

**Waking.** `Async.send()`, the only call that is allowed from another thread. Several sends before the loop looks are
one event, so the calls themselves travel in a deque. libev 4.04 lacks memory barriers here; the build recipe supplies
them.

**Signals.** Each writes to a socket that the loop watches (`signal.set_wakeup_fd`), because libev restarts a wait that
a signal interrupted. Python runs its handlers only between bytecodes, so an idle loop would not notice Ctrl-C. The
socket's callback is bytecode, and the handler runs there. A `Signal` watcher is libev's own: it replaces Python's
handler, and calls back as other watchers do. The ends of *children* come by SIGCHLD, and only in libev's default loop.
`Child` watchers are started there, before that loop runs again, because it waits for every child that has ended.

**Closing.** First the watcher is stopped, then the descriptor closed. Under epoll, libev does nothing at `stop()`: it
expects a close to follow, and removes a descriptor only if an event still comes. A number that is closed while watched
is an error at the next turn, or, if the number was reused, a watcher on another file. So a new descriptor gets a *new*
`Io`. An old watcher that is stopped and started again between two polls counts as unchanged, and no `epoll_ctl` is
made; if its number now belongs to another file, that file has no events.

**Limits.** An exception in a callback cannot travel through C; and libev is that of 2011. pyev prints the exception as
"ignored" and goes on. Its `debug=True` stops the loop instead, but the exception is still set while the other pending
callbacks run, and CPython raises SystemError. So the default stays: `sys.unraisablehook` takes the exception while the
loop runs, and the run raises it at its end. libev 4.04 is the version that pyev's source bundles; later releases added
linuxaio and io_uring backends.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyev
from pyev import _pyev

from crossloop.api import (
    AdapterAbout,
    Callback,
    Callbacks,
    ChildProcesses,
    DatagramApplication,
    Datagrams,
    Facts,
    PushApplication,
    PushServer,
    Receive,
    Signals,
    StreamApplication,
    module_file,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.children import Children
from crossloop.idioms.datagrams import answering
from crossloop.idioms.memory_bio import MemoryBioTls
from crossloop.idioms.pushing import Pushing, without_application
from crossloop.idioms.sizes import READ_BYTES

ABOUT = AdapterAbout(
    family="libev",
    library="libev",
    binding="pyev",
    summary="libev's watchers as Python types; unmaintained since 2012, and still among the leanest.",
    recipe="pyev",
    platforms=("linux", "darwin", "bsd"),
    elsewhere="pyev has no build for Windows since Python 3.2; use winloop or asyncio there",
    homepage="https://pypi.org/project/pyev-static/",
    asked_as="pyev",
)

FIRST_PRUNING = 1024

_BACKENDS = {
    pyev.EVBACKEND_SELECT: "select",
    pyev.EVBACKEND_POLL: "poll",
    pyev.EVBACKEND_EPOLL: "epoll",
    pyev.EVBACKEND_KQUEUE: "kqueue",
    pyev.EVBACKEND_PORT: "event ports",
}


class Adapter(MemoryBioTls, PushServer, Datagrams, Callbacks, Signals, ChildProcesses):
    """pyev's `Loop` with `Io`, `Timer`, `Async` and `Idle` watchers."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "libev has no HTTP",
        "Tasks": "libev calls back; nothing in it suspends sequential code",
        "FileReads": "libev waits for readiness, and a file is always ready; files are for libeio, by the same author",
        "AddressLookups": "libev has no lookups",
    }

    def __init__(self) -> None:
        self.loop = pyev.Loop()
        self._readers: dict[int, pyev.Io] = {}
        self._writers: dict[int, pyev.Io] = {}
        self._timers: list[pyev.Timer] = []
        self.watch, self.unwatch = self._watching(self._readers, pyev.EV_READ)
        self.watch_write, self.unwatch_write = self._watching(self._writers, pyev.EV_WRITE)
        self.call_later, self.rearm, self.call_every = self._timing()
        self.cancel = pyev.Timer.stop
        self.wake = self._waking()
        self.call_soon = self._calling_soon()
        self._hearer, self._teller = socket.socketpair()
        self._hearer.setblocking(False)
        self._teller.setblocking(False)
        self.watch(self._hearer.fileno(), lambda *_: self._hearer.recv(4096))  # the handler runs meanwhile
        self.run = self._run
        self.stop = self.loop.stop
        self._default_loop: pyev.Loop | None = None

    def facts(self) -> Facts:
        major, minor = pyev.abi_version()
        return Facts(
            binding="pyev",
            binding_version=pyev.version(),
            library="libev",
            library_version=f"{major}.{minor:02d}",
            mechanism=_BACKENDS.get(self.loop.backend, f"backend {self.loop.backend:#x}"),
            loaded_from=module_file(_pyev),
        )

    def close(self) -> None:
        others = self._calls_arrived, self._calls_due
        for watcher in (*self._readers.values(), *self._writers.values(), *self._timers, *others):
            watcher.stop()
        self._readers.clear()
        self._writers.clear()
        self._timers.clear()
        self._hearer.close()
        self._teller.close()
        self._default_loop = None
        # The loop itself is freed with the last watcher that refers to it.

    # StreamServer, PushServer, Datagrams

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        connections: set[_Connection] = set()
        with listener:
            self._serve(
                listener,
                lambda peer: _Connection(self.loop, peer, application(), connections),
                connections,
                stop,
            )

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        connections: set[_Connection] = set()
        with listener:
            self._serve(
                listener,
                lambda peer: _PushConnection(self.loop, peer, application, connections),
                connections,
                stop,
            )

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        answer_next = answering(endpoint, application)
        arriving = pyev.Io(endpoint, pyev.EV_READ, self.loop, lambda *_: answer_next())
        stopping = pyev.Io(stop, pyev.EV_READ, self.loop, lambda *_: self.loop.stop())
        with endpoint:
            arriving.start()
            stopping.start()
            try:
                self._run()
            finally:
                arriving.stop()
                stopping.stop()

    # Signals, ChildProcesses

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        def arrived(_watcher: pyev.Signal, _events: int) -> None:
            if heard():
                self.loop.stop()

        watcher = pyev.Signal(number, self.loop, arrived)
        watcher.start()
        try:
            self.call_soon(begin)
            self._run()
        finally:
            watcher.stop()

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        with contextlib.closing(Children(commands)) as children:
            self._until_ended(children, at_a_time)
        return children.statuses

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        with contextlib.closing(Children([command], subprocess.PIPE)) as children:
            self._until_ended(children, 1, take)
        return children.statuses[0]

    def _until_ended(
        self, children: Children, at_a_time: int, take: Callable[[bytes], object] = lambda _data: None
    ) -> None:
        """Run libev's default loop, the only one that hears of children, until all have ended and been read."""
        if self._default_loop is None:
            self._default_loop = pyev.default_loop()
        loop = self._default_loop
        hearing = pyev.Io(self._hearer, pyev.EV_READ, loop, lambda *_: self._hearer.recv(4096))
        hearing.start()
        watching = _Children(loop, children, take)
        try:
            for _ in range(at_a_time):
                watching.start_one()
            if children.living:
                self._run_loop(loop)
        finally:
            hearing.stop()
            watching.close()

    def _serve(
        self,
        listener: socket.socket,
        begin: Callable[[socket.socket], object],
        connections: "set[_Connection]",
        stop: socket.socket,
    ) -> None:
        """Have *begin* make each connection, which enters itself in *connections*."""

        def accept(watcher: pyev.Io, _events: int) -> None:
            for _ in range(ACCEPTS_PER_WAKE):
                try:
                    connection, _address = listener.accept()
                except BlockingIOError:
                    return
                except OSError as error:
                    if not must_rest(error):
                        continue
                    # The listener stays readable: without a pause this would spin.
                    watcher.stop()
                    resume.reset()
                    return
                connection.setblocking(False)
                begin(connection)

        def accept_again(timer: pyev.Timer, _events: int) -> None:
            timer.stop()
            accepting.start()

        accepting = pyev.Io(listener, pyev.EV_READ, self.loop, accept)
        resume = pyev.Timer(ACCEPT_PAUSE_S, ACCEPT_PAUSE_S, self.loop, accept_again)
        stopping = pyev.Io(stop, pyev.EV_READ, self.loop, lambda *_: self.loop.stop())
        accepting.start()
        stopping.start()
        try:
            self._run()
        finally:
            for watcher in (accepting, resume, stopping):
                watcher.stop()
            with contextlib.ExitStack() as ends:  # each, whatever an application says to an end
                for connection in connections:
                    ends.callback(connection.close)

    # Readiness, Callbacks

    def _watching(
        self, watchers: dict[int, pyev.Io], events: int
    ) -> tuple[Callable[[int, Callback], None], Callable[[int], None]]:
        loop, io = self.loop, pyev.Io

        def watch(fd: int, callback: Callback) -> None:
            if fd in watchers:
                watchers[fd].stop()
            watchers[fd] = watcher = io(fd, events, loop, callback)
            watcher.start()

        def unwatch(fd: int) -> None:
            watcher = watchers.pop(fd, None)
            if watcher is not None:
                watcher.stop()

        return watch, unwatch

    def _timing(
        self,
    ) -> tuple[
        Callable[[float, Callback], pyev.Timer],
        Callable[[pyev.Timer, float, Callback], pyev.Timer],
        Callable[[float, Callback], pyev.Timer],
    ]:
        loop, timer_type, update, timers = self.loop, pyev.Timer, self.loop.update, self._timers
        prune_at = FIRST_PRUNING

        def keep(timer: pyev.Timer) -> None:
            """Refer to a timer until it is over, whether the caller does or not; costs O(1) amortised."""
            nonlocal prune_at
            timers.append(timer)
            if len(timers) >= prune_at:
                # Expired ones are inactive already while they wait for their callback: those stay, too.
                timers[:] = [each for each in timers if each.active or each.pending]
                prune_at = max(FIRST_PRUNING, 2 * len(timers))

        def call_later(delay_s: float, callback: Callback) -> pyev.Timer:
            update()
            timer = timer_type(delay_s, 0.0, loop, callback)
            timer.start()
            keep(timer)
            return timer

        def rearm(timer: pyev.Timer, delay_s: float, callback: Callback) -> pyev.Timer:
            update()
            if not timer.active:
                keep(timer)
            if timer.data is None:
                timer.data = callback
                timer.callback = _once
            timer.repeat = delay_s or 1e-9  # ev_timer_again takes 0 for "stop"
            timer.reset()
            return timer

        def call_every(interval_s: float, callback: Callback) -> pyev.Timer:
            update()
            timer = timer_type(interval_s, interval_s, loop, callback)
            timer.start()
            keep(timer)
            return timer

        return call_later, rearm, call_every

    def _waking(self) -> Callable[[Callback], None]:
        calls: deque[Callback] = deque()
        append, popleft = calls.append, calls.popleft

        def arrived(watcher: pyev.Async, events: int) -> None:
            try:
                for _ in range(len(calls)):  # not what they add: descriptors have their turn in between
                    popleft()(watcher, events)
            finally:
                if calls:
                    watcher.send()

        self._calls_arrived = pyev.Async(self.loop, arrived)
        self._calls_arrived.start()
        send = self._calls_arrived.send

        def wake(callback: Callback) -> None:
            append(callback)
            send()

        return wake

    def _calling_soon(self) -> Callable[..., None]:
        calls: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        append, popleft = calls.append, calls.popleft

        def due(watcher: pyev.Idle, _events: int) -> None:
            try:
                for _ in range(len(calls)):  # not what they add: that has the next turn
                    callback, arguments = popleft()
                    callback(*arguments)
            finally:
                if not calls:
                    watcher.stop()

        self._calls_due = pyev.Idle(self.loop, due)
        self._calls_due.priority = pyev.EV_MAXPRI
        start = self._calls_due.start

        def call_soon(callback: Callback, *arguments: Any) -> None:
            if not calls:
                start()
            append((callback, arguments))

        return call_soon

    def _run(self) -> None:
        """Run until `stop`; raises the first exception that a callback raised, after the turn it came in."""
        self._run_loop(self.loop)

    def _run_loop(self, loop: pyev.Loop) -> None:
        with _exceptions_of_callbacks(loop) as raised, _signals_told_to(self._teller):
            loop.start()
        if raised:
            raise raised.pop(0)


class _Children:
    """What waits for children and reads their pipes. Nothing of it refers to the loop once it is closed."""

    def __init__(self, loop: pyev.Loop, children: Children, take: Callable[[bytes], object]) -> None:
        self._loop, self._children, self._take = loop, children, take
        self._watchers: dict[pyev.Child | pyev.Io, Any] = {}
        """Each with the pipe that it is for, if it is for one."""

    def start_one(self) -> None:
        child = self._children.start()
        if child is None:
            return
        self._start(pyev.Child(child.pid, False, self._loop, self._ended), None)
        if child.stdout is not None:
            self._start(pyev.Io(child.stdout, pyev.EV_READ, self._loop, self._readable), child.stdout)

    def _start(self, watcher: pyev.Child | pyev.Io, pipe: Any) -> None:
        self._watchers[watcher] = pipe
        watcher.start()

    def _ended(self, watcher: pyev.Child, _events: int) -> None:
        self._forget(watcher)
        self._children.ended(watcher.rpid, watcher.rstatus)
        self.start_one()
        self._stop_if_over()

    def _readable(self, watcher: pyev.Io, _events: int) -> None:
        if data := os.read(watcher.fd, READ_BYTES):
            self._take(data)
        else:
            self._forget(watcher)
            self._stop_if_over()

    def _stop_if_over(self) -> None:
        if not self._watchers:
            self._loop.stop()

    def _forget(self, watcher: pyev.Child | pyev.Io) -> None:
        watcher.stop()
        if (pipe := self._watchers.pop(watcher)) is not None:
            pipe.close()

    def close(self) -> None:
        for watcher in tuple(self._watchers):
            self._forget(watcher)
        del self._loop


class _Connection:
    """One accepted connection: reads, hands on, answers; while an answer is stuck it does not read."""

    __slots__ = ("connections", "receive", "recv", "send", "socket", "unsent", "watcher")

    def __init__(
        self, loop: pyev.Loop, connection: socket.socket, receive: Receive, connections: "set[_Connection]"
    ) -> None:
        self.socket, self.connections, self.receive = connection, connections, receive
        self.recv, self.send = connection.recv, connection.send
        self.unsent = memoryview(b"")
        self.watcher = pyev.Io(connection, pyev.EV_READ, loop, self.readable)
        connections.add(self)
        self.watcher.start()

    def readable(self, _watcher: pyev.Io, _events: int) -> None:
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
            self.turn(pyev.EV_WRITE, self.writable)

    def writable(self, _watcher: pyev.Io, _events: int) -> None:
        try:
            self.unsent = self.unsent[self.send(self.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self.unsent:
            self.turn(pyev.EV_READ, self.readable)

    def turn(self, events: int, callback: Callback) -> None:
        """Wait for *events* instead; a watcher is stopped while it is changed."""
        self.watcher.stop()
        self.watcher.set(self.socket, events)
        self.watcher.callback = callback
        self.watcher.start()

    def close(self) -> None:
        self.watcher.stop()
        del self.watcher  # it refers to this object by its callback
        self.connections.discard(self)
        self.socket.close()


class _PushConnection(Pushing, _Connection):
    """One whose application sends when it likes; what waits already goes first."""

    __slots__ = ("ended", "queue")

    def __init__(
        self,
        loop: pyev.Loop,
        connection: socket.socket,
        application: PushApplication,
        connections: set[_Connection],
    ) -> None:
        self.ended = False
        self.queue: list[bytes] = []
        super().__init__(loop, connection, without_application, connections)
        self.receive = application(self.push)

    def hold(self, left: memoryview) -> None:
        self.unsent = left
        self.turn(pyev.EV_WRITE, self.writable)

    def writable(self, watcher: pyev.Io, events: int) -> None:
        super().writable(watcher, events)
        self.push_queue()

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            super().close()
            self.receive(b"")


def _once(timer: pyev.Timer, events: int) -> None:
    """Callback of a timer that `reset()` has made repeating: end it, then do what it was for."""
    timer.stop()
    timer.data(timer, events)


@contextlib.contextmanager
def _exceptions_of_callbacks(loop: pyev.Loop) -> Iterator[list[BaseException]]:
    """Collect what callbacks raise in this thread, and stop the loop at the first."""
    raised: list[BaseException] = []
    thread = threading.get_ident()
    previous = sys.unraisablehook

    def take(unraisable: Any) -> None:
        if threading.get_ident() != thread or unraisable.exc_value is None:
            previous(unraisable)
            return
        raised.append(unraisable.exc_value)
        loop.stop()

    sys.unraisablehook = take
    try:
        yield raised
    finally:
        sys.unraisablehook = previous


@contextlib.contextmanager
def _signals_told_to(teller: socket.socket) -> Iterator[None]:
    """Have each signal write a byte to *teller*, where nobody else has asked for that already."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread
        return
    previous = signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)
    if previous != -1:
        signal.set_wakeup_fd(previous)
    try:
        yield
    finally:
        if previous == -1:
            signal.set_wakeup_fd(-1)
