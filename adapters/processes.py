"""processes: blocking I/O, one forked process for each connection.

The oldest way, from before threads: `accept`, `fork`, and the child serves the one connection and exits (UNP volume 1,
4.8 and 30.5; inetd and the early web servers worked so). Nothing is shared, so nothing can be corrupted: a child that
crashes loses only its connection. Each child has its own interpreter and its own GIL, so children compute in parallel.
It needs `fork`, hence POSIX.

**Who forks.** A process with threads should not fork: the child gets a copy of the forking thread only, and of every
lock in its state, held by threads that the child does not have (Python warns since 3.12). And a process that waits for
*any* child takes the exit statuses of other code's children. So the first fork makes a server: a process with one
thread, a cleared table of descriptors and no other children, that accepts and forks. The worker's process only waits
for the server. It forks once, even with threads; that one warning is silenced.

**Waiting.** A blocking `recv` in each connection's own process, on Linux, macOS and the BSDs. The server's process
waits with poll for the listener, the stop, and the ends of children (`crossloop.idioms.blocking`); the worker's process
waits for the server's end (`waitpid`).

**Reading.** `recv` of at most 64 KiB, whose buffer belongs to the process. TLS is a wrapped socket, whose `recv` and
`sendall` wait as any socket's do.

**Writing.** `sendall` blocks until the kernel has taken everything: backpressure comes by itself.

**Timers.** None: there is no `Readiness`.

**Waking.** The kernel makes the one process runnable whose socket has data. No GIL delays it, because each process has
its own.

**Signals.** SIGCHLD writes to a socket that the server polls as well (`signal.set_wakeup_fd`). Ended children stay as
zombies until a wait. Signals do not queue: several ends may be one SIGCHLD, so the server waits without blocking until
no ended child is left (WNOHANG; UNP 5.9 and 5.10). A wait would miss a signal that comes just before it (the race that
pselect was made for), hence the socket. There is one such descriptor for the whole process, and it wakes for every
signal. So this, too, needs a separate process; in the worker the descriptor is the stop socket. A child has SIGTERM's
default action, and ignores SIGINT: Ctrl-C goes to all, and the worker handles it.

**Closing.** SIGKILL for all children. They own only a connection, which the kernel closes. Python code in a signal
handler would take time. A child inherits every descriptor, and a file stays open while any copy of its descriptor is
open: a peer would not see the end of a connection that a sibling still holds. So the server closes all descriptors that
it was not given, and a connection right after the fork. The child closes the listener and the rest.

Parents that end, even by SIGKILL, must not leave serving orphans. Linux sends a chosen signal when the parent dies
(prctl(2), PR_SET_PDEATHSIG). The child has to ask for it; if the parent died earlier, getppid() shows it. "Parent"
there means the thread that forked. Other systems have an end of file: all processes hold one end of a socket pair, the
worker holds the other, and they read the end when the worker ends in any way. The server polls the pair. A child has a
second thread that blocks on it, because its first thread waits for the connection. The same pair carries the exception
of an application, pickled.

**Limits.** The number of processes: RLIMIT_NPROC (root is exempt), kernel.threads-max, kernel.pid_max, the pids.max of
a control group. At these `fork` fails with EAGAIN, and with ENOMEM under strict overcommit (vm.overcommit_memory 2
charges the child for every page that it could write). The connection is closed; `refused` counts such connections and
names the limits.

The child's memory is its parent's, page by page, copied when either writes (copy on write), so most of it is shared.
CPython writes to many pages: a reference count lies in the object, so using an object writes to its page. Garbage
collection writes to all objects; `gc.freeze` exempts the existing ones. The sum of resident sizes counts a shared page
once for each process; the proportional size (PSS, proc_pid_smaps(5)) is the right figure. Measured with a thousand
connections: 12 MiB a child resident, 1.0 MiB proportional; 1.3 to 1.9 s until all were forked and had answered, 0.4 s
to end them.
"""

