"""Twisted: a reactor, protocols and transports; callbacks since 2001, from which asyncio's protocols were taken.

**Waiting.** epoll on Linux, poll on the BSDs, select on macOS and Windows, in one object: the reactor. There are
several, and a program installs one before it imports anything else of Twisted. Here they are the styles of
`StreamServer`, Twisted's own choice for the platform first. They differ in the call that waits; protocols, transports
and timers are the same. `asyncio` is a reactor on asyncio's loop. A stopped reactor never runs again
(ReactorNotRestartable). A reactor that was left by `crash` does, and Twisted's own test runner does so after each test.
All levels here do the same, so each can be entered again.

**Reading.** The transport reads up to 64 KiB and calls `dataReceived`. Each event goes through a function that sets the
context of the log.

**Writing.** `transport.write` sends nothing at once: it keeps the data and asks for writability. So an answer leaves in
the next turn of the reactor. A message takes two waits and, on epoll, two changes of the registration. A turn sends at
most 128 KiB. Backpressure is a *producer* that is registered with the transport: it is paused while more than 64 KiB
wait. Here the transport is its own producer, and stops reading. Pushing is the same `write`.

**Timers.** `callLater` is a heap in Python on a monotonic clock, and no wait is longer than 24 days. A timer that is
pushed back by `reset` keeps its place in the heap and is inserted again when its old time has come. `LoopingCall`
repeats: it keeps its phase and skips missed calls. *What is next* is a `callLater` without a delay, an entry of the
heap like any other. So is a task's turn, `deferLater` without a delay.

**Waking.** `callFromThread` adds to a list and writes a byte to a pipe.

**Signals.** `run` takes SIGINT, SIGTERM and SIGCHLD for itself by default; here it does not. For any other signal a
program has Python's handler, which calls `callFromThread` as the reactor's own handlers do. *Children* are started by
`spawnProcess`, with posix_spawn(3) where the child has nothing to do before its program. The reactor learns of their
ends by SIGCHLD, so a run with children is as by default. The handlers that it leaves behind are removed here.

**Closing.** `loseConnection` sends unsent data, `abortConnection` drops it. A transport reports a half close to
protocols that ask for it (`IHalfCloseableProtocol`). For others the peer's end of file is the end, and unsent data is
lost. A reactor cannot be closed: its descriptors are freed here as in Twisted's own tests.

**Limits.** Exceptions of callbacks never come out of `run`. They are logged, and the connection or the watched
descriptor is dropped. An observer of the log collects them here, and they are raised. Out of descriptors, a port
accepts with a spare descriptor and closes the connection at once: the client is refused, and does not wait. The style
`select` takes only descriptors below FD_SETSIZE, and closes further connections. A port of datagrams takes 8 KiB of
each by default; here it takes more. A bare socket has no awaitable calls, so a task waits by `addReader` and
`addWriter`. TLS is pyOpenSSL's in memory, wrapped around protocol and transport (`TLSMemoryBIOFactory`). Files and
`getaddrinfo` run in the reactor's threads, at most 10. A look-up that fails gives no reason, only no addresses.
"""

import asyncio
import contextlib
import functools
import importlib
import math
import os
import select
import signal
import socket
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import twisted
from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocolFactory,
    IReadWriteDescriptor,
    IResolutionReceiver,
)
from twisted.internet.main import installReactor
from twisted.internet.protocol import DatagramProtocol, Factory, ProcessProtocol, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, globalLogBeginner, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import classImplements

from crossloop.api import (
    AdapterAbout,
    AddressLookups,
    Callback,
    Callbacks,
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
    Receive,
    Signals,
    StreamApplication,
    StreamServer,
    TlsServer,
    Turns,
    UnsupportedError,
    module_file,
)
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.select_size import places_left, set_size
from crossloop.idioms.twisted_names import RESOLVERS

if TYPE_CHECKING:  # who serves TLS only loads it
    import ssl

ABOUT = AdapterAbout(
    family="twisted",
    library="none",
    binding="twisted",
    summary="Twisted's reactors, protocols and transports: callbacks in Python since 2001.",
    requires=("twisted[tls]>=24.7",),
    homepage="https://twisted.org/",
    asked_as="twisted",
)

_Given = TypeVar("_Given")
_Done = TypeVar("_Done")

