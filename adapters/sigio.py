"""Signal-driven I/O: the kernel sends a signal when something happens on a descriptor.

**The model.** Stevens' fourth model (UNP, chapters 6 and 25): select and poll ask again and again what is ready; here
the kernel tells the program. A descriptor gets an owner and the flag O_ASYNC, and at each change the owner gets a
signal. The first form, SIGIO from 4.2BSD, is hardly usable for TCP: the signal names neither the socket nor the change,
and any number of signals merge into one. Linux solved that around 1999 with the queue of POSIX real-time signals:
`F_SETSIG` picks such a signal, each change queues one of its own, and its `siginfo_t` names the descriptor (`si_fd`)
and what happened (`si_band`, in poll's bits). The cost does not grow with the number of descriptors. It was Linux's
answer to C10K until epoll (2002).

**Waiting.** sigtimedwait(2) on Linux takes one real-time signal a call from a queue; it names the descriptor that
changed. A signal handler does not work here. It interrupts the program between any two instructions and may call almost
nothing (signal-safety(7)). Python's handlers are different: C code notes the *number*, one flag for each, and the
function runs later, between two bytecodes, in the main thread. A hundred signals would be one call, without a
descriptor. So the signal is blocked, stays on its queue, and the program takes it from there. Python's own sigtimedwait
leaves `si_fd` out; `crossloop.bindings.posix_signals` has it. (signalfd(2) reads many at once, but by a descriptor,
which epoll could watch.)

glibc takes the first two real-time signals for its threads, and SIGRTMIN comes after them. This program takes the first
of the rest that is unused in the process. A signal *to the process* goes to any thread that does not block it, and
kills the process by its default action. The process has threads that we did not start. So `F_SETOWN_EX` makes this
thread the owner, and only this thread gets the signals. For the overflow's SIGIO fcntl(2) says otherwise, "delivered to
the entire process"; the kernel sends it to that owner like the others (`send_sigio_to_task` in fs/fcntl.c; on 6.18 it
was pending in the thread's SigPnd).

`Readiness` is level-triggered by contract: called back as long as the descriptor is ready. Signals do not state
readiness; they only tell *where to look*. Descriptors with a signal are polled with poll(2), again each turn until they
are no longer ready. That costs more, two system calls a turn; idle descriptors still cost nothing. libevent 1 had a
backend of this kind (rtsig.c).

**Reading.** `recv` of at most 64 KiB until EAGAIN, because a signal comes once for a change. That is a `recv` more per
message than with poll or epoll. A short read does not show that nothing is left: a peer's end of file may follow the
data, and its signal may have come earlier. A connection with endless data would delay all others, so after some rounds
it goes to the end of a queue, and signals have their turn.

A signal is a hint. It lies on the queue while the program works. Meanwhile the data may have been read with earlier
data, or the descriptor may be closed and its number reused. The kernel does not withdraw signals. That does no harm:
looking at a socket without data costs a system call, and the program concludes nothing from the signal alone. There is
another gap before the first signal: no signal announces data that arrived before O_ASYNC was set, so the program looks
at each new connection once.

**Writing.** `send` at once, in the same function that reads; the next signal comes when the kernel can take more. A
connection is not read while its answers are unsent. It must be read when they are sent, because no signal comes for
data that arrived meanwhile. One function does all of it: for any signal `advance` sends, receives and answers until the
kernel refuses. Pushing is done by `Readiness`, which costs more (`crossloop.idioms.multiplexing`).

**Timers.** A heap in Python; the nearest timer is the timeout of sigtimedwait, in nanoseconds.

**Waking.** A byte to a socket pair, which sends a signal as any descriptor does; the calls themselves travel in a
deque.

**Signals.** A signal with a handler in Python ends the wait (EINTR), and the handler runs when the call returns. A wait
would miss a signal that comes just before it, so `Readiness` has each signal write a byte to the socket pair
(`signal.set_wakeup_fd`).

**Closing.** O_ASYNC is removed or the descriptor closed first, then the queue is emptied, then the mask restored. A
real-time signal that is still pending when it is unblocked kills the process.

**Limits.** The queue is bounded, by RLIMIT_SIGPENDING and for all processes of the user together. When it is full the
kernel sends plain SIGIO, and one SIGIO is enough: something changed, somewhere. Then the program looks at every
descriptor once with poll(2), so the model is poll as long as the queue is full. SIGIO has a lower number than the
real-time signals and is taken before them (signal(7)). So the recovery comes first, and signals left on the queue are
hints as before. Nothing can be lost: the poll sees an earlier event, and a later event queues a signal, or, without
room, the next SIGIO. The start of the server is the same case, because nothing is known of any descriptor, and uses the
same code.

A kind of file that sends no signals (epoll, eventfd, timerfd ignore O_ASYNC silently) is refused. One gap is closed by
polling every millisecond. Unix stream sockets announce room only if a `send` was refused while O_ASYNC was on, and a
watcher for room has been refused before that (TCP's poll method notes the wish, `unix_poll` in net/unix/af_unix.c does
not; tried on 6.18).

**Elsewhere.** macOS and the BSDs have O_ASYNC and SIGIO, but no F_SETSIG and no descriptor in the signal. Each signal
would mean to poll all descriptors, which `poll` does directly.
"""

