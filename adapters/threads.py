"""threads: blocking I/O, one thread for each connection.

The second oldest way, and the easiest program to read: the acceptor starts a thread, and the thread does `recv`, works,
and does `sendall`, until its peer is done (UNP volume 1, 26.4 and 30.10).

**Waiting.** A blocking `recv` in each connection's own thread, on every platform. Each thread is asleep in the kernel
most of the time, in the queue of its own socket. When data comes the kernel makes exactly that thread runnable, without
a search. So the cost of a message does not grow with the number of idle connections; memory grows. One more thread
accepts, and waits with poll (select on Windows) for the listener and the stop (`crossloop.idioms.blocking`).

*Tasks* are threads, too: `receive`, `send_all` and `sleep` block, and an `async def` runs through by one `send(None)`.
A non-blocking socket of a scenario is made blocking at its first use. When a task fails, tasks that are blocked in one
of the three are woken and unwound; then all are joined.

**Reading.** `recv` of at most 64 KiB, whose buffer belongs to the thread. TLS is a wrapped socket, whose `recv` and
`sendall` wait as any socket's do. *Datagrams* have one socket for all peers. One thread serves it, one datagram after
another, as the oldest servers do (UNP 8.4). Answers are so short that no peer waits noticeably.

**Writing.** `sendall` blocks until the kernel has taken everything: backpressure comes by itself. *Pushing* is a `send`
that does not wait, in the pushing thread. Unsent data goes to a second thread of that connection, which blocks until
its peer reads, and ends when nothing is left. So a slow peer delays only that thread. Applications are not written for
threads, so one lock is around each of their calls. Windows has no MSG_DONTWAIT; there the second thread sends
everything.

**Timers.** None beside `sleep`, which blocks a task's thread: there is no `Readiness`.

**Waking.** The kernel makes the one thread runnable that has data. That thread then needs the GIL, which a thread
releases around each system call and takes again after it. With one busy thread there is no contention. A thread that
computes delays the others by the switch interval (5 ms). Threads that do I/O release the lock after microseconds, and
the computing thread only when asked, so it wins every round. That is the convoy effect (Beazley, "Understanding the
Python GIL", 2010; bpo-7946). And the waiting itself does not scale: each thread that waits for the lock wakes at every
interval to see whether the lock changed hands. A few waiters cost nothing. When a message arrives for each of 3000
threads, 600,000 wake-ups a second leave little of the machine: that round took 4 to 7 s, and with 10,000 threads some
80 messages a second got through. With an interval of 0.5 s the same rounds took 0.2 s and 0.8 s. So the interval grows
with the threads here (SWITCH_S each, above the default from 100 on). By default the interpreter fails at C10K, and not
the kernel. On a free-threaded build (PEP 703) there is no such lock. Nothing in this file relies on it: `_Crew`'s guard
protects all data that two threads share.

**Signals.** Python's handler runs in the main thread. A signal interrupts that thread's wait, and Python resumes it
(PEP 475). The threads of the connections run no handlers.

**Closing.** `shutdown` on a connection's socket wakes its thread, and only the thread closes the socket. A thread
cannot be ended from outside; it must return from its system call. `shutdown(SHUT_RDWR)` makes it return at once, `recv`
with an end of file and `sendall` with EPIPE. `close` would not: the call holds the file open and sleeps on. It would
also free the number for another file while the thread still uses it. Until the thread closes its socket, the socket is
listed under a lock. On Windows it is the opposite: `shutdown` leaves a blocked `recv` asleep (cpython issue 91913) and
`closesocket` fails it, so there the socket is closed, at a time when no other is opened. The server waits for a thread
that computes. Threads are daemons although all are joined: otherwise CPython up to 3.12 goes through the list of all
living threads at each start (`_maintain_shutdown_locks`), which is quadratic: 3.6 s of user time instead of 0.6 s for
10,000.

With datagrams a second thread waits for the stop and then sends an empty datagram to the server's socket. It wakes
`recvfrom` on every system, where `shutdown` wakes it on Linux only.

**Limits.** The number of threads: RLIMIT_NPROC, kernel.threads-max, kernel.pid_max, a container's pids.max,
vm.max_map_count. `clone` fails with EAGAIN at the first four, and mmap at the last: stack, guard page and frames are
three mappings, so that the usual 65,530 end at 21,800 threads. Python says "can't start new thread" for all of them.
That connection is closed, and the others are served on. `refused` counts such connections and names the limit
(`crossloop.idioms.task_limits`).

The stack is the best-known part of a thread's cost, and a misleading figure. The default (`ulimit -s`, mostly 8 MiB;
CPython asks for 16 on macOS) is address space: a page becomes memory when it is first touched, and a thread in `recv`
has touched few pages. Ten thousand stacks of 8 MiB are 80 GB of addresses. 64 bits are enough for that, but RLIMIT_AS
or strict overcommit (vm.overcommit_memory 2) may forbid it. Before Linux 6.7 a stack of 2 MiB or more could get whole
huge pages where these are set to `always`, and so real memory (JDK-8312182). STACK_BYTES stays below that, with room
for some thousand frames of C, regular expressions and JSON included. Beside the stack each thread has a chunk of 16 KiB
for Python's frames, its receive buffer, and in the kernel a task structure and a stack of 16 KiB. Measured with ten
thousand connections, after one small message on each: 24 KiB resident a connection, 0.7 MiB of addresses.
"""

