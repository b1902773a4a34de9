"""curio: coroutines on a small kernel, which they call by traps. Its last release imports on Python 3.11 only.

**Waiting.** The kernel waits by the standard library's `selectors`: epoll on Linux, kqueue on macOS, select on Windows.
A task that has to wait yields a *trap*, a tuple that names the wait. A woken task stays registered. If it waits for the
same event again, epoll is not called, so a message costs no `epoll_ctl`. There are no callbacks, and futures only for
threads.

**Reading.** A `curio.io.Socket` tries the call, and traps when it would block. While there is data to read no other
task has a turn: unlike in trio, awaiting alone does not yield.

**Writing.** `sendall` sends piece by piece and waits in between. Nothing is buffered: while a peer does not read, the
server does not read from it. For pushing each connection has a second task with a `curio.Queue`. Only a coroutine can
put something there, so pushed data is kept until the application's call has returned, and is queued then. TLS is
OpenSSL on the socket itself: "want read" and "want write" become traps.

**Timers.** `curio.sleep` and timeouts stand in a queue of near and far ones. The remaining time is passed to the
selector unchanged: a month is too long for epoll (OverflowError).

**Waking.** A future that is done (`run_in_thread`, `UniversalQueue`) puts a byte into a socket pair. Threads and plain
functions may use such a queue. Here `spawn` passes a task by a queue, because only a coroutine can start a task.

**Signals.** The kernel does not handle signals. The interpreter's handlers run when the wait is interrupted. There is
no wakeup descriptor for signals that the system gives to another thread. Waiting for a child takes a thread.

**Closing.** `cancel` raises in a task where it waits, and returns when the task has ended. A task that fails is logged
("Task Crash") and kept until it is joined; here a group is watched, and the first failure is raised.
`run(shutdown=True)` cancels what is left and closes the selector.

**Limits.** An accept that fails ends `curio.tcp_server`, so this file has its own loop of accepts, which rests when
there is no descriptor. At most 64 threads look up names. curio offers no loop without `await` (`Readiness`). At import
curio 1.6 needs `multiprocessing.connection.CHALLENGE` and `ssl.wrap_socket`, which Python 3.12 has removed.
"""

import contextlib
import logging
import selectors
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

try:
    import curio
    from curio.io import Socket
    from curio.socket import getaddrinfo
    from curio.ssl import CurioSSLContext
    from curio.subprocess import Popen
except AttributeError as error:
    raise ImportError(f"the curio that is installed does not run on this Python: {error}") from error

