"""The idiom of every loop with asyncio's API: one adapter class, to be given a new loop.

Exceptions. asyncio never lets a callback's exception out of `run_forever`; it passes it to the loop's exception
handler, which prints. Here the handler keeps the first exception and ends the run, and `run`, `run_main` and servers
raise it. In a server an `OSError` is the network's (a reset, a connection aborted in the queue, no descriptors for an
accept): it ends a connection or pauses accepting, and is no failure of the run.

Timers. asyncio keeps `call_later` in a heap of handles; `cancel` only marks one, and the heap is swept
when more than half of over a hundred are marked. There is no re-arming: the cheapest way is a cancel and
a new handle. There is no repeating timer either: the shortest that works re-arms itself by
`call_later` before it calls back, so that the callback can cancel it. It counts the interval from when it
fired, as asyncio's users write it, and so drifts by its lateness.
"""

import asyncio
import functools
import math
import operator
import platform
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from crossloop.api import (
    AddressLookups,
    Callback,
    Callbacks,
    ChildProcesses,
    Datagrams,
    Facts,
    FileReads,
    HttpClient,
    HttpFacts,
    HttpServer,
    NameResolution,
    PushServer,
    Signals,
    StreamServer,
    TlsServer,
    Turns,
    UnsupportedError,
    module_file,
    unsupported,
)
from crossloop.idioms import asyncio_http
from crossloop.idioms.asyncio_children import child_read, child_run
from crossloop.idioms.asyncio_datagrams import DATAGRAM_SERVERS
from crossloop.idioms.asyncio_streams import SERVERS, Serve
from crossloop.idioms.glibc_resolver import point_this_thread_at

Given = TypeVar("Given")
Done = TypeVar("Done")