import contextlib
import gc
import io
import os
import pickle
import platform
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from crossloop.api import (
    AdapterAbout,
    Facts,
    StreamApplication,
    StreamServer,
    TlsServer,
    module_file,
)
from crossloop.idioms.blocking import arrivals, converse, converse_tls, secured
from crossloop.idioms.task_limits import Need, Refused, once_more, room

if TYPE_CHECKING:  # loaded by who serves TLS
    import ssl

if sys.platform == "win32":
    raise ImportError("Windows has no fork")

ABOUT = AdapterAbout(
    family="model",
    library="none",
    binding="os",
    summary="Blocking calls, one forked process for each connection: nothing shared, nothing to lock.",
    platforms=("linux", "darwin", "bsd"),
    elsewhere="Windows has no fork: a process there starts from nothing instead of as a copy; use threads",
    homepage="https://docs.python.org/3/library/os.html#os.fork",
    asked_as="server",
)

PROCESS = Need(name="process")
FAILED = 1
"""Exit status of a child whose application raised."""
LARGEST_WORD_BYTES = 16 * 1024
"""What several children send at a time does not mix below this size: one send on a local stream is one piece."""

Tie: TypeAlias = Callable[[], object]
Serve: TypeAlias = Callable[[socket.socket], None]
"""Serves one connection to its end, in a process of its own."""


class Adapter(StreamServer, TlsServer):
    """`os.fork` and blocking sockets."""

    lacks: ClassVar[Mapping[str, str]] = {
        "PushServer": "a connection's process shares no memory with the others, so it cannot send on theirs",
        "HttpClient": "a process for each connection would have to send what it gets to its parent",
        "Readiness": "a call waits for one descriptor and reads it; nothing says that others are ready",
        "Tasks": "a task would be a process, which cannot change its parent's memory",
        "Datagrams": "a process for each connection needs connections; datagrams have none",
        "Signals": "each process has signals of its own, and Python runs a handler in the middle of a blocking call",
        "ChildProcesses": "the model forks copies of itself for connections; others are started as in `threads`",
        "FileReads": "a process that reads a file would have to send its contents to its parent",
        "AddressLookups": "a process that looks up a name would have to send the addresses to its parent",
    }

    def __init__(self) -> None:
        self.refused: Refused | None = None
        """Connections that no process could be forked for, as far as calls of `serve_streams` have returned."""
        self.die_with_parent: Tie | None = _death_signal() if sys.platform == "linux" else None
        """Has the kernel kill the calling process when its parent ends; None: an end of file does it."""

    def facts(self) -> Facts:
        return Facts(
            binding="os",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism="blocking",
            loaded_from=module_file(os),
        )

    def close(self) -> None:
        """Nothing is open: processes and sockets end with the call that they belong to."""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._served(listener, stop, lambda connection: converse(connection, application()))

    def most_connections(self) -> tuple[int, str] | None:
        return room(PROCESS)

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        def serve(connection: socket.socket) -> None:
            try:
                secure = secured(connection, context)
            except OSError:  # reset since
                return
            with secure:
                converse_tls(secure, application)

        self._served(listener, stop, serve)

    def _served(self, listener: socket.socket, stop: socket.socket, serve: Serve) -> None:
        """Have a process accept and fork, and wait for it. Raises what an application raised."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, listener:
                work = partial(self._serve, listener, serve, stop, theirs)
                server = self._fork(work, theirs, keep=(listener, stop, theirs))
            try:
                _pid, status = os.waitpid(server, 0)
            except BaseException:  # raised by the handler of a signal
                os.kill(server, signal.SIGKILL)
                os.waitpid(server, 0)
                raise
            finally:
                ours.shutdown(socket.SHUT_WR)
                messages = _messages(ours)  # up to the end of file: no process is left that could say more
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            self.refused = message
        if status:
            raise RuntimeError(
                f"the process that accepts ended with status {os.waitstatus_to_exitcode(status)}"
            )

    def _serve(
        self,
        listener: socket.socket,
        serve: Serve,
        stop: socket.socket,
        above: socket.socket,
    ) -> None:
        """The server's process: accept, fork, wait for children; ends all of them at the end."""
        hearer, teller = socket.socketpair()
        hearer.setblocking(False)
        teller.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)
        gc.freeze()
        children: set[int] = set()
        refused = self.refused

        def answer(connection: socket.socket) -> None:
            for inherited in (listener, stop, hearer, teller):
                inherited.close()
            if self.die_with_parent is None:
                threading.Thread(target=_end_with, args=(above,), daemon=True).start()
            serve(connection)

        try:
            for arrival in arrivals(listener, stop, above, hearer):
                if arrival is stop or arrival is above:
                    break
                if arrival is hearer:
                    hearer.recv(4096)
                    if _wait_for_ended(children):
                        break
                    continue
                with arrival:
                    try:
                        children.add(self._fork(partial(answer, arrival), above))
                    except OSError as error:
                        refused = once_more(refused, PROCESS, error)
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
            for child in children:
                os.waitpid(child, 0)
            signal.set_wakeup_fd(-1)
            hearer.close()
            teller.close()
        if refused is not None:
            _say(above, refused)

    def _fork(
        self, work: Callable[[], None], above: socket.socket, keep: Collection[socket.socket] = ()
    ) -> int:
        """Fork a child that does *work*, says upwards what it raised, and exits; returns its pid.

        With *keep*, it closes every other descriptor above standard error. Raises OSError.
        """
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # see "Who forks"
            child = os.fork()
        if child:
            return child
        status = FAILED
        try:
            if self.die_with_parent is not None:
                self.die_with_parent()
                if os.getppid() != parent:
                    os._exit(FAILED)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the worker says what it means
            if keep:
                _close_all_but({each.fileno() for each in keep})
            work()
            status = 0
        except BaseException as error:  # carried to the worker, raised there
            _say(above, error)
        finally:
            os._exit(status)