REACTORS = {
    "epoll": "twisted.internet.epollreactor:EPollReactor",
    "kqueue": "twisted.internet.kqreactor:KQueueReactor",
    "poll": "twisted.internet.pollreactor:PollReactor",
    "select": "twisted.internet.selectreactor:SelectReactor",
    "asyncio": "twisted.internet.asyncioreactor:AsyncioSelectorReactor",
}


def _reactors_here() -> tuple[str, ...]:
    """Those of this platform, the one that Twisted takes by itself first (`twisted.internet.default`)."""
    here = [name for name in REACTORS if name == "asyncio" or hasattr(select, name)]
    if sys.platform == "win32" or sys.platform == "darwin":
        first = "select"
    else:
        first = "epoll" if "epoll" in here else "poll"
    return (first, *(name for name in here if name != first))


class Adapter(
    StreamServer,
    TlsServer,
    PushServer,
    HttpServer,
    Datagrams,
    Callbacks,
    Turns,
    Signals,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
):
    """Twisted's reactors, each made when it is first asked for."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": _reactors_here(),
        "TlsServer": _reactors_here()[:1],
        "PushServer": _reactors_here()[:1],
        "HttpServer": ("twisted.web",),
        "Datagrams": _reactors_here()[:1],
        "NameResolution": tuple(RESOLVERS),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "Twisted's HTTP client (twisted.web.client.Agent) is not among the clients",
    }

    def __init__(self) -> None:
        _begin_logging()
        self._observer = cast(ILogObserver, self._observe)
        globalLogPublisher.addObserver(self._observer)
        self._reactors: dict[str, Any] = {}
        self._failure: BaseException | None = None
        self._interrupt: Callable[[], object] = _nothing
        self._watched: dict[int, _Watched] = {}
        self._tasks: set[Deferred[None]] = set()
        self.reactor = reactor = self._use(_reactors_here()[0])
        self.call_later = reactor.callLater
        self.call_soon = functools.partial(reactor.callLater, 0)
        self.wake = reactor.callFromThread
        self.stop = reactor.crash

    def facts(self) -> Facts:
        return Facts(
            binding="twisted",
            binding_version=twisted.__version__,
            library="none",
            library_version="",
            mechanism=self._mechanism(),
            loaded_from=module_file(twisted),
        )

    def close(self) -> None:
        globalLogPublisher.removeObserver(self._observer)
        for reactor in self._reactors.values():
            for call in reactor.getDelayedCalls():
                call.cancel()
            reactor.fireSystemEvent("shutdown")  # ends its pool of threads, if there is one
            for reader in reactor._internalReaders:
                reactor.removeReader(reader)
                reader.connectionLost(None)
            if isinstance(loop := getattr(reactor, "_asyncioEventloop", None), asyncio.AbstractEventLoop):
                loop.close()
            for name in ("_poller", "_kq"):
                if close := getattr(getattr(reactor, name, None), "close", None):
                    close()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        server = _Server(lambda _write: application(), _most(style))
        self._serve_factory(listener, server, style, stop)

    def most_connections(self) -> tuple[int, str] | None:
        return _bound() if _reactors_here()[0] == "select" else None

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        from twisted.protocols.tls import TLSMemoryBIOFactory

        server = _Server(lambda _write: application(), _most(style))
        options = _options_of(context)
        secure = TLSMemoryBIOFactory(options, False, cast(IProtocolFactory, server), clock=self._use(style))
        self._serve_factory(listener, server, style, stop, secure)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        server = _Server(application, _most(style), told_its_end=True)
        self._serve_factory(listener, server, style, stop)

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        from crossloop.idioms.http_twisted import Server  # (of this level only)

        reactor = _reactors_here()[0]
        self._serve_factory(listener, Server(site, self._use(reactor)), reactor, stop)

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms.http_twisted import facts  # (of this level only)

        return facts()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        reactor = self._use(style)

        async def end(port: Any) -> None:
            await port.stopListening()

        with endpoint:
            self._serve(
                reactor,
                lambda: reactor.adoptDatagramPort(
                    endpoint.fileno(), endpoint.family, _Answering(application), DATAGRAM_BYTES
                ),
                end,
                stop,
            )

    def watch(self, fd: int, callback: Callback) -> None:
        watched = self._watched_at(fd)
        watched.read = callback
        self.reactor.addReader(watched)

    def unwatch(self, fd: int) -> None:
        watched = self._watched.get(fd)
        if watched is not None and watched.read is not _nothing:
            watched.read = _nothing
            self.reactor.removeReader(watched)
            self._forget(watched)

    def watch_write(self, fd: int, callback: Callback) -> None:
        watched = self._watched_at(fd)
        watched.write = callback
        self.reactor.addWriter(watched)

    def unwatch_write(self, fd: int) -> None:
        watched = self._watched.get(fd)
        if watched is not None and watched.write is not _nothing:
            watched.write = _nothing
            self.reactor.removeWriter(watched)
            self._forget(watched)

    def cancel(self, handle: Any) -> None:
        if isinstance(handle, LoopingCall):
            if handle.running:
                handle.stop()
        elif handle.active():
            handle.cancel()

    def rearm(self, handle: Any, delay_s: float, callback: Callback) -> Any:
        if not handle.active():
            return self.call_later(delay_s, callback)
        if (
            delay_s == math.inf
        ):  # `reset` takes the difference to the old time, and of two infinite ones it is NaN
            handle.cancel()
            return self.call_later(delay_s, callback)
        handle.reset(delay_s)
        return handle

    def call_every(self, interval_s: float, callback: Callback) -> LoopingCall:
        repeating = LoopingCall(callback)
        repeating.clock = self.reactor
        repeating.start(interval_s, now=False).addErrback(self._fail_with)
        return repeating

    def run(self) -> None:
        self._interrupt = self.reactor.crash
        self.reactor.run(installSignalHandlers=False)
        self._interrupt = _nothing
        self._raise_failure()

    async def receive(self, sock: socket.socket, n: int) -> bytes:
        while True:
            try:
                return sock.recv(n)
            except BlockingIOError:
                await _once(self.watch, self.unwatch, sock.fileno())

    async def send_all(self, sock: socket.socket, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[sock.send(left) :]
            except BlockingIOError:
                await _once(self.watch_write, self.unwatch_write, sock.fileno())

    async def sleep(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        """A coroutine runs at once, up to where it first waits."""
        running = Deferred.fromCoroutine(task)
        self._tasks.add(running)

        def end(result: object) -> None:
            self._tasks.discard(running)
            if isinstance(result, Failure):
                self._fail_with(result)
            if not self._tasks:
                self.reactor.crash()

        return running.addBoth(end)

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        self._interrupt = self.reactor.crash
        self.reactor.callWhenRunning(self.spawn, main)
        self.reactor.run(installSignalHandlers=False)
        self._interrupt = _nothing
        for running in tuple(self._tasks):
            running.cancel()
        self._raise_failure()

    async def turn(self) -> None:
        await deferLater(self.reactor, 0)

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        """A handler of Python's that calls `callFromThread`, as the reactor's own for SIGTERM does."""

        def arrived() -> None:
            if heard():
                self.stop()

        signal.signal(number, lambda *_: self.wake(arrived))
        try:
            self.call_soon(begin)
            self.run()
        finally:
            signal.signal(number, signal.SIG_DFL)

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        """`spawnProcess`, in a run that hears of children, as it does unless it is told not to."""
        with _run_that_hears_of_children(), Path(os.devnull).open("r+b") as nothing:

            async def status_of(command: Sequence[str]) -> int:
                child = _Child()
                self._spawn(child, command, nothing.fileno(), nothing.fileno())
                return await child.ended

            return self._run_for(_all_of(status_of, commands, at_a_time), hears=True)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        with _run_that_hears_of_children(), Path(os.devnull).open("rb") as nothing:

            async def read() -> int:
                child = _Child(take)
                self._spawn(child, command, nothing.fileno(), "r")
                return await child.ended

            return self._run_for(read(), hears=True)

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """`deferToThreadPool`, in the reactor's threads: a file is always ready."""
        reactor = self.reactor

        async def content(path: str) -> bytes:
            return await deferToThreadPool(reactor, reactor.getThreadPool(), Path(path).read_bytes)

        return self._run_for(_all_of(content, paths, at_a_time))

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        """`reactor.nameResolver`, which calls `getaddrinfo` in the reactor's threads."""

        async def addresses(_time: int) -> Sequence[tuple[Any, ...]]:
            receiver = _Addresses(host)
            self.reactor.nameResolver.resolveHostName(receiver, host, port)
            return await receiver.complete

        return self._run_for(_all_of(addresses, range(times), 1))

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        async def resolve_all() -> Sequence[Sequence[str] | int]:
            ask = await RESOLVERS[style](self.reactor, server, in_flight)
            answers = await _all_of(ask, names, in_flight)
            await deferLater(self.reactor, 0)  # a port of datagrams is closed in the turn after its end
            return answers

        return dict(zip(names, self._run_for(resolve_all()), strict=True))

    def _spawn(self, child: "_Child", command: Sequence[str], stdin: int, stdout: int | str) -> None:
        """Start *command*, with the environment of this process. Raises OSError."""
        channels = {0: stdin, 1: stdout, 2: 2}
        self.reactor.spawnProcess(child, command[0], command, env=None, childFDs=channels)

    def _run_for(self, work: Coroutine[Any, Any, _Done], *, hears: bool = False) -> _Done:
        """Run the reactor for what *work* gives. *hears*: of signals, and so of children that end."""
        done: list[_Done] = []

        async def keep() -> None:
            done.append(await work)

        self._run_main(self.reactor, keep(), hears=hears)
        return done[0]

    def _serve_factory(
        self,
        listener: socket.socket,
        server: Any,
        style: str,
        stop: socket.socket,
        over: Any = None,
    ) -> None:
        """`adoptStreamPort`: a port of *server*, or of *over* around it, on a duplicate of the listener as it is."""
        reactor = self._use(style)

        async def end(port: Any) -> None:
            await port.stopListening()
            server.close_all()
            for _turn in range(2):  # what has nothing to write ends within a turn of the loop
                await deferLater(reactor, 0)
            server.abort_all()
            while server.connections:
                await deferLater(reactor, 0)

        with listener:
            self._serve(
                reactor,
                lambda: reactor.adoptStreamPort(listener.fileno(), listener.family, over or server),
                end,
                stop,
            )

    def _serve(
        self,
        reactor: Any,
        begin: Callable[[], Any],
        end: Callable[[Any], Coroutine[Any, Any, None]],
        stop: socket.socket,
    ) -> None:
        """Have the port that *begin* makes serve until *stop* is readable or something fails, then *end* it."""

        async def serve() -> None:
            stopping = Deferred[None]()
            stop_reader = _Watched(stop.fileno())
            self._interrupt = stop_reader.read = functools.partial(_fire, stopping)
            reactor.addReader(stop_reader)
            try:
                port = begin()
                try:
                    await stopping
                finally:
                    self._interrupt = _nothing
                    await end(port)
            finally:
                reactor.removeReader(stop_reader)

        self._run_main(reactor, serve())

    def _watched_at(self, fd: int) -> "_Watched":
        """One object for a descriptor: a reactor has one place for each number."""
        watched = self._watched.get(fd)
        if watched is None:
            watched = self._watched[fd] = _Watched(fd, self._watch_again, self._fail)
        return watched

    def _forget(self, watched: "_Watched") -> None:
        if watched.read is _nothing and watched.write is _nothing:
            del self._watched[watched.fd]

    def _watch_again(self, watched: "_Watched") -> None:
        """What a reactor dropped at a hang-up stays watched: level-triggered, as the level promises."""
        if watched.read is not _nothing:
            self.reactor.addReader(watched)
        if watched.write is not _nothing:
            self.reactor.addWriter(watched)

    def _use(self, style: str) -> Any:
        """The reactor of *style*; the first one of a process becomes `twisted.internet.reactor`."""
        reactor = self._reactors.get(style)
        if reactor is None:
            module, _colon, name = REACTORS[style].partition(":")
            make = getattr(importlib.import_module(module), name)
            reactor = self._reactors[style] = make(_new_loop()) if style == "asyncio" else make()
            if "twisted.internet.reactor" not in sys.modules:
                installReactor(reactor)  # type: ignore[no-untyped-call]  # without types in Twisted 26.10
        self._used = style
        return reactor

    def _mechanism(self) -> str:
        loop = getattr(self._reactors[self._used], "_asyncioEventloop", None)
        if loop is None:
            return self._used
        return type(loop._selector).__name__.removesuffix("Selector").lower()

    def _run_main(self, reactor: Any, main: Coroutine[Any, Any, None], *, hears: bool = False) -> None:
        """Run the reactor until *main* has ended. Raises what it raised, or the first exception that was logged."""

        def end(result: object) -> None:
            if isinstance(result, Failure):
                self._fail_with(result)
            reactor.crash()

        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main).addBoth(end))
        reactor.run(installSignalHandlers=hears)
        self._raise_failure()

    def _observe(self, event: dict[str, Any]) -> None:
        """Observer of the log: exceptions of callbacks end there."""
        failure = event.get("log_failure") or event.get("failure")  # the key of `twisted.python.log`
        if failure is not None:
            self._fail_with(failure)

    def _fail_with(self, failure: Failure) -> None:
        self._fail(failure.value or RuntimeError(str(failure)))

    def _fail(self, error: BaseException) -> None:
        """Keep the first exception of a run, and end it."""
        if self._failure is None:
            self._failure = error
        self._interrupt()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