import contextlib
import ctypes
import platform
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from crossloop.api import (
    AdapterAbout,
    DatagramApplication,
    Facts,
    Receive,
    StreamApplication,
    module_file,
)
from crossloop.bindings.posix_signals import (
    SignalTaker,
    end_signals,
    free_realtime_signal,
    signal_readiness,
    signal_readiness_of_any,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.datagrams import answering
from crossloop.idioms.multiplexing import Mechanism, Multiplexing, Watched
from crossloop.idioms.sizes import READ_BYTES

if sys.platform != "linux":
    raise ImportError("only Linux has signals that name a descriptor (F_SETSIG)")

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="ctypes",
    summary="Signal-driven I/O: a real-time signal for each change, taken by sigtimedwait; C10K before epoll.",
    platforms=("linux",),
    elsewhere="only Linux says in the signal which descriptor it is about (F_SETSIG); use kqueue or poll there",
    homepage="https://man7.org/linux/man-pages/man2/fcntl.2.html",
)

STEPS_PER_TURN = 32
"""Calls of `recv` and `send` until the other connections have their turn."""
SIGNALS_PER_TURN = 256
ASK_AGAIN_S = 0.001
OVERFLOW = int(signal.SIGIO)


class Adapter(Multiplexing):
    """One real-time signal for everything; the thread that opens the adapter is the one that runs it."""

    lacks: ClassVar[Mapping[str, str]] = {
        **Multiplexing.lacks,
        "Signals": "the model takes its own real-time signal, which tells of a descriptor, and no other one",
    }

    def __init__(self) -> None:
        self._number = free_realtime_signal()
        self._taker = SignalTaker((self._number, OVERFLOW))
        self._blocked = (self._number, OVERFLOW)
        self._mask_before = signal.pthread_sigmask(signal.SIG_BLOCK, self._blocked)
        self._looking: _Looking | None = None
        self.overflows = 0
        """How many times the queue of signals ran over so far."""
        try:
            super().__init__(self._mechanism)
        except BaseException:
            self._end()
            raise

    def facts(self) -> Facts:
        return Facts(
            binding="ctypes",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism=self.mechanism.name,
            loaded_from=module_file(ctypes),
        )

    # StreamServer, Datagrams; a push is sent and watched for by `Readiness`, which is dearer

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        with _blocked(self._taker, self._blocked), listener:
            server = _Server(self, self._taker, self._number, listener, application, stop)
            try:
                server.run()
            finally:
                server.close()
        self._look_again()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        with _blocked(self._taker, self._blocked), endpoint:
            try:
                signal_readiness(endpoint.fileno(), self._number)
                signal_readiness(stop.fileno(), self._number)
                self._answer_until(stop, answering(endpoint, application))
            finally:
                end_signals(stop.fileno())
                end_signals(endpoint.fileno())
        self._look_again()

    def _answer_until(self, stop: socket.socket, answer_next: Callable[[], bool]) -> None:
        take, info, stopping = self._taker.take, self._taker.info, stop.fileno()
        while not _readable(stop):
            taken = 0
            while taken == 0 or (taken == self._number and info.si_fd != stopping):
                timeout_s: float | None = 0.0
                for _ in range(STEPS_PER_TURN):
                    if not answer_next():
                        timeout_s = None  # the next signal comes for what is not there yet
                        break
                taken = take(timeout_s)
            self.overflows += taken == OVERFLOW

    def _look_again(self) -> None:
        if self._looking is not None:
            self._looking.everywhere()  # signals that were meant for it have been taken

    # Readiness

    def _mechanism(self, watched: Watched) -> Mechanism:
        self._looking = looking = _Looking(self, self._taker, self._number, watched)
        return Mechanism("sigio", looking.tell, looking.ask, self._end)

    def _end(self) -> None:
        if self._looking is not None:
            self._looking.close()
        _empty(self._taker)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask_before)