from crossloop.api import (
    AdapterAbout,
    AddressLookups,
    ChildProcesses,
    DatagramApplication,
    Datagrams,
    Facts,
    FileReads,
    NameResolution,
    PushApplication,
    PushServer,
    Receive,
    StreamApplication,
    StreamServer,
    TlsServer,
    Turns,
    module_file,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, must_rest
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.glibc_resolver import answer_in_this_thread, point_this_thread_at
from crossloop.idioms.sizes import READ_BYTES

if TYPE_CHECKING:  # loaded by who serves TLS
    import ssl

ABOUT = AdapterAbout(
    family="curio",
    library="none",
    binding="curio",
    summary="Coroutines that trap into a small kernel; no longer developed, and for Python 3.11 only.",
    requires=("curio>=1.6; python_version < '3.12'",),
    homepage="https://curio.readthedocs.io/",
    asked_as="curio",
)

DATAGRAMS_PER_TURN = 32
"""`recvfrom` does not suspend while there are datagrams; others must have their turn, and the word to stop."""
_Given = TypeVar("_Given")
_Done = TypeVar("_Done")
Converse = Callable[[Any], Awaitable[None]]
"""Serves one connection, a socket of curio's, to its end."""


class Adapter(
    StreamServer,
    TlsServer,
    PushServer,
    Datagrams,
    Turns,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
):
    """A `curio.Kernel`, and `curio.io.Socket` around what it is given."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": ("curio.socket",),
        "TlsServer": ("curio.socket",),
        "PushServer": ("curio.socket",),
        "Datagrams": ("curio.socket",),
        "NameResolution": ("getaddrinfo-threads",),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "curio has no HTTP client, and those that people run (aiohttp, httpx) do not run on it",
        "Readiness": "curio has no callbacks: a coroutine asks its kernel to wake it once, inside Kernel.run only",
        "Callbacks": "curio has tasks and no callbacks",
        "Signals": "curio's kernel does not handle signals; Python runs handlers in the middle of any code",
    }

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()  # what a kernel makes by itself
        self._kernel = curio.Kernel(selector=self._selector)
        self._sockets: dict[socket.socket, Socket] = {}
        """Those that tasks of this run have used."""
        self._started = curio.UniversalQueue()
        """Tasks to start, then the error of one that failed, or None when all have ended."""
        self._alive = 0
        self.sleep = curio.sleep
        self.turn = partial(curio.sleep, 0)
        self._quiet = logging.NullHandler()  # else a task that fails goes to standard error as well
        logging.getLogger("curio").addHandler(self._quiet)

    def facts(self) -> Facts:
        return Facts(
            binding="curio",
            binding_version=curio.__version__,
            library="none",
            library_version="",
            mechanism=type(self._selector).__name__.removesuffix("Selector").lower(),
            loaded_from=module_file(curio),
        )

    def close(self) -> None:
        """Cancel what is left, close the selector, and let curio's threads end."""
        self._kernel.run(shutdown=True)
        logging.getLogger("curio").removeHandler(self._quiet)

    # Streams and datagrams

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, lambda connection: _converse(connection, application()), stop)

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        secured = CurioSSLContext(context)

        async def converse(connection: Socket) -> None:
            with contextlib.suppress(OSError):  # reset, or what TLS does not take
                over_tls = await secured.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                async with over_tls:
                    await over_tls.do_handshake()
                    await _converse(over_tls, application())
                    over_tls.unwrap()  # the standard library's own, which has nothing to wait for at a close_notify

        self._serve(listener, converse, stop)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        pushed: list[tuple[Any, bytes]] = []

        async def hand_over() -> None:
            while pushed:
                unsent, data = pushed.pop(0)
                await unsent.put(data)

        async def converse(connection: Socket) -> None:
            unsent, ended = curio.Queue(), False

            def push(data: bytes) -> None:
                if data and not ended:
                    pushed.append((unsent, data))

            receive = application(push)
            sender = await curio.spawn(_send_each, unsent, connection, daemon=True)
            try:
                await hand_over()
                with contextlib.suppress(OSError):  # a peer's reset
                    while data := await connection.recv(READ_BYTES):
                        push(receive(data))
                        await hand_over()
                        await unsent.join()
            finally:
                ended = True
                receive(b"")
                await hand_over()
                await sender.cancel()

        self._serve(listener, converse, stop)

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        async def answer(bound: Socket) -> None:
            try:
                data, peer = await bound.recvfrom(DATAGRAM_BYTES)
            except ConnectionError:  # Windows tells of a peer that has gone
                return
            if reply := application(data):
                with contextlib.suppress(OSError):
                    await bound.sendto(reply, peer)

        async def answer_all(_group: curio.TaskGroup) -> None:
            bound = Socket(endpoint)
            while True:
                for _ in range(DATAGRAMS_PER_TURN):
                    await answer(bound)
                await curio.sleep(0)

        with endpoint:
            self._kernel.run(_until, stop, answer_all)

    # Tasks

    def receive(self, sock: socket.socket, n: int) -> Awaitable[bytes]:
        received: Awaitable[bytes] = self._socket(sock).recv(n)
        return received

    def send_all(self, sock: socket.socket, data: bytes) -> Awaitable[None]:
        sent: Awaitable[None] = self._socket(sock).sendall(data)
        return sent

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        self._alive += 1
        self._started.put(task)  # a coroutine alone can start one: `_run` does
        return None

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        self.spawn(main)
        try:
            self._kernel.run(self._run)
        finally:
            self._started = curio.UniversalQueue()
            self._alive = 0
            self._sockets.clear()

    # Children, files and names

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        """`curio.subprocess.Popen`, whose `wait` takes a thread."""

        async def status_of(command: Sequence[str]) -> int:
            async with Popen(command, stdin=DEVNULL, stdout=DEVNULL) as child:
                try:
                    status: int = await child.wait()
                except curio.CancelledError:  # another one cannot be started
                    child.kill()
                    raise
            return status

        return self._all_of(status_of, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        async def read(_command: Sequence[str]) -> int:
            async with Popen(command, stdin=DEVNULL, stdout=PIPE) as child:
                try:
                    while data := await child.stdout.read(READ_BYTES):
                        take(data)
                except BaseException:
                    child.kill()
                    raise
            status: int = child.returncode
            return status

        return self._all_of(read, [command], 1)[0]

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """`curio.aopen`: a thread opens the file, and each read takes one, too."""

        async def content(path: str) -> bytes:
            async with curio.aopen(path, "rb") as file:
                data: bytes = await file.read()
            return data

        return self._all_of(content, paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        async def addresses(_number: int) -> Sequence[tuple[Any, ...]]:
            infos = await getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [address for *_, address in infos]

        return self._all_of(addresses, range(times), 1)

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        """`getaddrinfo` in the kernel's threads, as `curio.socket.getaddrinfo` has it; each asks *server*."""

        async def answer(name: str) -> Sequence[str] | int:
            reply: Sequence[str] | int = await curio.run_in_thread(answer_in_this_thread, server, name)
            return reply

        self._kernel.run(curio.run_in_thread, point_this_thread_at, *server)
        return dict(zip(names, self._all_of(answer, names, in_flight), strict=True))

    def _all_of(
        self, do: Callable[[_Given], Awaitable[_Done]], given: Sequence[_Given], at_a_time: int
    ) -> list[_Done]:
        """What *do* gives for each of *given*, at most *at_a_time* at once."""
        done: dict[int, _Done] = {}
        places = iter(range(len(given)))

        async def take_turns() -> None:
            for place in places:
                done[place] = await do(given[place])

        async def work() -> None:
            async with curio.TaskGroup() as group:
                for _ in range(min(at_a_time, len(given))):
                    await group.spawn(take_turns)
            for error in group.exceptions:
                if isinstance(error, Exception):  # not of those that were cancelled for it
                    raise error

        self._kernel.run(work)
        return [done[place] for place in range(len(given))]

    def _serve(self, listener: socket.socket, converse: Converse, stop: socket.socket) -> None:
        async def serve(connection: Socket) -> None:
            async with connection:
                await converse(connection)

        async def accept_each(group: curio.TaskGroup) -> None:
            accepting = Socket(listener)
            while True:
                try:
                    connection, _address = await accepting.accept()
                except OSError as error:
                    if must_rest(error):
                        await curio.sleep(ACCEPT_PAUSE_S)
                else:
                    await group.spawn(serve, connection)

        with listener:
            self._kernel.run(_until, stop, accept_each)

    async def _run(self) -> None:
        async with curio.TaskGroup() as group:
            while (word := await self._started.get()) is not None:
                if isinstance(word, Exception):
                    raise word
                await group.spawn(self._watched, word)

    async def _watched(self, task: Coroutine[Any, Any, None]) -> None:
        try:
            await task
        except Exception as error:
            await self._started.put(error)
        self._alive -= 1
        if not self._alive:
            await self._started.put(None)

    def _socket(self, sock: socket.socket) -> Socket:
        try:
            return self._sockets[sock]
        except KeyError:
            wrapped = self._sockets[sock] = Socket(sock)
            return wrapped


async def _until(stop: socket.socket, work: Callable[[curio.TaskGroup], Awaitable[None]]) -> None:
    """Have *work* run, and what it starts in its group, until *stop* is readable. Raises the first failure."""
    async with curio.TaskGroup() as group:
        stopped = await group.spawn(Socket(stop).recv, 1)
        await group.spawn(work, group)
        async for task in group:
            if task.exception:
                raise task.exception
            if task is stopped:
                break
        left = group.tasks
        await group.cancel_remaining()
        for task in left:
            if isinstance(task.exception, Exception):
                raise task.exception


async def _converse(connection: Socket, receive: Receive) -> None:
    """Answer until the peer's end of file or its reset."""
    with contextlib.suppress(OSError):
        while data := await connection.recv(READ_BYTES):
            if answer := receive(data):
                await connection.sendall(answer)


async def _send_each(unsent: Any, connection: Socket) -> None:
    """Send what stands in a connection's queue."""
    while True:
        data = await unsent.get()
        with contextlib.suppress(OSError):  # the reader sees it, too
            await connection.sendall(data)
        await unsent.task_done()
