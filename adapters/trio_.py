"""trio: structured concurrency. Every task has a nursery that waits for it, and every wait can be cancelled.

**Waiting.** `trio.run` runs tasks until all of them wait, and then waits by epoll, kqueue or, on Windows, an IOCP on
which AFD's polls complete. There is no callback: `wait_readable` suspends the task that calls it, and wakes it once. A
descriptor is registered for one event (EPOLLONESHOT), so a descriptor that is closed too early can never make the loop
spin. The price is an `epoll_ctl` for each wait, where others leave a descriptor registered. All ready tasks run in one
turn of the scheduler, in their order or reversed, at random, so that no program relies on the order.

**Reading.** `receive_some` of a `SocketStream` is one `recv` of up to 64 KiB, tried before any wait. It yields to other
tasks even if there was data to read: each call of trio's that may wait is a *checkpoint*, where a task can be cancelled
and another task can run. So no connection delays the others for long, and a message costs two passes through the
scheduler at least.

**Writing.** `send_all` sends piece by piece and waits in between. Nothing is buffered: while a peer does not read, the
server does not read from it. For pushing each connection has a second task, which sends from a memory channel, and the
reader waits until the channel is empty. `SocketStream` sets TCP_NODELAY and TCP_NOTSENT_LOWAT on each connection, two
system calls. TLS is `SSLStream`, OpenSSL between two memories, around any stream. `sendto` looks at the address each
time, asks a thread for its number if it is a name, and waits until the kernel takes the datagram.

**Timers.** There are only deadlines of cancel scopes, in a heap; `trio.sleep` is an endless wait in such a scope. The
clock is `time.perf_counter` plus a random offset, so that it is not mistaken for another clock.

**Waking.** `TrioToken.run_sync_soon`, from any thread and from a signal handler, puts a byte into a socket pair.
`trio.from_thread` does so from trio's own threads. These are cached: an idle thread ends after ten seconds, and cannot
be ended earlier.

**Signals.** `trio.open_signal_receiver` is a stream of them, fed by a handler of Python's. In the main thread
`trio.run` takes the wakeup descriptor (`signal.set_wakeup_fd`), warns on standard error when there was one, and
restores it. So this adapter removes an existing one for the time of a run. The interpreter's handlers run at once.
Ctrl-C becomes KeyboardInterrupt in the task that runs, or in the main task. The end of a child is a descriptor to wait
for (pidfd) on Linux, elsewhere an event of kqueue or a thread's.

**Closing.** A cancelled nursery ends its tasks at their next checkpoint, and `serve_listeners` closes the connection of
each. An exception of a task on its way out can be lost there, because closing is a checkpoint, too. A failure cancels
the others in its nursery and comes out of `trio.run` in an ExceptionGroup, of which the first is raised here. A run
leaves nothing behind: each run has a loop of its own.

**Limits.** trio does not watch another library's descriptors and timers (`Readiness`). There is nothing to call before
`trio.run`, and within it a watcher is a task that the program writes. Out of descriptors `serve_listeners` rests for
100 ms, and logs it.
"""

import contextlib
import functools
import logging
import math
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import trio

from crossloop.api import (
    AdapterAbout,
    AddressLookups,
    ChildProcesses,
    DatagramApplication,
    Datagrams,
    Facts,
    FileReads,
    HttpFacts,
    HttpServer,
    HttpSite,
    NameResolution,
    PushApplication,
    PushServer,
    Signals,
    StreamApplication,
    StreamServer,
    TlsServer,
    Turns,
    module_file,
)
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.glibc_resolver import answer_in_this_thread, point_this_thread_at

if TYPE_CHECKING:  # loaded by who serves TLS
    import ssl

ABOUT = AdapterAbout(
    family="trio",
    library="none",
    binding="trio",
    summary="Coroutines under structured concurrency: nurseries, cancel scopes, a checkpoint at every wait.",
    requires=("trio>=0.27",),
    homepage="https://trio.readthedocs.io/",
    asked_as="trio",
)

_Result = TypeVar("_Result")
_Given = TypeVar("_Given")
_Done = TypeVar("_Done")
Stream = Any
"""A stream of trio's. By its types it may give a bytearray; those here give bytes, which an application takes."""


