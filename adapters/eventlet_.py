"""eventlet: greenlets on a hub in Python, in blocking style without threads; in maintenance only.

Importing it warns (EventletDeprecationWarning): its makers advise against it for new programs, and advise old programs
to migrate. It has the same idea as gevent. One greenlet of a thread, the hub, waits; every other greenlet that has to
wait leaves a callback there and switches to the hub. But the hub is Python, on the module `select`.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, select on Windows, by one greenlet of a thread: the hub.
There are several hubs, which are the styles of `StreamServer`. `asyncio` runs inside a loop of asyncio's, for programs
that leave eventlet step by step. `use_hub` must be called before anything waits.

**Reading.** A `GreenSocket` calls `recv` at once; without data it adds the descriptor to the hub and switches to the
hub. `trampoline` does that, and removes the descriptor when it returns: two changes of the registration for each wait.
A peer's reset reads as the end of file.

**Writing.** `send` and `sendall` try at once and wait in the hub like `recv`, so a writer waits. A server that pushes
has a second greenlet for each connection, with a queue.

**Timers.** A heap in Python, of pairs of time and timer. Timers that are due at the same time fire in the order of
their addresses. None repeats. *What is next* is a timer without a delay; so is a greenlet's turn, `sleep(0)`. The hub
waits until the nearest timer is due, and a wait of more than 24 days is an OverflowError of epoll that ends the hub. So
this adapter always has a timer of one day.

**Waking.** A byte to a socket pair of the program's own; no member of the hub may be called from another thread. The
calls travel in a deque, and `eventlet.tpool` does it so, too.

**Signals.** Handlers of Python's `signal` run in the greenlet that is current, which is the hub while it waits. The
hub learns of no signal, and of no child that ends: `eventlet.green.subprocess` looks every 10 ms.

**Closing.** A greenlet is killed by an exception that is thrown into it, and one that waits takes its descriptor out of
the hub on its way out. Closing a socket does not wake greenlets that wait for it.

**Limits.** The hub prints an exception of a callback or a greenlet, drops the descriptor and goes on. Here the hub's
members that do so are replaced, and the exception goes to the main greenlet. A second greenlet that waits for the same
descriptor in the same direction is a RuntimeError. The hub collects the callbacks of a turn before it calls the first,
so a callback that was removed meanwhile is called all the same; here it is made harmless. A `GreenPool` has 1,000
greenlets by default. `selects` takes only descriptors below FD_SETSIZE, and the server closes further connections.
Without a descriptor left `accept` raises; the server rests then. TLS is `GreenSSLSocket`: OpenSSL makes the system
calls, and its "want read" and "want write" become waits. Files have the 20 threads of `eventlet.tpool`. Names are
resolved by `greendns`, which is dnspython on green sockets.
"""

import contextlib
import functools
import operator
import select
import socket
import sys
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

with warnings.catch_warnings():
    # Said above, and nothing may be written to standard error.
    warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
    import eventlet
from eventlet import hubs, tpool
from eventlet.event import Event
from eventlet.greenio import GreenSocket
from eventlet.greenpool import GreenPool
from eventlet.hubs.hub import READ, WRITE, BaseHub
from eventlet.queue import Queue

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
    StreamApplication,
    StreamServer,
    TlsServer,
    Turns,
    module_file,
)
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, must_rest
from crossloop.idioms.datagrams import DATAGRAM_BYTES
from crossloop.idioms.eventlet_names import RESOLVERS
from crossloop.idioms.select_size import places_left, set_size
from crossloop.idioms.sizes import READ_BYTES

if TYPE_CHECKING:  # who serves TLS only loads it
    import ssl

ABOUT = AdapterAbout(
    family="eventlet",
    library="none",
    binding="eventlet",
    summary="Greenlets on a hub in Python; in maintenance, and deprecated for new programs by its makers.",
    requires=("eventlet>=0.40",),
    homepage="https://eventlet.readthedocs.io/",
    asked_as="eventlet",
)

