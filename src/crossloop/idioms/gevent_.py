"""The idiom of gevent programs: a hub that runs the loop, and greenlets that look as if they blocked.

One greenlet a thread, the hub, runs the loop of the C library. Every other greenlet that has to wait
starts a watcher whose callback is its own `switch`, and switches to the hub; the event switches back.
So a call such as `recv` blocks its greenlet and nothing else, without `await`, and a callback given to a
watcher directly runs *in* the hub, where nothing may block. From this follows what is done below.

Exceptions. The hub prints what a callback or a greenlet raises and goes on; only `KeyboardInterrupt` and its like are
thrown into the main greenlet. Here the first failure is, too: an application may replace the hub's `handle_error`, and
ours keeps the failure and throws it into the main greenlet (in `run`, `run_main`, a server, `resolve`). It does so in a
separate callback and not at once: thrown from within a C callback, the hub would stay inside that callback, and its end
there is noisy. Failed accepts of `StreamServer` are left out; it rests after one, 10 ms at first and up to a second.

Wake-ups. `loop.run_callback_threadsafe` would be gevent's own way, but besides its async watcher it touches the loop's
reference count (libev) or a check watcher (libuv) from the calling thread, which neither library allows while its loop
runs without the GIL. Only `send` of an async watcher may be called from anywhere, and several sends may arrive as one
event; so the calls themselves travel in a deque.

Turns. `loop.run_callback` is the hub's own queue, and `gevent.sleep(0)` puts the greenlet's `switch` into it. The queue
runs before the loop looks at descriptors, with calls added meanwhile, until one switch interval has passed
(`gevent.getswitchinterval()`, 5 ms).

TLS. `StreamServer(ssl_context=...)` wraps a connection in the greenlet of its handler, by a context of `gevent.ssl`. A
context of the standard library makes sockets that block the whole thread, and a handshake that fails is reported to the
hub. So the handler does here what the server would: an `SSLSocket` of gevent's, the handshake, the conversation, and
`unwrap` at a close_notify.

Pushing. `sendall` blocks the greenlet that calls it, so each connection has a second greenlet that sends from its
queue. The reader waits until the queue is empty before it reads on: while a peer does not read, the server does not
read from it.

Datagrams. `DatagramServer` receives in the hub and starts a greenlet for each datagram, of which it takes the first
8192 bytes. It keeps the given socket, which does not block: an answer is sent at once or dropped.

Style. gevent offers `StreamServer`, and one can write its loop by hand: `accept`, `spawn`. A message
passes through the same `recv` and `sendall` of a gevent socket either way, and only `accept` differs, so
there is one row, `streamserver`.
"""

import contextlib
import functools
import operator
import socket
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import gevent
from gevent.baseserver import BaseServer
from gevent.hub import Waiter
from gevent.pool import Group, Pool
from gevent.queue import JoinableQueue
from gevent.server import DatagramServer
from gevent.server import StreamServer as GeventStreamServer
from gevent.socket import wait_read

from crossloop.api import (
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
)
from crossloop.idioms.gevent_names import RESOLVERS, resolve_all
from crossloop.idioms.sizes import READ_BYTES

if TYPE_CHECKING:  # who serves TLS only loads it
    import ssl

_READ = 1
_WRITE = 2


Given = TypeVar("Given")
Done = TypeVar("Done")