import contextlib
import platform
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from crossloop.api import (
    AdapterAbout,
    AddressLookups,
    ChildProcesses,
    DatagramApplication,
    Datagrams,
    Facts,
    FileReads,
    PushApplication,
    PushServer,
    StreamApplication,
    StreamServer,
    Tasks,
    TlsServer,
    UnsupportedError,
    module_file,
)
from crossloop.idioms.blocking import arrivals, converse, converse_tls, secured
from crossloop.idioms.datagrams import answering
from crossloop.idioms.sizes import READ_BYTES
from crossloop.idioms.task_limits import Need, Refused, once_more, room, why

if TYPE_CHECKING:  # loaded by who serves TLS
    import ssl

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="threading",
    summary="Blocking calls, one thread for each connection: the program that reads like its protocol.",
    homepage="https://docs.python.org/3/library/threading.html",
    asked_as="server",
)

STACK_BYTES = 512 * 1024
FRAMES_BYTES = 16 * 1024
"""First chunk for Python's frames, a mapping of its own (DATA_STACK_CHUNK_SIZE in CPython's pystate.c)."""
THREAD = Need(name="thread", mappings=3, address_bytes=STACK_BYTES + FRAMES_BYTES + READ_BYTES)
SWITCH_S = 50e-6
"""Switch interval for each thread: waiters that look at the GIL together wake once in this time, not more often."""
WITHOUT_WAITING: int | None = getattr(socket, "MSG_DONTWAIT", None)
Serve = Callable[[socket.socket, "_Crew"], None]
"""Serves one connection to its end, in a thread of its own."""


Given = TypeVar("Given")
Done = TypeVar("Done")