_Given = TypeVar("_Given")
_Done = TypeVar("_Done")

HUBS = {"epolls": "epoll", "kqueue": "kqueue", "poll": "poll", "selects": "select"}
"""Hub → what it waits by, in the order in which eventlet takes them by itself (`eventlet.hubs.get_default_hub`)."""
MANY = 1 << 20
"""Places of a pool: as many greenlets as a process has descriptors."""
DAY_S = 86_400.0

_HUBS_HERE = (*(hub for hub, mechanism in HUBS.items() if hasattr(select, mechanism)), "asyncio")


class Adapter(
    StreamServer,
    TlsServer,
    PushServer,
    HttpServer,
    Datagrams,
    Callbacks,
    Turns,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
):
    """eventlet's hub of this thread; nothing is monkey-patched."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": _HUBS_HERE,
        "TlsServer": _HUBS_HERE[:1],
        "PushServer": _HUBS_HERE[:1],
        "HttpServer": ("eventlet.wsgi",),
        "Datagrams": _HUBS_HERE[:1],
        "NameResolution": tuple(RESOLVERS),
    }
    lacks: ClassVar[Mapping[str, str]] = {
        "HttpClient": "eventlet's HTTP client is Python's (eventlet.green.http.client); it pools no connections",
        "Signals": "eventlet's hub takes no signals: a handler of Python's runs in whichever greenlet is current",
    }

    def __init__(self) -> None:
        self._style = ""
        self._watched: dict[tuple[str, int], Any] = {}
        self._running: Any = None
        self._stopping: Any = None
        self._calls: deque[Callback] = deque()
        self._tasks: Any = None
        self._tasks_ended: Any = None
        self._task_failures: list[BaseException] = []
        self._not_started: set[Coroutine[Any, Any, None]] = set()
        self._hearer, self._teller = socket.socketpair()
        self._hearer.setblocking(False)
        self._teller.setblocking(False)
        self.hub: Any = None
        self._use(_HUBS_HERE[0])
        self.cancel = operator.methodcaller("cancel")

    def facts(self) -> Facts:
        return Facts(
            binding="eventlet",
            binding_version=eventlet.__version__,
            library="none",
            library_version="",
            mechanism=self._mechanism(),
            loaded_from=module_file(eventlet),
        )

    def close(self) -> None:
        self._end_hub()
        self._hearer.close()
        self._teller.close()

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, lambda connection: _converse(connection, application()), style, stop)

    def most_connections(self) -> tuple[int, str] | None:
        return places_left(set_size(), 3) if _HUBS_HERE[0] == "selects" else None

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        from eventlet.green.ssl import GreenSSLSocket

        def handle(connection: Any) -> None:
            over_tls = GreenSSLSocket(
                connection, server_side=True, do_handshake_on_connect=False, _context=context
            )
            with contextlib.closing(over_tls):
                over_tls.do_handshake()
                _converse(over_tls, application())
                over_tls.unwrap()

        self._serve(listener, handle, style, stop)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        self._serve(listener, lambda connection: _converse_and_push(connection, application), style, stop)

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        from crossloop.idioms.http_eventlet import Server  # (of this level only)

        self._use(_HUBS_HERE[0])
        ended, failures = Event(), list[BaseException]()

        def fail(error: BaseException) -> None:
            failures.append(error)
            if not ended.ready():
                ended.send()

        with self._until(stop, ended), listener:
            server = Server(listener, site)
            serving = eventlet.spawn(_failing_with(fail, server.serve))
            try:
                ended.wait()
            finally:
                server.end_connections()
                serving.kill()
        if failures:
            raise failures[0]

    def http_facts(self, style: str) -> HttpFacts:
        from crossloop.idioms.http_eventlet import facts  # (of this level only)

        return facts()

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        self._use(style)
        ended, failures = Event(), list[BaseException]()

        def fail(error: BaseException) -> None:
            failures.append(error)
            if not ended.ready():
                ended.send()

        def answer() -> None:
            receiving = GreenSocket(endpoint)
            while True:
                data, peer = receiving.recvfrom(DATAGRAM_BYTES)
                if answer := application(data):
                    with contextlib.suppress(OSError):
                        endpoint.sendto(answer, peer)  # at once or not at all

        with self._until(stop, ended), endpoint:
            server = eventlet.spawn(_failing_with(fail, answer))
            try:
                ended.wait()
            finally:
                server.kill()
        if failures:
            raise failures[0]

    def watch(self, fd: int, callback: Callback) -> None:
        self._watch(READ, fd, callback)

    def unwatch(self, fd: int) -> None:
        self._unwatch(READ, fd)

    def watch_write(self, fd: int, callback: Callback) -> None:
        self._watch(WRITE, fd, callback)

    def unwatch_write(self, fd: int) -> None:
        self._unwatch(WRITE, fd)

    def call_later(self, delay_s: float, callback: Callback) -> Any:
        return self.hub.schedule_call_global(delay_s, callback)

    def rearm(self, handle: Any, delay_s: float, callback: Callback) -> Any:
        handle.cancel()
        return self.hub.schedule_call_global(delay_s, callback)

    def call_every(self, interval_s: float, callback: Callback) -> "_Repeating":
        return _Repeating(self.hub, interval_s, callback)

    def wake(self, callback: Callback) -> None:
        self._calls.append(callback)
        with contextlib.suppress(BlockingIOError):  # full of words that nobody has heard yet
            self._teller.send(b"w")

    def run(self) -> None:
        """The main greenlet leaves for the hub, until `stop` has the hub switch back."""
        self._running = eventlet.getcurrent()
        try:
            self.hub.switch()
        finally:
            self._running = None
            if self._stopping is not None:
                self._stopping.cancel()  # an exception came first
                self._stopping = None

    def stop(self) -> None:
        if self._running is not None and self._stopping is None:
            self._stopping = self.hub.schedule_call_global(0, self._running.switch)

    async def receive(self, sock: socket.socket, n: int) -> bytes:
        while True:
            try:
                return sock.recv(n)
            except BlockingIOError:
                hubs.trampoline(sock, read=True)

    async def send_all(self, sock: socket.socket, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[sock.send(left) :]
            except BlockingIOError:
                hubs.trampoline(sock, write=True)

    async def sleep(self, seconds: float) -> None:
        eventlet.sleep(seconds)

    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        self._not_started.add(task)
        return self._tasks.spawn_n(self._drive, task)

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        self._tasks, self._tasks_ended = GreenPool(MANY), Event()
        self.spawn(main)
        try:
            self._tasks_ended.wait()
        finally:
            for each in tuple(self._tasks.coroutines_running):
                eventlet.kill(each)
            while self._not_started:
                self._not_started.pop().close()
            failures, self._task_failures = self._task_failures, []
        if failures:
            raise failures[0]

    async def turn(self) -> None:
        eventlet.sleep(0)

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        """`eventlet.green.subprocess`, which looks every 10 ms whether a child has ended."""
        from eventlet.green.subprocess import DEVNULL, Popen

        def run(command: Sequence[str]) -> int:
            status: int = Popen(command, stdin=DEVNULL, stdout=DEVNULL).wait()
            return status

        return _all_of(run, commands, at_a_time)

    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        from eventlet.green.subprocess import DEVNULL, PIPE, Popen

        def read(command: Sequence[str]) -> int:
            with Popen(command, stdin=DEVNULL, stdout=PIPE) as child:
                try:
                    while data := child.stdout.read(READ_BYTES):
                        take(data)
                except BaseException:
                    child.kill()
                    raise
            status: int = child.returncode
            return status

        return _all_of(read, [command], 1)[0]

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """`eventlet.tpool`: a file is always ready, and its greenlet would block all others."""
        return _all_of(lambda path: tpool.execute(Path(path).read_bytes), paths, at_a_time)

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        """`eventlet.green.socket.getaddrinfo`: by greendns where dnspython is installed, else by `tpool`."""
        from eventlet.green.socket import getaddrinfo

        def look(_time: int) -> Sequence[tuple[Any, ...]]:
            return [address for *_, address in getaddrinfo(host, port, 0, socket.SOCK_STREAM)]

        return _all_of(look, range(times), 1)

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        ask = RESOLVERS[style](server, in_flight)
        return dict(zip(names, _all_of(ask, names, in_flight), strict=True))

    def _serve(
        self, listener: socket.socket, handle: Callable[[Any], None], style: str, stop: socket.socket
    ) -> None:
        """`accept` in one greenlet, and a greenlet of a `GreenPool` for each connection."""
        self._use(style)
        ended, failures = Event(), list[BaseException]()
        connections = GreenPool(MANY)
        limit = set_size() if style == "selects" else sys.maxsize

        def fail(error: BaseException) -> None:
            failures.append(error)
            if not ended.ready():
                ended.send()

        def serve(connection: Any) -> None:
            try:
                handle(connection)
            except OSError:  # the peer's reset; what TLS does not take
                pass
            except Exception as error:
                fail(error)
            finally:
                connection.close()

        def accept() -> None:
            accepting = GreenSocket(listener)
            while True:
                try:
                    connection, _address = accepting.accept()
                except OSError as error:
                    if must_rest(error):
                        eventlet.sleep(ACCEPT_PAUSE_S)
                else:
                    if _beyond(limit, connection, connections.running()):
                        connection.close()
                    else:
                        connections.spawn_n(serve, connection)

        with self._until(stop, ended), listener:
            server = eventlet.spawn(_failing_with(fail, accept))
            try:
                ended.wait()
            finally:
                server.kill()
                eventlet.sleep(0)  # a greenlet that never started would not close its connection
                for each in tuple(connections.coroutines_running):
                    eventlet.kill(each)
                connections.waitall()
        if failures:
            raise failures[0]

    @contextlib.contextmanager
    def _until(self, stop: socket.socket, ended: Any) -> Iterator[None]:
        """Have *ended*, an `Event`, sent once *stop* is readable."""

        def wait() -> None:
            hubs.trampoline(stop, read=True)
            if not ended.ready():
                ended.send()

        waiting = eventlet.spawn(wait)
        try:
            yield
        finally:
            waiting.kill()

    def _watch(self, kind: str, fd: int, callback: Callback) -> None:
        self._unwatch(kind, fd)
        self._watched[kind, fd] = self.hub.add(kind, fd, callback, _nothing, _nothing)

    def _unwatch(self, kind: str, fd: int) -> None:
        listener = self._watched.pop((kind, fd), None)
        if listener is not None:
            self.hub.remove(listener)
            listener.defang()  # it may be among those that are called in this turn

    def _run_calls(self, *_: object) -> None:
        """Run what was there on entry; what is added meanwhile has the next turn of the hub."""
        with contextlib.suppress(BlockingIOError):
            self._hearer.recv(4096)
        calls = self._calls
        try:
            for _each in range(len(calls)):
                calls.popleft()()
        finally:
            if calls:
                with contextlib.suppress(BlockingIOError):
                    self._teller.send(b"w")

    def _drive(self, task: Coroutine[Any, Any, None]) -> None:
        self._not_started.discard(task)
        try:
            task.send(None)
        except StopIteration:
            pass
        except Exception as error:
            self._task_failures.append(error)
        else:
            task.close()
            self._task_failures.append(
                RuntimeError("a task was suspended by something other than this adapter's members")
            )
        if (self._task_failures or self._tasks.running() == 1) and not self._tasks_ended.ready():
            self._tasks_ended.send()

    def _use(self, style: str) -> None:
        """Have the hub of *style* in this thread, in the place of another one."""
        if self._style == style:
            return
        if self._style:
            self._end_hub()
        self._style = style
        hubs.use_hub(style)
        self.hub = hub = hubs.get_hub()
        self.call_soon = functools.partial(hub.schedule_call_global, 0)
        hub.squelch_exception = hub.squelch_generic_exception = hub.squelch_timer_exception = _raise
        self._watch(READ, self._hearer.fileno(), self._run_calls)
        self._company = self._stay()

    def _stay(self) -> Any:
        """A timer that keeps the hub from waiting for one that is farther than epoll and poll can wait."""
        self._company = self.hub.schedule_call_global(DAY_S, self._stay)
        return self._company

    def _end_hub(self) -> None:
        tpool.killall()  # its answers come by a socket that the hub watches
        self._company.cancel()
        for kind, fd in tuple(self._watched):
            self._unwatch(kind, fd)
        if self.hub.running:
            self.hub.abort(wait=True)
        for name in ("poll", "loop"):
            if close := getattr(getattr(self.hub, name, None), "close", None):
                close()

    def _mechanism(self) -> str:
        if self._style in HUBS:
            return HUBS[self._style]
        return type(self.hub.loop._selector).__name__.removesuffix("Selector").lower()


class _Repeating:
    """A timer that starts the next one when it fires; the next one counts from then."""

    def __init__(self, hub: BaseHub, interval_s: float, callback: Callback) -> None:
        self._hub, self._interval_s, self._callback = hub, interval_s, callback
        self._timer = hub.schedule_call_global(interval_s, self._fire)

    def _fire(self) -> None:
        self._timer = self._hub.schedule_call_global(self._interval_s, self._fire)
        self._callback()

    def cancel(self) -> None:
        self._timer.cancel()


def _converse(connection: Any, receive: Receive) -> None:
    """Answer until the peer's end of file. Raises OSError at a reset while it sends."""
    read, send_all = connection.recv, connection.sendall
    while data := read(READ_BYTES):
        if answer := receive(data):
            send_all(answer)