@contextlib.contextmanager
def _blocked(taker: SignalTaker, numbers: tuple[int, ...]) -> Iterator[None]:
    """Signals *numbers* stay on their queue meanwhile; none is left there when they may be delivered again."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        _empty(taker)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _empty(taker: SignalTaker) -> None:
    while taker.take(0.0):
        pass


class _Server:
    """The listener, `stop`, and the connections; edge-triggered, as the signals are."""

    def __init__(
        self,
        adapter: Adapter,
        taker: SignalTaker,
        number: int,
        listener: socket.socket,
        application: StreamApplication,
        stop: socket.socket,
    ) -> None:
        self.adapter, self.taker, self.number = adapter, taker, number
        self.listener, self.application, self.stop = listener, application, stop
        self.stopped = False
        self.accept_at_s: float | None = None
        self.connections: dict[int, _Connection] = {}
        self.line: dict[int, None] = {}
        """Descriptors that were not read to EAGAIN yet, in the order of their turns."""

    def run(self) -> None:
        signal_readiness(self.listener.fileno(), self.number)
        signal_readiness(self.stop.fileno(), self.number)
        self.look_everywhere()
        take, info, line, number = self.taker.take, self.taker.info, self.line, self.number
        while not self.stopped:
            taken = take(0.0 if line else self.pause_s())
            if taken == number:
                if info.si_fd not in line:
                    self.look_at(info.si_fd)
            elif taken == OVERFLOW:
                self.adapter.overflows += 1
                self.look_everywhere()
            if line:
                fd = next(iter(line))
                del line[fd]
                self.look_at(fd)
            if self.accept_at_s is not None and self.pause_s() == 0.0:
                self.accept()

    def look_at(self, fd: int) -> None:
        connection = self.connections.get(fd)
        if connection is not None:
            connection.advance()
        elif fd == self.listener.fileno():
            self.accept()
        elif fd == self.stop.fileno():
            self.stopped = _readable(self.stop)
        # else: a signal from before it was closed

    def look_everywhere(self) -> None:
        """Ask for the state of every descriptor once, and go on with those that are ready."""
        poller = select.poll()
        poller.register(self.stop, select.POLLIN)
        poller.register(self.listener, select.POLLIN)
        for fd, connection in self.connections.items():
            poller.register(fd, select.POLLOUT if connection.unsent else select.POLLIN)
        for fd, _events in poller.poll(0):
            self.look_at(fd)

    def accept(self) -> None:
        self.accept_at_s = None
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                peer, _address = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not must_rest(error):
                    continue
                # Those who wait have been announced already, no signal will come for them.
                self.accept_at_s = time.monotonic() + ACCEPT_PAUSE_S
                return
            # Sets O_NONBLOCK, too. Python's own timeout stays "blocking", which means that it does not wait
            # before the call and hands EAGAIN on: two system calls less.
            signal_readiness(peer.fileno(), self.number)
            connection = _Connection(self, peer, self.application())
            self.connections[connection.fd] = connection
            connection.advance()  # what came before the flag was set
        self.line[self.listener.fileno()] = None

    def pause_s(self) -> float | None:
        return None if self.accept_at_s is None else max(0.0, self.accept_at_s - time.monotonic())

    def close(self) -> None:
        end_signals(self.stop.fileno())
        end_signals(self.listener.fileno())
        for connection in tuple(self.connections.values()):
            connection.close()


class _Connection:
    """One accepted connection: what it has to send goes before what it reads."""

    __slots__ = ("fd", "peer", "receive", "recv", "send", "server", "unsent")

    def __init__(self, server: _Server, peer: socket.socket, receive: Receive) -> None:
        self.server, self.peer, self.receive = server, peer, receive
        self.fd, self.recv, self.send = peer.fileno(), peer.recv, peer.send
        self.unsent = memoryview(b"")

    def advance(self) -> None:
        """Send, receive and answer until the kernel refuses: the next signal comes for what it refused."""
        for _ in range(STEPS_PER_TURN):
            try:
                if self.unsent:
                    self.unsent = self.unsent[self.send(self.unsent) :]
                    continue
                data = self.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:  # reset by the peer
                data = b""
            if not data:
                self.close()
                return
            self.unsent = memoryview(self.receive(data))
        self.server.line[self.fd] = None

    def close(self) -> None:
        self.server.line.pop(self.fd, None)
        del self.server.connections[self.fd]
        self.peer.close()


class _Looking:
    """Readiness: signals tell where to look, poll(2) says what is so."""

    def __init__(self, adapter: Adapter, taker: SignalTaker, number: int, watched: Watched) -> None:
        self._adapter, self._taker, self._number, self._watched = adapter, taker, number, watched
        self._signalling: set[int] = set()
        """Descriptors with O_ASYNC."""
        self._poller = select.poll()
        self._places: set[int] = set()
        """Those in the poller: a signal came, and they were ready when last asked, or were not asked yet."""
        self._silent: set[int] = set()
        """Watched for room, of which no signal may come."""

    def tell(self, fd: int) -> None:
        """Look at *fd* in the next turn: what is there already has sent its signal, or none."""
        self._silent.discard(fd)
        if fd in self._watched.writers and _is_unix_socket(fd):
            self._silent.add(fd)
        if fd in self._watched.readers or fd in self._watched.writers:
            if fd not in self._signalling:
                signal_readiness_of_any(fd, self._number)
                self._signalling.add(fd)
            self._look_at(fd)
        else:
            self._pass_over(fd)
            if fd in self._signalling:
                self._signalling.remove(fd)
                end_signals(fd)

    def ask(self, timeout_s: float | None) -> None:
        take, info, number = self._taker.take, self._taker.info, self._number
        if self._silent:
            timeout_s = ASK_AGAIN_S if timeout_s is None else min(timeout_s, ASK_AGAIN_S)
        taken = take(0.0 if self._places else timeout_s)
        for _ in range(SIGNALS_PER_TURN):
            if taken == number:
                if info.si_fd in self._signalling:
                    self._look_at(info.si_fd)
            elif taken == OVERFLOW:
                self._adapter.overflows += 1
                self.everywhere()
            else:
                break
            taken = take(0.0)
        for fd in self._silent:
            self._look_at(fd)
        self._call_back()

    def everywhere(self) -> None:
        for fd in self._signalling:
            self._look_at(fd)

    def close(self) -> None:
        for fd in self._signalling:
            end_signals(fd)
        self._signalling.clear()

    def _call_back(self) -> None:
        readers, writers, fresh = self._watched.readers, self._watched.writers, self._watched.fresh
        fresh.clear()
        ready = dict(self._poller.poll(0))
        for fd in self._places - ready.keys():
            self._pass_over(fd)
        for fd, events in ready.items():
            if events & select.POLLNVAL and fd not in fresh:  # closed while it was watched
                self._watched.drop(fd)
                self.tell(fd)
            if events & ~select.POLLOUT and fd in readers and fd not in fresh:
                readers[fd]()
            if events & ~select.POLLIN and fd in writers and fd not in fresh:
                writers[fd]()

    def _look_at(self, fd: int) -> None:
        reading = select.POLLIN if fd in self._watched.readers else 0
        writing = select.POLLOUT if fd in self._watched.writers else 0
        self._poller.register(fd, reading | writing)
        self._places.add(fd)

    def _pass_over(self, fd: int) -> None:
        if fd in self._places:
            self._places.remove(fd)
            self._poller.unregister(fd)


def _readable(sock: socket.socket) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def _is_unix_socket(fd: int) -> bool:
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return sock.family == socket.AF_UNIX
    finally:
        sock.detach()