class AsyncioLoop(
    StreamServer,
    TlsServer,
    PushServer,
    HttpServer,
    HttpClient,
    Datagrams,
    Callbacks,
    Turns,
    Signals,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
):
    """An adapter on *loop*, which it owns from now on. Subclasses add `facts`."""

    servers: Mapping[str, Mapping[str, Serve]] = {
        **SERVERS,
        "HttpServer": {
            style: functools.partial(asyncio_http.serve_http, style) for style in asyncio_http.STYLES
        },
        "Datagrams": DATAGRAM_SERVERS,
    }
    """Level → style → what serves it."""
    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **{level: tuple(by_style) for level, by_style in servers.items()},
        "HttpClient": tuple(asyncio_http.CLIENTS),
        "NameResolution": ("getaddrinfo-threads",),
    }

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._failure: BaseException | None = None
        self._serving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: Any = None
        self._client_of: tuple[str, tuple[str, int], int] | None = None
        self._resolving: tuple[tuple[str, int], int] | None = None
        self._executor: ThreadPoolExecutor | None = None
        loop.set_exception_handler(self._report)
        loop.slow_callback_duration = math.inf  # debug mode would print what is slow, which is the workload
        if watches_descriptors(loop):
            self.watch = loop.add_reader
            self.unwatch = loop.remove_reader
            self.watch_write = loop.add_writer
            self.unwatch_write = loop.remove_writer
        else:
            self.watch = self.unwatch = self.watch_write = self.unwatch_write = unsupported(
                f"{type(loop).__name__} has no add_reader: it waits for completions, not for readiness"
            )
        self.call_later = loop.call_later
        self.cancel = operator.methodcaller("cancel")
        self.rearm = functools.partial(_rearm, loop.call_later)
        self.call_every = functools.partial(_Every, loop.call_later)
        self.wake = loop.call_soon_threadsafe
        self.call_soon = loop.call_soon
        self.stop = loop.stop
        self.run_forever: Callable[[], object] = loop.run_forever
        self.run = self._run
        self.receive = loop.sock_recv
        self.send_all = loop.sock_sendall
        self.sleep = asyncio.sleep
        self.turn = functools.partial(asyncio.sleep, 0)  # "an optimized path", as its documentation has it

    def _serve(
        self,
        level: str,
        endpoint: socket.socket,
        application: object,
        style: str,
        stop: socket.socket,
        *context: ssl.SSLContext,
    ) -> None:
        self._serving = True
        try:
            self.run_main(self.servers[level][style](endpoint, application, stop, self.spawn, *context))
        finally:
            self._serving = False
            endpoint.close()

    serve_streams = functools.partialmethod(_serve, "StreamServer")
    serve_tls = functools.partialmethod(_serve, "TlsServer")
    serve_push = functools.partialmethod(_serve, "PushServer")
    serve_http = functools.partialmethod(_serve, "HttpServer")
    serve_datagrams = functools.partialmethod(_serve, "Datagrams")

    def http_facts(self, style: str) -> HttpFacts:
        return asyncio_http.http_facts(style)

    def get_pages(
        self, style: str, server: tuple[str, int], paths: Sequence[str], in_flight: int
    ) -> Sequence[bytes]:
        if self._client_of != (style, server, in_flight):
            self._end_client()
            self._client = asyncio_http.new_client(style, server, in_flight)
            self._client_of = style, server, in_flight
        bodies = [b""] * len(paths)
        self.run_main(self._client.get_all(paths, bodies))
        return bodies

    def _end_client(self) -> None:
        client, self._client, self._client_of = self._client, None, None
        if client is not None:
            self.loop.run_until_complete(client.close())

    def spawn(self, task: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        spawned = self.loop.create_task(task)
        self._tasks.add(spawned)
        spawned.add_done_callback(self._ended)
        return spawned

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        self.spawn(main)
        self._run()

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        """`add_signal_handler`."""

        handled = True

        def arrived() -> None:
            if heard():
                end()

        def end() -> None:
            nonlocal handled
            handled = False
            self.loop.remove_signal_handler(number)
            self.stop()

        try:
            self.loop.add_signal_handler(number, arrived)
        except NotImplementedError as error:
            raise UnsupportedError(f"{type(self.loop).__name__} has no add_signal_handler here") from error
        try:
            self.call_soon(begin)
            self._run()
        finally:
            if handled:  # there was an exception; and uvloop removes none while it does not run
                self.call_soon(end)
                self.run_forever()

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        return self._all_of(self.run_child, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        return self._all_of(lambda child_command: self.read_from_child(child_command, take), [command], 1)[0]

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """`run_in_executor`, whose documentation has reading a file as its example; the loop's default executor."""
        return self._all_of(lambda path: self.loop.run_in_executor(None, _content, path), paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        return self._all_of(lambda _: self.socket_addresses(host, port), range(times), 1)

    async def run_child(self, command: Sequence[str]) -> int:
        """Run one command and return its status."""
        return await child_run(command)

    async def read_from_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        """Run one command, hand on what it writes, and return its status."""
        return await child_read(command, take)

    async def socket_addresses(self, host: str, port: int) -> Sequence[tuple[Any, ...]]:
        """`loop.getaddrinfo`."""
        infos = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [address for *_, address in infos]

    def _all_of(
        self, do: Callable[[Given], Awaitable[Done]], given: Sequence[Given], at_a_time: int
    ) -> list[Done]:
        """What *do* returns for each of *given*, at most *at_a_time* at once. Raises an error when all have ended."""
        done: dict[int, Done] = {}
        places = iter(range(len(given)))

        async def take_places() -> None:
            for place in places:
                done[place] = await do(given[place])

        async def main() -> None:
            takers = [take_places() for _ in range(min(at_a_time, len(given)))]
            for ended in await asyncio.gather(*takers, return_exceptions=True):
                if ended is not None:
                    raise ended

        self.run_main(main())
        return [done[place] for place in range(len(given))]

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        """`loop.getaddrinfo` in the loop's default executor, one thread for each name in flight.

        The threads keep their resolver state, so the executor stays until *server* or *in_flight* changes.
        """
        if self._resolving != (server, in_flight):
            self._point_executor_at(server, in_flight)
            self._resolving = server, in_flight
        return dict(zip(names, self._all_of(self._answer, names, in_flight), strict=True))

    async def addresses(self, name: str) -> Sequence[str]:
        """Look one name's A records up in the default executor; raises `socket.gaierror`."""
        infos = await self.loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_, address in infos]

    def network_trouble(self, error: OSError) -> None:
        """An accept or a transport reported *error* while serving; asyncio has dealt with it already."""

    def close(self) -> None:
        """Wait for the executor's threads, close the loop and everything it still holds."""
        self.shut_down()
        self.loop.close()

    def shut_down(self) -> None:
        """End a client's connections, asynchronous generators and the executor's threads."""
        self._end_client()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())

    def _run(self) -> None:
        self.run_forever()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
        if not self._tasks:
            self.loop.stop()

    def _report(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler; a report without an exception is a defect that asyncio found."""
        self.trouble(context.get("exception") or RuntimeError(context["message"]))

    def trouble(self, error: BaseException) -> None:
        """An exception that the loop caught: the network's while serving, a failure of the run otherwise."""
        if self._serving and isinstance(error, OSError):
            self.network_trouble(error)
        else:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Keep the first failure and end the run: tasks by cancelling them, a bare run by stopping it."""
        if self._failure is None:
            self._failure = error
        for task in self._tasks:
            task.cancel()
        if not self._tasks:
            self.loop.stop()

    def _point_executor_at(self, server: tuple[str, int], threads: int) -> None:
        """Give the loop a default executor whose threads resolve at *server*.

        An initializer that raises would be logged and break the pool, hence the trial in a thread of its own.
        """
        with ThreadPoolExecutor(1) as trial:
            trial.submit(point_this_thread_at, *server).result()
        if self._executor is not None:
            self._executor.shutdown()
        self._executor = ThreadPoolExecutor(threads, "resolver", point_this_thread_at, server)
        self.loop.set_default_executor(self._executor)

    async def _answer(self, name: str) -> Sequence[str] | int:
        """The addresses of a name, or the number of its failure."""
        try:
            return await self.addresses(name)
        except socket.gaierror as error:
            return int(error.errno or 0)


def _content(path: str) -> bytes:
    return Path(path).read_bytes()


class StandardLoop(AsyncioLoop):
    """An adapter on one of asyncio's own loops."""

    def facts(self) -> Facts:
        return Facts(
            binding="asyncio",
            binding_version=platform.python_version(),
            library="none",
            library_version="",
            mechanism=selector_mechanism(self.loop),
            loaded_from=module_file(asyncio),
        )


class _Every:
    """A repeating timer, made of one-shot ones; `cancel` ends it."""

    __slots__ = ("_call_later", "_callback", "_handle", "_interval_s")

    def __init__(self, call_later: Callable[..., Any], interval_s: float, callback: Callback) -> None:
        self._call_later = call_later
        self._interval_s = interval_s
        self._callback = callback
        self._handle = call_later(interval_s, self._fire)

    def _fire(self) -> None:
        self._handle = self._call_later(self._interval_s, self._fire)
        self._callback()

    def cancel(self) -> None:
        self._handle.cancel()


def _rearm(call_later: Callable[..., Any], handle: Any, delay_s: float, callback: Callback) -> Any:
    handle.cancel()
    return call_later(delay_s, callback)


def watches_descriptors(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether *loop* has `add_reader`: tried with a socket, because the method's presence proves nothing."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        try:
            loop.add_reader(ours.fileno(), _nothing)
            loop.remove_reader(ours.fileno())
        except NotImplementedError:
            return False
    return True


def _nothing() -> None:
    """Never called: the socket of the trial gets no data."""


def selector_mechanism(loop: asyncio.AbstractEventLoop) -> str:
    """Kernel mechanism of a loop of the standard library: `epoll`, `kqueue`, `poll`, `select`, `iocp`.

    The loop's selector is private (`_selector`, on Proactor the proactor); its class is named after the
    mechanism. A loop without one is named by its own class.
    """
    name = type(getattr(loop, "_selector", loop)).__name__
    return name.removesuffix("Selector").removesuffix("Proactor").lower()
