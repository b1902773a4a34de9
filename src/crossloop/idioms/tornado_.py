"""tornado's idiom: an `IOLoop` around an asyncio loop, `IOStream` on it.

Since 5.0 an IOLoop has no mechanism of its own. It wraps any loop with asyncio's API, and every callback goes through
one more frame of Python. tornado's own parts:

- `IOStream` reads and writes the socket itself, in Python, on readiness; asyncio's transports are not used.
- `add_handler` is one registration per descriptor with a mask of events; watching for reading and for
  writing from two places has to be merged, which `_Handlers` does. A descriptor that is watched for one kind
  of event has the caller's callback registered directly.
- Exceptions of timers and callbacks never reach asyncio: tornado logs them to `tornado.application`. A handler on that
  logger passes them to the adapter, which raises them. Handlers of descriptors are asyncio callbacks, and their
  exceptions go to asyncio.
- `PeriodicCallback` starts a coroutine, hence a task, at each tick; it keeps its phase and skips missed ticks.
- On the Proactor, which cannot watch descriptors, tornado starts a thread that selects for it. A socket beyond
  FD_SETSIZE ends that thread by a ValueError, and nothing is read any more; so the server closes further connections.
- Out of descriptors, an accept raises in a handler that stays registered: on a level-triggered mechanism the loop
  spins. Here the listener is unregistered for a second, as asyncio does by itself.
- One call, `add_callback`, is for the loop's own thread and for all others: it checks which thread it is in.
- A coroutine yields by `asyncio.sleep(0)`, as the documentation of `gen.moment` says; `gen.sleep(0)` is a timer.
- Native coroutines receive from bare sockets by asyncio's `sock_recv`: tornado has no call of its own for it.
- TLS is an `SSLIOStream`: a wrapped, non-blocking socket that the stream reads and writes as it does a plain one, with
  the handshake before the first byte. `TCPServer(ssl_options=...)` makes them.
- `IOStream.write` takes all data, sends what the kernel takes at once, and keeps the rest. So pushing is that call,
  from any coroutine, and an awaited write of no bytes waits for earlier writes.
- There is no class for datagrams. The documented way is the one that tornado itself takes for its listeners:
  `IOLoop.add_handler` on a non-blocking socket, and the socket's own `recvfrom` and `sendto`.
"""

import asyncio
import contextlib
import functools
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import tornado
from tornado import gen
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream, StreamClosedError
from tornado.log import app_log, gen_log
from tornado.netutil import DefaultExecutorResolver, Resolver
from tornado.tcpserver import TCPServer

from crossloop.api import (
    Callback,
    DatagramApplication,
    Facts,
    HttpFacts,
    HttpSite,
    Send,
    UnsupportedError,
    module_file,
)
from crossloop.idioms.accepting import ASYNCIO_PAUSE_S, AcceptFailure, accept_failure
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.idioms.asyncio_streams import (
    Begin,
    End,
    Spawn,
    answering_server,
    others_ended,
    pushing_server,
    readable,
)
from crossloop.idioms.datagrams import answering
from crossloop.idioms.select_size import places_left, set_size
from crossloop.idioms.sizes import READ_BYTES

SELECTED = 2
"""What tornado's thread watches besides connections: its own waker, and the listener."""