class Adapter(
    StreamServer, TlsServer, PushServer, Datagrams, Tasks, ChildProcesses, FileReads, AddressLookups
):
    """`threading.Thread` and blocking sockets."""

    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "Python's http.client has no pool of connections; urllib3, which has, is not among the clients",
        "Readiness": "a call waits for one descriptor and reads it; nothing says that others are ready",
        "Turns": "threads take no turns: the kernel and the interpreter's lock decide which thread runs",
        "Signals": "the kernel chooses the thread that a signal interrupts; Python runs its handler in the main one",
    }

    def __init__(self) -> None:
        self.refused: Refused | None = None
        """Connections that no thread could be started for, since the adapter was made."""
        self._crew = _Crew()
        self.receive = self._receive
        self.send_all = self._send_all
        self.sleep = self._sleep

    def facts(self) -> Facts:
        return Facts(
            binding="threading",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism="blocking",
            loaded_from=module_file(threading),
        )

    def close(self) -> None:
        """Nothing is open: threads and sockets end with the call that they belong to."""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        def serve(connection: socket.socket, crew: "_Crew") -> None:
            with crew.held(connection):
                converse(connection, application())

        self._serve(listener, stop, serve)

    def most_connections(self) -> tuple[int, str] | None:
        return room(THREAD)

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        def serve(connection: socket.socket, crew: "_Crew") -> None:
            try:
                secure = secured(connection, context)
            except OSError:  # reset since
                connection.close()
                return
            with crew.held(secure):
                converse_tls(secure, application)

        self._serve(listener, stop, serve)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        alone = threading.Lock()

        def serve(connection: socket.socket, crew: "_Crew") -> None:
            with crew.held(connection), _Pushing(connection, crew) as pushing:
                with alone:
                    receive = application(pushing.push)

                def answer(data: bytes) -> bytes:
                    with alone:
                        pushing.push(receive(data))
                    return b""

                converse(connection, answer)
                pushing.end()
                with alone:
                    receive(b"")

        self._serve(listener, stop, serve)

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        over = threading.Event()
        ours, theirs = socket.socketpair()

        def answer(data: bytes) -> bytes:
            if over.is_set():
                raise _EndedError
            return application(data)

        def wait_for_stop() -> None:
            with selectors.DefaultSelector() as waiting:
                waiting.register(stop, selectors.EVENT_READ)
                waiting.register(theirs, selectors.EVENT_READ)
                waiting.select()
            over.set()
            _send_nothing_to(endpoint)

        waiter = threading.Thread(target=wait_for_stop, name="crossloop-stop")
        endpoint.setblocking(True)
        answer_next = answering(endpoint, answer)
        with endpoint, ours, theirs:
            waiter.start()
            try:
                while True:
                    answer_next()
            except _EndedError:
                pass
            finally:
                ours.send(b"!")
                waiter.join()

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        try:
            self._crew.start(partial(_drive, task))
        except (RuntimeError, MemoryError) as error:
            task.close()
            raise UnsupportedError(f"no thread for another task: {why(THREAD, error)}") from error
        return task

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        crew = self._crew
        with _settings_for_many():
            crew.run(partial(_drive, main))
            try:
                crew.join()
            except BaseException as error:  # raised by the handler of a signal
                crew.fail(error)
                crew.join()
            finally:
                self._crew = _Crew()
        crew.raise_failure()

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        def run(command: Sequence[str]) -> int:
            return subprocess.run(command, stdin=DEVNULL, stdout=DEVNULL, check=False).returncode

        return _all_of(run, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        with subprocess.Popen(command, stdin=DEVNULL, stdout=PIPE, bufsize=0) as child:
            assert child.stdout is not None
            try:
                while data := child.stdout.read(READ_BYTES):
                    take(data)
            except BaseException:
                child.kill()
                raise
        return child.returncode

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        return _all_of(lambda path: Path(path).read_bytes(), paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        return [
            [address for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            for _ in range(times)
        ]

    def _serve(self, listener: socket.socket, stop: socket.socket, serve: Serve) -> None:
        failed, alarm = socket.socketpair()
        crew = _Crew(on_failure=lambda: alarm.send(b"!"))
        with listener, failed, alarm, _settings_for_many():
            try:
                for arrival in arrivals(listener, stop, failed):
                    if arrival is stop or arrival is failed:
                        break
                    try:
                        crew.start(partial(serve, arrival, crew))
                    except (RuntimeError, MemoryError) as error:
                        self.refused = once_more(self.refused, THREAD, error)
                        arrival.close()
            finally:
                crew.interrupt()
                crew.join()
        crew.raise_failure()

    async def _receive(self, sock: socket.socket, n: int) -> bytes:
        crew = self._crew
        _make_blocking(sock)
        crew.hold(sock)
        try:
            data = sock.recv(n)
        finally:
            crew.release()
        crew.check()
        return data

    async def _send_all(self, sock: socket.socket, data: bytes) -> None:
        crew = self._crew
        _make_blocking(sock)
        crew.hold(sock)
        try:
            sock.sendall(data)
        finally:
            crew.release()
        crew.check()

    async def _sleep(self, seconds: float) -> None:
        self._crew.interrupted.wait(seconds)
        self._crew.check()


class _EndedError(BaseException):
    """Unwinds a thread whose blocking call was interrupted."""


class _Crew:
    """Threads that are waited for together, and the sockets that they are blocked on."""

    def __init__(self, on_failure: Callable[[], object] = lambda: None) -> None:
        self.interrupted = threading.Event()
        self._on_failure = on_failure
        self._interval_s = sys.getswitchinterval()
        self._guard = threading.Lock()
        self._members: set[threading.Thread] = set()
        self._last_to_leave: threading.Thread | None = None
        self._held: dict[int, socket.socket] = {}
        self._failure: BaseException | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Do *work* in a thread of its own. Raises RuntimeError or MemoryError where there is none to be had."""
        thread = threading.Thread(target=self._run_and_leave, args=(work,), daemon=True)
        with self._guard:  # nobody joins what has not started, nor leaves before it is listed
            thread.start()
            self._members.add(thread)
            sys.setswitchinterval(max(self._interval_s, len(self._members) * SWITCH_S))

    def run(self, work: Callable[[], None]) -> None:
        """Do *work* in this thread. What it raises interrupts the others; the first such is kept."""
        try:
            work()
        except _EndedError:
            pass
        except BaseException as error:
            self.fail(error)

    def _run_and_leave(self, work: Callable[[], None]) -> None:
        self.run(work)
        # A thread cannot take itself off the list as the very last thing it does. So each waits for the one
        # that left before it, and `join` for the last.
        thread = threading.current_thread()
        with self._guard:
            before, self._last_to_leave = self._last_to_leave, thread
            self._members.discard(thread)
        if before is not None:
            before.join()

    def hold(self, sock: socket.socket) -> None:
        """From here to `release` this thread may block on *sock*, and does not close it."""
        with self._guard:
            self.check()
            self._held[threading.get_ident()] = sock

    def release(self) -> None:
        """This thread has no socket to block on."""
        with self._guard:
            self._held.pop(threading.get_ident(), None)

    @contextlib.contextmanager
    def held(self, sock: socket.socket) -> Iterator[None]:
        """Hold *sock*; release it and close it at the end."""
        with sock:
            self.hold(sock)
            try:
                yield
            finally:
                self.release()

    def check(self) -> None:
        """Unwind this thread if the crew was interrupted."""
        if self.interrupted.is_set():
            raise _EndedError

    def interrupt(self) -> None:
        """Bring every thread back from the call that it is blocked in, and let none block again."""
        with self._guard:
            self.interrupted.set()
            for sock in self._held.values():
                with contextlib.suppress(OSError):  # its peer has reset it
                    if sys.platform == "win32":
                        sock.close()
                    else:
                        # Of the plain socket: SSLSocket's forgets its session, and a read that follows is a plain one.
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def fail(self, error: BaseException) -> None:
        """Keep the first error for `raise_failure`, and interrupt all."""
        with self._guard:
            if self._failure is None:
                self._failure = error
        self.interrupt()
        self._on_failure()

    def join(self) -> None:
        """Wait until every thread is gone, those that were started meanwhile, too."""
        while True:
            with self._guard:
                members, last = tuple(self._members), self._last_to_leave
            if not members:
                break
            for thread in members:
                thread.join()
        if last is not None:
            last.join()

    def raise_failure(self) -> None:
        """Raise the first error, if there was one."""
        if self._failure is not None:
            raise self._failure


class _Pushing:
    """What is sent on one connection, from any thread, in order; a context that ends with the second thread."""

    def __init__(self, connection: socket.socket, crew: _Crew) -> None:
        self._connection, self._crew = connection, crew
        self._changed = threading.Condition()
        self._queue: list[bytes] = []
        """What the kernel did not take; a second thread sends it while there is some."""
        self._sending = self._ended = False

    def __enter__(self) -> "_Pushing":
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        """Wait until all is sent, which a peer that does not read delays; after an error, until the thread is back."""
        if kind is not None:
            self._break()
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._sending)

    def push(self, data: bytes) -> None:
        """Send *data*, or leave it to the second thread. Does not wait."""
        with self._changed:
            if self._ended or not data:
                return
            if not self._sending:
                data = data[self._send(data) :]
            if not data:
                return
            self._queue.append(data)
            if not self._sending:
                self._sending = True
                try:
                    self._crew.start(self._send_queue)
                except (RuntimeError, MemoryError):  # no thread is to be had: this connection ends
                    self._sending, self._ended = False, True
                    self._break()

    def end(self) -> None:
        """Take nothing more."""
        with self._changed:
            self._ended = True

    def _send(self, data: bytes) -> int:
        if WITHOUT_WAITING is None:
            return 0
        try:
            return self._connection.send(data, WITHOUT_WAITING)
        except BlockingIOError:
            return 0
        except OSError:  # reset by the peer, which the connection's own thread sees
            return len(data)

    def _send_queue(self) -> None:
        """In the second thread: send until nothing is left."""
        while True:
            with self._changed:
                data = b"".join(self._queue)
                self._queue.clear()
                if not data:
                    self._sending = False
                    self._changed.notify_all()
                    return
            with contextlib.suppress(OSError):  # the connection has ended, and so does the next one
                self._connection.sendall(data)

    def _break(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


def _all_of(do: Callable[[Given], Done], given: Sequence[Given], at_a_time: int) -> list[Done]:
    """What *do* returns for each of *given*, *at_a_time* at once: in so many threads, or in this one."""
    if at_a_time == 1:
        return [do(each) for each in given]
    with ThreadPoolExecutor(at_a_time) as threads:
        return list(threads.map(do, given))


def _send_nothing_to(endpoint: socket.socket) -> None:
    """Send *endpoint* an empty datagram. Raises OSError."""
    host, *rest = endpoint.getsockname()
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    with socket.socket(endpoint.family, endpoint.type) as sender:
        sender.sendto(b"", (loopback, *rest))


def _make_blocking(sock: socket.socket) -> None:
    if sock.gettimeout() is not None:  # known without a system call
        sock.setblocking(True)


def _drive(task: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that only ever awaits what blocks."""
    try:
        task.send(None)
    except StopIteration:
        return
    task.close()
    raise RuntimeError("a task was suspended by something other than this adapter's receive, send_all, sleep")


@contextlib.contextmanager
def _settings_for_many() -> Iterator[None]:
    """Stack size and switch interval are settings of the whole process: leave them as they were."""
    interval_s, stack_bytes = sys.getswitchinterval(), threading.stack_size(STACK_BYTES)
    try:
        yield
    finally:
        threading.stack_size(stack_bytes)
        sys.setswitchinterval(interval_s)