class Adapter(
    StreamServer,
    TlsServer,
    PushServer,
    HttpServer,
    Datagrams,
    Turns,
    Signals,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
):
    """`trio.run`, `trio.serve_listeners` and streams."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": ("serve_listeners",),
        "TlsServer": ("serve_listeners",),
        "PushServer": ("serve_listeners",),
        "HttpServer": ("hypercorn",),
        "Datagrams": ("trio.socket",),
        "NameResolution": ("getaddrinfo-threads",),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "trio has no HTTP client; httpx, which runs on it, is not among the clients",
        "Readiness": "trio has no callbacks: wait_readable suspends the calling task, inside trio.run only",
        "Callbacks": "trio has tasks and no callbacks; run_sync_soon is for other threads",
    }

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._streams: dict[socket.socket, trio.SocketStream] = {}
        """Those that tasks of this run have used."""
        self.sleep = trio.sleep
        self.turn = partial(trio.sleep, 0)
        self._quiet = logging.NullHandler()  # else a rest from accepting goes to standard error
        logging.getLogger("trio.serve_listeners").addHandler(self._quiet)

    def facts(self) -> Facts:
        return Facts(
            binding="trio",
            binding_version=trio.__version__,
            library="none",
            library_version="",
            mechanism=_run(_mechanism),
            loaded_from=module_file(trio),
        )

    def close(self) -> None:
        """No loop is open outside a run. Threads of trio's that wait for work end by themselves."""
        logging.getLogger("trio.serve_listeners").removeHandler(self._quiet)

    # Streams and datagrams

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        async def converse(stream: Stream) -> None:
            receive = application()
            with contextlib.suppress(trio.BrokenResourceError):  # reset by the peer
                async for data in stream:
                    if answer := receive(data):
                        await stream.send_all(answer)

        _run(_serve_until, lambda: trio.serve_listeners(converse, [_listening(listener)]), stop)

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        async def converse(stream: Stream) -> None:
            receive = application()
            with contextlib.suppress(trio.BrokenResourceError):  # reset, or what TLS does not take
                async for data in stream:
                    if answer := receive(data):
                        await stream.send_all(answer)
                await stream.aclose()  # by a close_notify, which `serve_listeners` would not send

        _run(
            _serve_until,
            lambda: trio.serve_listeners(converse, [trio.SSLListener(_listening(listener), context)]),
            stop,
        )

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        failures = list[Exception]()
        """What is raised when a stop is the end: `serve_listeners` closes the connection then, and the Cancelled which
        that raises takes the error's place."""

        async def converse(stream: Stream) -> None:
            async with trio.open_nursery() as sending:
                pushing = _Pushing(stream)
                receive = application(pushing.push)
                sending.start_soon(pushing.send_all)
                try:
                    with contextlib.suppress(trio.BrokenResourceError):
                        async for data in stream:
                            pushing.push(receive(data))
                            await pushing.sent.wait()
                finally:
                    pushing.ended = True
                    try:
                        receive(b"")
                    except Exception as error:
                        failures.append(error)
                        raise
                sending.cancel_scope.cancel()

        _run(_serve_until, lambda: trio.serve_listeners(converse, [_listening(listener)]), stop)
        if failures:
            raise failures[0]

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        from crossloop.idioms import http_hypercorn  # (of this level only)

        with listener:
            _run(http_hypercorn.serve, listener, site, functools.partial(trio.lowlevel.wait_readable, stop))

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms import http_hypercorn  # (of this level only)

        return http_hypercorn.facts()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        async def answer_all() -> None:
            with trio.socket.from_stdlib_socket(endpoint) as bound:
                while True:
                    try:
                        data, peer = await bound.recvfrom(DATAGRAM_BYTES)
                    except ConnectionError:  # Windows tells of a peer that has gone
                        continue
                    if answer := application(data):
                        with contextlib.suppress(OSError):
                            await bound.sendto(answer, peer)

        _run(_serve_until, answer_all, stop)

    # Tasks

    def receive(self, sock: socket.socket, n: int) -> Awaitable[bytes]:
        return self._stream(sock).receive_some(n)

    def send_all(self, sock: socket.socket, data: bytes) -> Awaitable[None]:
        return self._stream(sock).send_all(data)

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        if self._nursery is None:
            task.close()
            raise RuntimeError("trio starts a task in a nursery alone: spawn within run_main")
        self._nursery.start_soon(_awaited, task)
        return None

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            async with trio.open_nursery() as self._nursery:
                await main

        try:
            _run(run)
        finally:
            self._nursery = None
            self._streams.clear()

    # Signals, children, files and names

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        """`open_signal_receiver`."""

        async def hear() -> None:
            with trio.open_signal_receiver(number) as signals:
                begin()
                async for _number in signals:
                    if heard():
                        return

        _run(hear)

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        """`run_process`."""

        async def status_of(command: Sequence[str]) -> int:
            ended = await trio.run_process(command, stdin=DEVNULL, stdout=DEVNULL, check=False)
            return ended.returncode

        return _run(_all_of, status_of, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        """`run_process` in a nursery, which ends the child if *take* fails."""

        async def read() -> int:
            run_process = partial(trio.run_process, command, stdin=DEVNULL, stdout=PIPE, check=False)
            async with trio.open_nursery() as nursery:
                child = await nursery.start(run_process)
                async with child.stdout:
                    async for data in child.stdout:
                        take(data)
            status: int = child.returncode
            return status

        return _run(read)

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """`trio.Path.read_bytes`, in one of trio's threads."""
        return _run(_all_of, lambda path: trio.Path(path).read_bytes(), paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        async def addresses(_number: int) -> Sequence[tuple[Any, ...]]:
            infos = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [address for *_, address in infos]

        return _run(_all_of, addresses, range(times), 1)

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        """`getaddrinfo` in trio's threads, as `trio.socket.getaddrinfo` has it; each asks *server*."""

        async def resolve_all() -> Sequence[Sequence[str] | int]:
            in_a_thread = partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(in_flight))
            await in_a_thread(point_this_thread_at, *server)
            return await _all_of(partial(in_a_thread, answer_in_this_thread, server), names, in_flight)

        return dict(zip(names, _run(resolve_all), strict=True))

    def _stream(self, sock: socket.socket) -> trio.SocketStream:
        try:
            return self._streams[sock]
        except KeyError:
            stream = self._streams[sock] = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
            return stream


class _Pushing:
    """What is sent on a connection, in a task of its own. Made within the run."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._put, self._unsent = trio.open_memory_channel[bytes](math.inf)
        self.sent = trio.Event()
        """Set while nothing waits to be sent."""
        self.sent.set()
        self.ended = False

    def push(self, data: bytes) -> None:
        if data and not self.ended:
            if self.sent.is_set():
                self.sent = trio.Event()
            self._put.send_nowait(data)

    async def send_all(self) -> None:
        async for data in self._unsent:
            with contextlib.suppress(trio.BrokenResourceError):  # the reader sees it, too
                await self._stream.send_all(data)
            if not self._unsent.statistics().current_buffer_used:
                self.sent.set()


async def _serve_until(serve: Callable[[], Awaitable[None]], stop: socket.socket) -> None:
    """Have *serve* run until *stop* is readable."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await trio.lowlevel.wait_readable(stop)
        nursery.cancel_scope.cancel()


def _listening(listener: socket.socket) -> trio.SocketListener:
    return trio.SocketListener(trio.socket.from_stdlib_socket(listener))


async def _all_of(
    do: Callable[[_Given], Awaitable[_Done]], given: Sequence[_Given], at_a_time: int
) -> list[_Done]:
    """What *do* gives for each of *given*, at most *at_a_time* at once."""
    done: dict[int, _Done] = {}
    places = iter(range(len(given)))

    async def take_turns() -> None:
        for place in places:
            done[place] = await do(given[place])

    async with trio.open_nursery() as nursery:
        for _ in range(min(at_a_time, len(given))):
            nursery.start_soon(take_turns)
    return [done[place] for place in range(len(given))]


async def _awaited(task: Coroutine[Any, Any, None]) -> None:
    await task


async def _mechanism() -> str:
    """What this run waits by, as trio says it: `epoll`, `kqueue`; on Windows AFD polls, which an IOCP completes."""
    backend: str = trio.lowlevel.current_statistics().io_statistics.backend
    return "iocp" if backend == "windows" else backend


def _run(main: Callable[..., Awaitable[_Result]], *arguments: Any) -> _Result:
    """`trio.run`; raises the first exception instead of a group of them."""
    with _without_a_wakeup_descriptor():
        try:
            return trio.run(main, *arguments)
        except BaseExceptionGroup as group:
            raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def _without_a_wakeup_descriptor() -> Iterator[None]:
    """trio puts one in place itself, and would warn of another's. Only the main thread has a say."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    descriptor = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