def _wait_for_ended(children: set[int]) -> bool:
    """Reap every child that has ended; whether an application failed. One that was killed cost its connection."""
    failed = False
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            break
        children.discard(child)
        failed = failed or os.waitstatus_to_exitcode(status) == FAILED
    return failed


def _end_with(above: socket.socket) -> None:
    """Block until the worker's end of the pair is closed, then end this process."""
    with contextlib.suppress(OSError):
        above.recv(1)
    os._exit(0)


def _death_signal() -> Tie:
    """`prctl(PR_SET_PDEATHSIG, SIGKILL)`, looked up before any fork."""
    import ctypes  # (Linux only)

    pr_set_pdeathsig = 1  # <linux/prctl.h>
    return partial(ctypes.CDLL(None).prctl, pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)


def _close_all_but(keep: set[int]) -> None:
    """Close every descriptor above standard error that is not in *keep*."""
    for number in (int(name) for name in os.listdir("/dev/fd")):  # noqa: PTH208  (names are all that is wanted)
        if number > 2 and number not in keep:
            with contextlib.suppress(OSError):  # that of the listing is closed by now
                os.close(number)


def _say(above: socket.socket, word: BaseException | Refused) -> None:
    """Send *word* to the worker: an exception with the stack that it had here, or what can be said of it."""
    stack = ""
    if isinstance(word, BaseException):
        stack = "".join(traceback.format_exception(word))[-LARGEST_WORD_BYTES // 4 :]
        word.add_note(stack)
    try:
        data = pickle.dumps(word)
        pickle.loads(data)  # noqa: S301  (our own; an exception may be pickled and still not come back)
    except Exception:  # whatever an application's exception does when it is pickled
        data = b""
    if not 0 < len(data) <= LARGEST_WORD_BYTES:
        stand_in = RuntimeError(f"{type(word).__name__}: {word}"[: LARGEST_WORD_BYTES // 4])
        stand_in.add_note(stack)
        data = pickle.dumps(stand_in)
    with contextlib.suppress(OSError):  # the worker is gone
        above.send(data)


def _messages(ours: socket.socket) -> list[Any]:
    """What the processes below have said, once all of them are gone."""
    stream = io.BytesIO(b"".join(iter(partial(ours.recv, 65536), b"")))
    messages = []
    with contextlib.suppress(EOFError):
        while True:
            messages.append(pickle.load(stream))  # noqa: S301  (from our own children alone)
    return messages