class TornadoLoop(AsyncioLoop):
    """An adapter on an IOLoop around *loop*, an asyncio loop that it owns from now on."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **AsyncioLoop.styles,
        "StreamServer": ("iostream",),
        "TlsServer": ("iostream",),
        "PushServer": ("iostream",),
        "HttpServer": ("tornado.httpserver",),
        "Datagrams": ("add_handler",),
    }

    lacks: ClassVar[Mapping[str, str]] = {
        **AsyncioLoop.lacks,
        "HttpClient": "tornado's SimpleAsyncHTTPClient opens a connection for each request, and the level keeps them",
    }

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        # IOLoop's own make_current would first ask for the thread's loop, which makes one that nobody closes.
        asyncio.set_event_loop(loop)
        self.io_loop = io_loop = IOLoop(make_current=False, asyncio_loop=loop)
        self.servers = {
            "StreamServer": {"iostream": answering_server(self._serve_iostreams)},
            "TlsServer": {"iostream": answering_server(self._serve_iostreams)},
            "PushServer": {"iostream": pushing_server(self._serve_iostreams, _sending_on)},
            "HttpServer": {"tornado.httpserver": self._serve_site},
            "Datagrams": {"add_handler": self._serve_datagrams},
        }
        self._failures = _Failures(self.trouble)
        for log in (app_log, gen_log):
            log.addHandler(self._failures)
        handlers = _Handlers(io_loop)
        self.watch = functools.partial(handlers.start, handlers.reading)
        self.unwatch = functools.partial(handlers.end, handlers.reading)
        self.watch_write = functools.partial(handlers.start, handlers.writing)
        self.unwatch_write = functools.partial(handlers.end, handlers.writing)
        self.call_later = io_loop.call_later
        self.cancel = io_loop.remove_timeout
        self.rearm = self._rearm
        self.call_every = _Periodic.started
        self.wake = io_loop.add_callback
        self.call_soon = io_loop.add_callback
        self.run_forever = io_loop.start
        self.stop = io_loop.stop
        self.sleep = gen.sleep
        self._resolver = DefaultExecutorResolver()
        self._accepting: _Accepting | None = None

    def facts_on(self, library: str, library_version: str, mechanism: str) -> Facts:
        """Tornado's facts, with those of what lies under its asyncio loop."""
        return Facts(
            binding="tornado",
            binding_version=tornado.version,
            library=library,
            library_version=library_version,
            mechanism=mechanism,
            loaded_from=module_file(tornado),
        )

    def most_connections(self) -> tuple[int, str] | None:
        if not isinstance(self.loop, getattr(asyncio, "ProactorEventLoop", ())):
            return None
        most, why = places_left(set_size(), SELECTED)
        return most, f"tornado watches sockets by a thread beside the Proactor, and {why}"

    async def addresses(self, name: str) -> Sequence[str]:
        resolved = await self._resolver.resolve(name, 0, socket.AF_INET)
        return [str(address[0]) for _family, address in resolved]

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        with _hearing_of_children():
            return super().run_children(commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        with _hearing_of_children():
            return super().read_child(command, take)

    async def run_child(self, command: Sequence[str]) -> int:
        from tornado.process import Subprocess  # needs fcntl

        child = Subprocess(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return await child.wait_for_exit(raise_error=False)

    async def read_from_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        from tornado.process import Subprocess  # needs fcntl

        child = Subprocess(command, stdin=subprocess.DEVNULL, stdout=Subprocess.STREAM)
        try:
            while True:
                take(await child.stdout.read_bytes(READ_BYTES, partial=True))
        except StreamClosedError:
            pass
        except BaseException:
            child.proc.kill()
            await child.wait_for_exit(raise_error=False)
            raise
        finally:
            child.stdout.close()
        return await child.wait_for_exit(raise_error=False)

    async def socket_addresses(self, host: str, port: int) -> Sequence[tuple[Any, ...]]:
        """`Resolver()`, as the program configured it."""
        return [address for _family, address in await Resolver().resolve(host, port)]

    def network_trouble(self, error: OSError) -> None:
        """Rest from accepting when descriptors or memory ran out."""
        if self._accepting is not None and accept_failure(error) is AcceptFailure.ROOM:
            self._accepting.rest(self.io_loop)

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms.http_tornado import facts  # (of this level only)

        return facts()

    def close(self) -> None:
        for log in (app_log, gen_log):
            log.removeHandler(self._failures)
        self.shut_down()
        asyncio.set_event_loop(None)
        self.io_loop.close()

    def _rearm(self, handle: Any, delay_s: float, callback: Callback) -> object:
        self.io_loop.remove_timeout(handle)
        return self.io_loop.call_later(delay_s, callback)

    async def _serve_iostreams(
        self,
        listener: socket.socket,
        begin: Begin,
        end: End,
        stop: socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        """`TCPServer` with a native coroutine for each `IOStream`."""
        most = self.most_connections()
        server = _Server(begin, end, most[0] if most else None, context)
        self._accepting = _Accepting(server, listener)
        try:
            await readable(stop)
        finally:
            self._accepting = None
            server.stop()
            for stream in tuple(server.streams):
                stream.close()
            await others_ended()

    async def _serve_site(
        self, listener: socket.socket, site: HttpSite, stop: socket.socket, _spawn: Spawn
    ) -> None:
        """`HTTPServer` with an application of `tornado.web`."""
        from crossloop.idioms.http_tornado import server_of  # (of this level only)

        server = server_of(site)
        self._accepting = _Accepting(server, listener)
        try:
            await readable(stop)
        finally:
            self._accepting = None
            server.stop()
            await server.close_all_connections()
            await others_ended()

    async def _serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, stop: socket.socket, _spawn: Spawn
    ) -> None:
        """`IOLoop.add_handler` on the socket."""
        answer_next = answering(endpoint, application)
        self.io_loop.add_handler(endpoint, lambda *_: answer_next(), IOLoop.READ)
        try:
            await readable(stop)
        finally:
            self.io_loop.remove_handler(endpoint)


@contextlib.contextmanager
def _hearing_of_children() -> Iterator[None]:
    """With `Subprocess`'s handler of SIGCHLD, without which it hears of no end."""
    if sys.platform == "win32":
        raise UnsupportedError("tornado.process needs fcntl and SIGCHLD, and Windows has neither")
    from tornado.process import Subprocess

    try:
        Subprocess.initialize()
    except RuntimeError as error:  # uvloop's
        raise UnsupportedError(f"tornado.process needs SIGCHLD, and its loop says: {error}") from error
    try:
        yield
    finally:
        Subprocess.uninitialize()


class _Accepting:
    """Has *server* accept from *listener* from now on, inside the running loop."""

    def __init__(self, server: TCPServer, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        server.add_socket(listener)

    def rest(self, io_loop: IOLoop) -> None:
        """Accept nothing for `ASYNCIO_PAUSE_S` seconds."""
        io_loop.remove_handler(self._listener)
        io_loop.call_later(ASYNCIO_PAUSE_S, self._resume)

    def _resume(self) -> None:
        if self._listener.fileno() != -1:
            self._server.add_socket(self._listener)


class _Server(TCPServer):
    """A coroutine for each stream."""

    def __init__(self, begin: Begin, end: End, most: int | None, context: ssl.SSLContext | None) -> None:
        """*most*: connections at once."""
        super().__init__(ssl_options=context)
        self._most = most
        self._end = end
        self.streams: set[IOStream] = set()
        self._begin = begin

    async def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if self._most is not None and len(self.streams) >= self._most:
            stream.close()
            return
        receive = self._begin(stream)
        self.streams.add(stream)
        try:
            while True:
                answer = receive(await stream.read_bytes(READ_BYTES, partial=True))
                if answer or stream.writing():
                    await stream.write(answer)
        except (
            OSError
        ):  # StreamClosedError is one: the peer's end or reset, or ours; and what TLS does not take
            pass
        finally:
            stream.close()
            self.streams.discard(stream)
            if self._end:
                self._end(receive)


def _sending_on(stream: IOStream) -> Send:
    def send(data: bytes) -> None:
        if not stream.closed():
            stream.write(data)

    return send


class _Handlers:
    """Reading and writing watched apart, on tornado's one registration per descriptor."""

    def __init__(self, io_loop: IOLoop) -> None:
        self._io_loop = io_loop
        self.reading: dict[int, Callable[..., Any]] = {}
        self.writing: dict[int, Callable[..., Any]] = {}

    def start(self, callbacks: dict[int, Callable[..., Any]], fd: int, callback: Callable[..., Any]) -> None:
        """Have *callback* as that of *fd* in *callbacks*, one of the two above."""
        callbacks[fd] = callback
        self._register(fd)

    def end(self, callbacks: dict[int, Callable[..., Any]], fd: int) -> None:
        """Have none for it there."""
        if callbacks.pop(fd, None) is not None:
            self._register(fd)

    def _register(self, fd: int) -> None:
        read, write = self.reading.get(fd), self.writing.get(fd)
        self._io_loop.remove_handler(fd)
        if read is not None and write is not None:
            self._io_loop.add_handler(fd, _both(read, write), IOLoop.READ | IOLoop.WRITE)
        elif read is not None:
            self._io_loop.add_handler(fd, read, IOLoop.READ)
        elif write is not None:
            self._io_loop.add_handler(fd, write, IOLoop.WRITE)


def _both(read: Callable[..., Any], write: Callable[..., Any]) -> Callable[[int, int], None]:
    """One handler out of two callbacks."""

    def handle(fd: int, events: int) -> None:
        if events & IOLoop.READ:
            read(fd, events)
        if events & IOLoop.WRITE:
            write(fd, events)

    return handle


class _Periodic(PeriodicCallback):
    """tornado's own, which ends by `cancel` as its one-shot timers do."""

    @classmethod
    def started(cls, interval_s: float, callback: Callable[..., Any]) -> "_Periodic":
        periodic = cls(callback, interval_s * 1000)
        periodic.start()
        return periodic

    def cancel(self) -> None:
        self.stop()


class _Failures(logging.Handler):
    """Takes the exceptions that tornado logs; what is less than an error is dropped, not printed."""

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._report(error or RuntimeError(record.getMessage()))