def _converse_and_push(connection: Any, application: PushApplication) -> None:
    """As `_converse`; what is sent meanwhile goes out as well, by a greenlet of its own."""
    unsent = Queue()
    ended = False

    def push(data: bytes) -> None:
        if data and not ended:
            unsent.put(data)

    def send_all() -> None:
        while True:
            data = unsent.get()
            with contextlib.suppress(OSError):  # the reader sees it, too
                connection.sendall(data)
            unsent.task_done()

    receive = application(push)
    sender = eventlet.spawn(send_all)
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


def _failing_with(fail: Callable[[BaseException], None], work: Callable[[], None]) -> Callable[[], None]:
    """*work*, whose exception goes to *fail* and not to the hub."""

    def run() -> None:
        try:
            work()
        except Exception as error:
            fail(error)

    return run


def _all_of(do: Callable[[_Given], _Done], given: Sequence[_Given], at_a_time: int) -> list[_Done]:
    """What *do* returns for each of *given*, in at most *at_a_time* greenlets.

    Raises the first failure, once none is at work.
    """
    errors: list[Exception] = []

    def attempt(each: _Given) -> Any:
        try:
            return None if errors else do(each)
        except Exception as error:  # raised below: what a greenlet raises, the hub hears of as well
            errors.append(error)

    pool = GreenPool(at_a_time)
    try:
        greenlets = [pool.spawn(attempt, each) for each in given]  # waits while all are at work
        done: list[_Done] = [each.wait() for each in greenlets]
    finally:
        for each in tuple(pool.coroutines_running):
            eventlet.kill(each)
    if errors:
        raise errors[0]
    return done


def _beyond(limit: int, connection: Any, held: int) -> bool:
    """Whether select cannot watch it: by its number, on Windows by how many there are."""
    return bool(held + 4 > limit if sys.platform == "win32" else connection.fileno() >= limit)


def _raise(*arguments: Any) -> None:
    """In the place of the hub's methods that print an exception, which they are given last."""
    _kind, error, _traceback = arguments[-1]
    raise error


def _nothing(*_: object) -> None:
    """Where the hub wants to tell that a descriptor was given out again."""