class _Server(Factory):
    """Makes a protocol for each connection, up to *most* at once; one more is closed."""

    noisy = False

    def __init__(self, begin: PushApplication, most: float, *, told_its_end: bool = False) -> None:
        self.begin = begin
        self.most = most
        self.told_its_end = told_its_end
        self.connections: set[_Connection] = set()

    def buildProtocol(self, _address: object) -> "_Connection | None":  # noqa: N802  (Twisted's name)
        return _Connection(self) if len(self.connections) < self.most else None

    def close_all(self) -> None:
        """Have every connection end once all is written; `abortConnection` alone would reset them."""
        for connection in tuple(self.connections):
            connection.transport.loseConnection()

    def abort_all(self) -> None:
        """Have every connection end without what waits to be written."""
        for connection in tuple(self.connections):
            connection.transport.abortConnection()


class _Connection(Protocol):
    """One connection; its names are those of Twisted's interfaces."""

    transport: Any

    def __init__(self, server: _Server) -> None:
        self.server = server

    def connectionMade(self) -> None:  # noqa: N802
        transport = self.transport
        self.server.connections.add(self)
        transport.registerProducer(transport, True)
        self.write = transport.write
        self.receive: Receive = self.server.begin(self.write)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        answer = self.receive(data)
        if answer:
            self.write(answer)

    def readConnectionLost(self) -> None:  # noqa: N802
        self.transport.loseConnection()  # once everything is written

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Of the interface; nobody here closes one direction alone."""

    def connectionLost(self, reason: object = None) -> None:  # noqa: N802
        self.server.connections.discard(self)
        if self.server.told_its_end:
            self.receive(b"")


classImplements(_Connection, IHalfCloseableProtocol)


class _Answering(DatagramProtocol):
    """Answers each datagram at once; an answer that the kernel does not take is lost."""

    noisy = False
    transport: Any

    def __init__(self, application: DatagramApplication) -> None:
        self.application = application

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        if answer := self.application(datagram):
            try:  # noqa: SIM105  (a context manager for each datagram would show)
                self.transport.write(answer, addr)
            except OSError:
                pass


class _Child(ProcessProtocol):
    """A child process, and what takes its output."""

    transport: Any

    def __init__(self, take: Callable[[bytes], object] = bytes) -> None:
        self.ended = Deferred[int]()
        """Its exit status, or the signal that ended it, below zero."""
        self._take = take
        self._failure: Failure | None = None

    def outReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        if self._failure is not None:
            return
        try:
            self._take(data)
        except BaseException:
            self._failure = Failure()  # type: ignore[no-untyped-call]  # as installReactor
            self.transport.signalProcess("KILL")
            self.transport.closeStdout()

    def processEnded(self, reason: Failure) -> None:  # noqa: N802  (Twisted's name)
        status: Any = reason.value
        if self._failure is not None:
            self.ended.errback(self._failure)
        else:
            self.ended.callback(status.exitCode if status.signal is None else -status.signal)


class _Addresses:
    """What a look-up finds (`IResolutionReceiver`)."""

    def __init__(self, host: str) -> None:
        self.complete = Deferred[list[tuple[Any, ...]]]()
        self._host = host
        self._addresses: list[tuple[Any, ...]] = []

    def resolutionBegan(self, _resolution: object) -> None:  # noqa: N802  (here and below: Twisted's names)
        """It cannot be cancelled."""

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        rest = (address.flowInfo, address.scopeID) if isinstance(address, IPv6Address) else ()
        self._addresses.append((address.host, address.port, *rest))

    def resolutionComplete(self) -> None:  # noqa: N802
        """Twisted says no more of a failure than that there are no addresses."""
        if self._addresses:
            self.complete.callback(self._addresses)
        else:
            self.complete.errback(socket.gaierror(socket.EAI_NONAME, f"no address of {self._host!r}"))


classImplements(_Addresses, IResolutionReceiver)


class _Watched:
    """A descriptor as a reactor takes it (`IReadWriteDescriptor`)."""

    def __init__(
        self,
        fd: int,
        again: "Callable[[_Watched], None]" = lambda _watched: None,
        fail: Callable[[BaseException], None] | None = None,
    ) -> None:
        """*again*: called when the reactor has dropped it. *fail*: takes what the callbacks raise."""
        self.fd = fd
        self.read: Callback = _nothing
        self.write: Callback = _nothing
        self._again = again
        self._fail = fail

    def fileno(self) -> int:
        return self.fd

    def logPrefix(self) -> str:  # noqa: N802  (here and below: Twisted's names)
        return "watched"

    def doRead(self) -> None:  # noqa: N802
        # What it returns or raises would have the reactor drop the descriptor.
        try:
            self.read()
        except BaseException as error:
            self._failed(error)

    def doWrite(self) -> None:  # noqa: N802
        try:
            self.write()
        except BaseException as error:
            self._failed(error)

    def connectionLost(self, _reason: object) -> None:  # noqa: N802
        """A hang-up with nothing to read: whoever watches finds out by reading or writing."""
        self._again(self)
        self.doRead()
        self.doWrite()

    def _failed(self, error: BaseException) -> None:
        if self._fail is None:
            raise error
        self._fail(error)


classImplements(_Watched, IReadWriteDescriptor)


async def _all_of(
    do: Callable[[_Given], Awaitable[_Done]], given: Sequence[_Given], at_a_time: int
) -> list[_Done]:
    """What *do* gives for each of *given*, at most *at_a_time* at once.

    Raises the first failure, once none is at work.
    """
    errors: list[Exception] = []

    async def attempt(each: _Given) -> Any:
        try:
            return None if errors else await do(each)
        except Exception as error:
            errors.append(error)

    places = DeferredSemaphore(at_a_time)
    done: list[_Done] = await gatherResults([places.run(attempt, each) for each in given])
    if errors:
        raise errors[0]
    return done


@contextlib.contextmanager
def _run_that_hears_of_children() -> Iterator[None]:
    """Such a run handles SIGINT and SIGTERM as well, and leaves that behind; the wake-up descriptor is its own.

    Raises UnsupportedError on Windows.
    """
    if sys.platform == "win32":
        raise UnsupportedError(
            "Twisted's processes on Windows need pywin32, and take no descriptors for the child"
        )
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    descriptor = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


@functools.cache
def _begin_logging() -> None:
    """End the time before an application has said where its log goes, in which what is critical goes to stderr."""
    showwarning = warnings.showwarning
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    warnings.showwarning = showwarning  # else they are logged, and seen by nobody


def _bound() -> tuple[int, str]:
    """What select leaves: the reactor watches its waker, the listener and the word to stop besides."""
    return places_left(set_size(), 4)


def _most(style: str) -> float:
    """How many connections the reactor of *style* can hold."""
    return _bound()[0] if style == "select" else math.inf


def _options_of(context: "ssl.SSLContext") -> Any:
    """Twisted's options of TLS for what *context* was made of. Raises UnsupportedError for one that does not say."""
    from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, TLSVersion

    file = getattr(context, "certificate", "")
    if not file:
        raise UnsupportedError(
            "Twisted's TLS is pyOpenSSL's: it takes no ssl.SSLContext, and a context does not give out its private key"
        )
    pem = Path(file).read_bytes()
    certificate = PrivateCertificate.loadPEM(pem)  # type: ignore[no-untyped-call]  # as installReactor
    begin = b"-----BEGIN CERTIFICATE-----"
    chain = [Certificate.loadPEM(begin + each).original for each in pem.split(begin)[2:]]
    return CertificateOptions(
        privateKey=certificate.privateKey.original,
        certificate=certificate.original,
        extraCertChain=chain,
        raiseMinimumTo=TLSVersion.lookupByName(context.minimum_version.name),
        enableSessions=True,
        enableSessionTickets=True,
    )


def _once(
    watch: Callable[[int, Callback], None], unwatch: Callable[[int], None], fd: int
) -> "Deferred[None]":
    """What fires when *fd*, by one of the two ways of watching, is ready."""
    ready = Deferred[None]()

    def fire() -> None:
        unwatch(fd)
        ready.callback(None)

    watch(fd, fire)
    return ready


def _new_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def _fire(deferred: "Deferred[None]") -> None:
    if not deferred.called:
        deferred.callback(None)


def _nothing(*_: object) -> None:
    """A callback where nothing is watched."""