class GeventHub(
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
    """An adapter on the calling thread's hub, which it makes with the loop named *loop_name*.

    The names are those of `gevent.config.loop`. Nothing is read from or left in the environment, and nothing
    is monkey-patched. Raises UnsupportedError when this gevent has no such loop, RuntimeError when the
    thread has a hub with another one. Subclasses add `facts`, and change the timers where they must.
    """

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": ("streamserver",),
        "TlsServer": ("streamserver",),
        "PushServer": ("streamserver",),
        "HttpServer": ("gevent.pywsgi",),
        "Datagrams": ("datagramserver",),
        "NameResolution": tuple(RESOLVERS),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "gevent has no HTTP client; urllib3 runs on it where modules are patched, which is not done here",
    }

    def __init__(self, loop_name: str) -> None:
        try:
            gevent.config.loop = loop_name
        except ImportError as error:
            raise UnsupportedError(
                f"gevent {gevent.__version__} has no {loop_name!r} here: {error}"
            ) from error
        self.hub = gevent.get_hub()
        self.loop = self.hub.loop
        if type(self.loop) is not gevent.config.loop:
            raise RuntimeError(f"asked gevent for {loop_name!r}, but this thread's hub has {self.loop!r}")
        self.hub.handle_error = self._keep_failure
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        self._calls: deque[Callback] = deque()
        self._waker = self.loop.async_()
        self._waker.start(self._run_calls)
        self._running: Any = None
        self._failure: BaseException | None = None
        self._tasks = Group()
        self._not_started: set[Coroutine[Any, Any, None]] = set()
        self._task_watchers: dict[int, _TaskWatchers] = {}

        self.watch = functools.partial(self._start_watcher, self._readers, _READ)
        self.unwatch = functools.partial(self._close_watcher, self._readers)
        self.watch_write = functools.partial(self._start_watcher, self._writers, _WRITE)
        self.unwatch_write = functools.partial(self._close_watcher, self._writers)
        self.cancel = operator.methodcaller("close")
        self.call_soon = self.loop.run_callback

    def facts_of(self, *, library: str, mechanism: str, version: str, loaded_from: str) -> Facts:
        """Facts with what is the same for every loop; *version* as `get_version()` says it (`libev-4.33`)."""
        return Facts(
            binding="gevent",
            binding_version=gevent.__version__,
            library=library,
            library_version=version.removeprefix(f"{library}-"),
            mechanism=mechanism,
            loaded_from=loaded_from,
        )

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
        from gevent.ssl import SSLSocket

        def handle(connection: Any) -> None:
            with SSLSocket(
                connection, server_side=True, do_handshake_on_connect=False, _context=context
            ) as over_tls:
                over_tls.do_handshake()
                _converse(over_tls, application())
                over_tls.unwrap()

        self._serve(listener, handle, stop)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        senders = Group()
        try:
            self._serve(
                listener, lambda connection: _converse_and_push(connection, application, senders), stop
            )
        finally:
            senders.kill()

    def _serve(self, listener: socket.socket, handle: Callable[[Any], None], stop: socket.socket) -> None:
        most = self.most_connections()
        # gevent stops accepting while a pool is full. One place more, for a connection to be closed from.
        connections = Pool(None if most is None else most[0] + 1)

        def handle_if_room(connection: Any, _address: object) -> None:
            if most is None or len(connections) <= most[0]:
                with contextlib.suppress(OSError):  # the peer's reset; StreamServer closes the socket
                    handle(connection)

        self._serve_by(GeventStreamServer(listener, handle_if_room, spawn=connections), connections, stop)

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        from crossloop.idioms.http_gevent import Server  # (of this level only)

        most = self.most_connections()
        connections = Pool(None if most is None else most[0])
        self._serve_by(Server(listener, site, connections), connections, stop)

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms.http_gevent import facts  # (of this level only)

        return facts()

    def _serve_by(self, server: BaseServer, connections: Pool, stop: socket.socket) -> None:
        """Have *server*, whose greenlets are *connections*, serve until *stop* is readable."""
        with self._failures_raised():
            server.start()
            try:
                wait_read(stop.fileno())
            finally:
                server.close()
                gevent.sleep(0)  # a greenlet that never started would not close its connection when killed
                connections.kill()
                gevent.sleep(0)  # where a watcher was active, closing is done in the loop's next turn

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        def handle(data: bytes, peer: Any) -> None:
            if answer := application(data):
                with contextlib.suppress(OSError):
                    server.sendto(answer, peer)

        server = DatagramServer(endpoint, handle)
        with self._failures_raised():
            server.start()
            try:
                wait_read(stop.fileno())
            finally:
                server.close()
                gevent.sleep(0)  # greenlets that were started have their turn, and the socket is closed

    # Readiness

    def _start_watcher(self, watchers: dict[int, Any], events: int, fd: int, callback: Callback) -> None:
        if fd in watchers:
            self._close_watcher(watchers, fd)
        watcher = watchers[fd] = self.loop.io(fd, events)
        watcher.start(callback)

    def _close_watcher(self, watchers: dict[int, Any], fd: int) -> None:
        # Closed, not kept for the next watch of this number: by then it may be another file.
        watcher = watchers.pop(fd, None)
        if watcher is not None:
            watcher.close()

    def call_later(self, delay_s: float, callback: Callback) -> Any:
        # `update`: the loop's clock stands still while callbacks run and while the loop does not.
        timer = self.loop.timer(delay_s)
        timer.start(callback, update=True)
        return timer

    def call_every(self, interval_s: float, callback: Callback) -> Any:
        timer = self.loop.timer(interval_s, interval_s)
        timer.start(callback, update=True)
        return timer

    def rearm(self, handle: Any, delay_s: float, callback: Callback) -> Any:
        """`ev_timer_again` or `uv_timer_again` when *delay_s* stays the same, else a new timer.

        `again` restarts a timer by its repeat interval, fixed when it was made, and costs a third to a half
        of a new one. So the first call makes a repeating timer that ends itself when it fires.
        """
        if type(handle) is not _PushedBack or handle.delay_s != delay_s or handle.watcher is None:
            handle.close()
            handle = _PushedBack(self.loop.timer(delay_s, delay_s), delay_s)
        handle.watcher.again(handle.fire, callback, update=True)
        return handle

    def wake(self, callback: Callback) -> None:
        self._calls.append(callback)
        self._waker.send()

    def _run_calls(self) -> None:
        """Run what was there on entry; what is added meanwhile has the next turn of the loop."""
        calls = self._calls
        for _ in range(len(calls)):
            try:
                calls.popleft()()
            except BaseException as error:  # gevent's cffi loops stop a watcher whose callback raised
                self._keep_failure(None, type(error), error, error.__traceback__)
        if calls:
            self._waker.send()

    def run(self) -> None:
        waiter = self._running = Waiter(self.hub)
        with self._failures_raised():
            try:
                waiter.get()
            finally:
                self._running = None

    def stop(self) -> None:
        # Not `waiter.switch()` at once: it would leave the callback that called, half done, in the hub.
        waiter, self._running = self._running, None
        if waiter is not None:
            self.loop.run_callback(waiter.switch, None)

    def _keep_failure(
        self,
        context: object,
        _kind: type[BaseException],
        error: BaseException,
        _traceback: TracebackType | None,
    ) -> None:
        """The hub's error handler: called in the hub or in the greenlet that failed; must not raise."""
        accept_failed = isinstance(context, BaseServer) and isinstance(error, OSError)
        if self._failure is None and not accept_failed:
            self._failure = error
            self.loop.run_callback(self._throw_failure)

    def _throw_failure(self) -> None:
        if self._failure is not None:  # else the main greenlet has come round by itself and raised it
            self.hub.parent.throw(self._failure)

    @contextmanager
    def _failures_raised(self) -> Iterator[None]:
        """Raise what was kept while the main greenlet waited in here, thrown into it yet or not."""
        try:
            yield
        finally:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # Tasks

    async def receive(self, sock: socket.socket, n: int) -> bytes:
        while True:
            try:
                return sock.recv(n)
            except BlockingIOError:
                self.hub.wait(self._watchers_of(sock).read)

    async def send_all(self, sock: socket.socket, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[sock.send(left) :]
            except BlockingIOError:
                self.hub.wait(self._watchers_of(sock).write)

    async def sleep(self, seconds: float) -> None:
        gevent.sleep(seconds)

    async def turn(self) -> None:
        gevent.sleep(0)

    def _watchers_of(self, sock: socket.socket) -> "_TaskWatchers":
        fd = sock.fileno()
        watchers = self._task_watchers.get(fd)
        if watchers is None or watchers.owner() is not sock:
            if watchers is not None:  # of a socket that was closed and whose number came back
                watchers.close()
            watchers = self._task_watchers[fd] = _TaskWatchers(sock, self.loop.io)
        return watchers

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        self._not_started.add(task)
        return self._tasks.spawn(self._drive, task)

    def _drive(self, task: Coroutine[Any, Any, None]) -> None:
        self._not_started.discard(task)
        try:
            task.send(None)
        except StopIteration:
            return
        task.close()
        raise RuntimeError(
            "a task was suspended by something other than this adapter's receive, send_all, sleep"
        )

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        self.spawn(main)
        with self._failures_raised():
            try:
                self._tasks.join()
            finally:
                self._tasks.kill()
                while self._not_started:
                    self._not_started.pop().close()

    # Signals, children, files, addresses

    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        """`gevent.signal_handler`, which calls in a greenlet of its own."""

        def arrived() -> None:
            if heard():
                self.stop()

        handler = gevent.signal_handler(number, arrived)
        try:
            self.loop.run_callback(begin)
            self.run()
        finally:
            handler.cancel()

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        from gevent.subprocess import DEVNULL, Popen

        def run(command: Sequence[str]) -> int:
            status: int = Popen(command, stdin=DEVNULL, stdout=DEVNULL).wait()
            return status

        return self._all_of(run, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        from gevent.subprocess import DEVNULL, PIPE, Popen

        def read(command: Sequence[str]) -> int:
            with Popen(command, stdin=DEVNULL, stdout=PIPE) as child:
                try:
                    while data := child.stdout.read1(READ_BYTES):
                        take(data)
                except BaseException:
                    child.kill()
                    raise
            status: int = child.returncode
            return status

        return self._all_of(read, [command], 1)[0]

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """The hub's thread pool: a file is always ready, and its greenlet would block all others."""
        apply = self.hub.threadpool.apply

        def read(path: str) -> bytes:
            content = apply(_content, (path,))
            if isinstance(content, OSError):
                raise content
            return cast(bytes, content)

        return self._all_of(read, paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        """`gevent.socket.getaddrinfo`, by the resolver that the hub was made with."""
        from gevent.socket import getaddrinfo

        def look(_time: int) -> Sequence[tuple[Any, ...]]:
            return [address for *_, address in getaddrinfo(host, port, 0, socket.SOCK_STREAM)]

        return self._all_of(look, range(times), 1)

    def _all_of(self, do: Callable[[Given], Done], given: Sequence[Given], at_a_time: int) -> list[Done]:
        """What *do* returns for each of *given*, in at most *at_a_time* greenlets."""
        errors: list[Exception] = []

        def attempt(each: Given) -> Any:
            try:
                return None if errors else do(each)
            except Exception as error:  # raised below: what a greenlet raises, the hub hears of as well
                errors.append(error)

        pool = Pool(at_a_time)
        with self._failures_raised():
            try:
                done: list[Done] = pool.map(attempt, given)
            finally:
                pool.kill()
        if errors:
            raise errors[0]
        return done

    # Names

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        with self._failures_raised():
            return resolve_all(self.hub, style, server, names, in_flight)

    def close(self) -> None:
        """Close every watcher and timer, end the resolver threads, destroy the hub and its loop."""
        for watchers in (self._readers, self._writers):
            for fd in tuple(watchers):
                self._close_watcher(watchers, fd)
        for task_watchers in self._task_watchers.values():
            task_watchers.close()
        self._waker.close()
        del self.hub.handle_error
        self.hub.destroy(destroy_loop=True)


def _content(path: str) -> bytes | OSError:
    """In a thread of the pool, which would tell the hub of an error that is raised."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return error


def _converse(connection: Any, receive: Receive) -> None:
    """Answer until the peer's end of file. Raises OSError at a reset."""
    read, send_all = connection.recv, connection.sendall
    while data := read(READ_BYTES):
        if answer := receive(data):
            send_all(answer)


def _converse_and_push(connection: Any, application: PushApplication, senders: Group) -> None:
    """As `_converse`; what is sent meanwhile goes out as well, by a greenlet of *senders*."""
    unsent = JoinableQueue()
    ended = False

    def push(data: bytes) -> None:
        if data and not ended:
            unsent.put(data)

    def send_all() -> None:
        for data in unsent:
            with contextlib.suppress(OSError):  # the reader sees it, too
                connection.sendall(data)
            unsent.task_done()

    receive = application(push)
    sender = senders.spawn(send_all)
    try:
        while data := connection.recv(READ_BYTES):
            push(receive(data))
            unsent.join()
    finally:
        ended = True
        try:
            receive(b"")
        finally:
            sender.kill()  # switches to the hub, and whoever kills this greenlet meanwhile finds it told its end


class _PushedBack:
    """Handle of a one-shot timer that has been re-armed; has `close` like a watcher."""

    __slots__ = ("delay_s", "watcher")

    def __init__(self, watcher: Any, delay_s: float) -> None:
        self.watcher = watcher
        self.delay_s = delay_s

    def fire(self, callback: Callback) -> None:
        self.close()  # not only stopped: nobody has to cancel a timer that fired, and libuv wants it closed
        callback()

    def close(self) -> None:
        watcher, self.watcher = self.watcher, None
        if watcher is not None:
            watcher.close()


class _TaskWatchers:
    """The two watchers that a task's socket keeps while it lives, as gevent's own sockets do."""

    __slots__ = ("owner", "read", "write")

    def __init__(self, sock: socket.socket, make: Callable[[int, int], Any]) -> None:
        self.owner = weakref.ref(sock)
        self.read = make(sock.fileno(), _READ)
        self.write = make(sock.fileno(), _WRITE)

    def close(self) -> None:
        self.read.close()
        self.write.close()
