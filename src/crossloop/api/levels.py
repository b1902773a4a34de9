"""The levels: ways to program an event library, each the contract of one kind of scenario.

An adapter is a class named `Adapter` that derives from the levels that are natural to its library.
Deriving from a level and giving its members *is* the declaration of the capability; a single member
that cannot be had is `unsupported("why")`, which raises `UnsupportedError` when it is called.

The shared code must cost nothing, hence two habits:

- members of `Readiness` are attributes, so that an adapter hands out its library's own bound
  callables (`self.watch = loop.add_reader`) and no frame of ours stands between;
- a callback is called with *whatever the library passes* (asyncio: nothing; pyev: the watcher and the
  events), so callbacks of scenarios accept `*_` instead of being wrapped.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeAlias

from crossloop.api.errors import UnsupportedError
from crossloop.api.facts import Facts
from crossloop.api.http import HttpFacts, HttpSite
from crossloop.api.streams import DatagramApplication, PushApplication, StreamApplication

if TYPE_CHECKING:  # a worker that serves no TLS does not load it
    import ssl

Callback: TypeAlias = Callable[..., object]


def unsupported(reason: str) -> Callable[..., NoReturn]:
    """A member that cannot be had here: calling it raises `UnsupportedError(reason)`."""

    def refuse(*_args: object, **_keywords: object) -> NoReturn:
        raise UnsupportedError(reason)

    return refuse


class Adapter(ABC):
    """One way of waiting for I/O, open in this process.

    A worker makes one; another may be made after `close`, which leaves no descriptor and no thread behind.
    What the library cannot do is `UnsupportedError`, from `__init__` or from the call; a missing module or
    C library is `ImportError`.
    """

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Level → ways that the library offers to program it, the recommended one first; each is a row of its own. A level
    that is not named has one, `native`. Each once, of at most 40 letters, digits and `_.+-`."""
    lacks: ClassVar[Mapping[str, str]] = {}
    """Level that it does not offer → why: what the library lacks. Said where a scenario needs the level, and true also
    of a level that the class inherits from its idiom."""
    entered_once: ClassVar[Mapping[str, str]] = {}
    """Level that can be entered only once in a process, because the library cannot start again → why."""

    @abstractmethod
    def facts(self) -> Facts:
        """Ask the library and the kernel. Called once the loop exists and, again, after it ran."""

    @abstractmethod
    def close(self) -> None:
        """Release the loop and everything the adapter opened. Not called twice."""


class StreamServer(Adapter):
    """Accept and serve stream connections in the library's own idiom."""

    @abstractmethod
    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve every connection to *listener* until *stop* becomes readable, then close all and return.

        *listener* is bound, listening and non-blocking, with TCP_NODELAY set where accepted sockets
        inherit it. *stop* is a non-blocking socket to watch for readability by the library's own
        means. A peer's reset ends its connection and nothing else; nothing is written to stderr.
        Backpressure is honoured: when a peer does not read, its connection is not read from either.
        At a peer's end of file what came before is answered, then the connection is closed. Stopping
        does not wait for what a peer has not read. The listener is closed on return; with another
        one the method may be called again. An exception of *application* ends the call and is raised.
        Past `most_connections` a connection is closed, or the call ends with UnsupportedError: nobody is
        left waiting.
        """

    def most_connections(self) -> tuple[int, str] | None:
        """How many connections the server can hold at once, as this process is now, and why not more.

        None, unless overridden: the model sets no bound of its own. What bounds every adapter alike, such as
        the limit of open descriptors, does not count. Asked once the listener is open; whoever wants more
        connections is refused with the reason before the first is opened.
        """
        return None


class TlsServer(Adapter):
    """Accept and serve stream connections over TLS, by the library's own means for it."""

    @abstractmethod
    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        """As `StreamServer.serve_streams`; *context* is a server's. *application* gets and gives plain bytes.

        For a library that takes no context of Python's, the engine's has an attribute `certificate`: the file with the
        key and the chain that it was made of (PEM).

        A handshake that fails, or a record that is no record, ends its connection and nothing else: an alert at most
        is sent, and what comes then is passed over. At a peer's close_notify (RFC 8446, 6.1) what came before is
        answered, then the server's own is sent, and nothing after it. The transport closes then or when the peer
        closes it.
        """


class PushServer(Adapter):
    """Serve stream connections whose application sends when it likes, not as an answer alone."""

    @abstractmethod
    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        """As `StreamServer.serve_streams`. What is sent on a connection goes out in order, answers included.

        A peer that does not read does not keep the others waiting.
        """


class HttpServer(Adapter):
    """Serve a web site by the servers that people run on the library. Each is a style, named as its package is."""

    @abstractmethod
    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        """As `StreamServer.serve_streams`, but that the server and a program for it make the answers.

        The program is one of the kind that the server's documentation shows, and the server has its defaults, save for
        logs, which are off, and signals, which it leaves alone. A GET of a page is answered by 200 and its body, HEAD
        by no body, any other path by 404. A connection is kept (RFC 9112, section 9.3). What is no HTTP ends its
        connection, or has an answer of 400 to 499.
        Raises ImportError where the server, or the parser that it is to have, is not installed.
        """

    @abstractmethod
    def http_facts(self, style: str) -> HttpFacts:
        """Server and parser of *style*, as `serve_http` takes them in this process. Raises ImportError."""


class HttpClient(Adapter):
    """Ask a web server by the clients that people run on the library. Each is a style, named as its package is."""

    @abstractmethod
    def get_pages(
        self, style: str, server: tuple[str, int], paths: Sequence[str], in_flight: int
    ) -> Sequence[bytes]:
        """GET each of *paths* from the web *server*, at most *in_flight* at a time; the bodies, in their order.

        Connections are kept from call to call, while *style*, *server* and *in_flight* stay; they end with another one,
        or with the adapter. Raises CheckFailedError for an answer that is not 200, ImportError where the client is not
        installed, and what the client raises.
        """


class Datagrams(Adapter):
    """Answer datagrams (UDP) in the library's own idiom."""

    @abstractmethod
    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        """Answer every datagram to *endpoint*, to its sender, until *stop* becomes readable; then close and return.

        *endpoint* is bound, not connected, and non-blocking. An answer that the kernel does not take at once is
        dropped, as a network would. An error of one peer (ICMP, "port unreachable") is no error of the others.
        """


class Readiness(Adapter):
    """Descriptors, timers and wake-ups: what a C library or another event loop is driven with.

    All callables are set in `__init__`. Times are seconds as the library takes them, durations only, and
    count from the call, not from a clock that the loop read earlier; one may be years, or infinite for a timer
    that never fires. `fd` is an int; on Windows it is a socket's handle. Callbacks take `*_` (see the module's
    head); hence `stop` itself is no callback: pyev and libevent would hand it arguments. An exception of a callback
    leaves `run` as it is.
    """

    watch: Callable[[int, Callback], object]
    """`watch(fd, callback)`: call back whenever *fd* is readable, level-triggered, until `unwatch(fd)`. Watched
    again, it calls back the new one alone."""
    unwatch: Callable[[int], object]
    """`unwatch(fd)`: stop watching *fd* for reading; harmless when it is not watched; must precede closing it.

    What becomes of a watch whose descriptor is closed first is a library's affair: some forget it, some spin, some
    raise. The mechanisms that are this suite's (`crossloop.idioms.multiplexing`, `sigio`, `iouring`) drop the number
    and go on."""
    watch_write: Callable[[int, Callback], object]
    """`watch_write(fd, callback)`: as `watch`, for writability; both may be on for one fd."""
    unwatch_write: Callable[[int], object]
    call_later: Callable[[float, Callback], Any]
    """`call_later(delay_s, callback)` → handle of a one-shot timer that is running."""
    cancel: Callable[[Any], object]
    """`cancel(handle)`: stop a timer, one-shot or repeating; harmless after it fired or was cancelled."""
    rearm: Callable[[Any, float, Callback], Any]
    """`rearm(handle, delay_s, callback)` → handle: push a one-shot timer back, by the cheapest way the
    library has; *callback* is the one it was made with. Also valid when the timer has fired."""
    call_every: Callable[[float, Callback], Any]
    """`call_every(interval_s, callback)` → handle of a repeating timer; end it with `cancel`."""
    wake: Callable[[Callback], object]
    """`wake(callback)`: the only thread-safe member: have *callback* run soon in the loop's thread.
    Every call leads to one run of its callback, in order per calling thread."""
    run: Callable[[], object]
    """Run the loop in the calling thread until `stop`; may be called again afterwards, also after a failure."""
    stop: Callable[[], object]
    """From within a callback: let `run` return soon. What is watched stays watched."""


class Callbacks(Readiness):
    """A loop that keeps a queue of what it calls next: the way that libraries hand work to a later turn.

    It is run and stopped as `Readiness` is; `wake` is the thread-safe counterpart of `call_soon`.
    """

    call_soon: Callable[..., object]
    """`call_soon(callback, *arguments)`: call `callback(*arguments)` in a coming turn of the loop, and not at once.
    Each call leads to one run, in the order of the calls. Descriptors and timers have their turn as well, however often
    a callback schedules itself. Not to be called from another thread. An exception leaves `run`; what was to come after
    it is called in that run or in the next."""


class Tasks(Adapter):
    """Sequential code, many at a time: coroutines, greenlets or threads that receive and send.

    A scenario writes `async def main(tasks)` and awaits the members below, on non-blocking sockets. A
    library with coroutines suspends there; one with greenlets or threads blocks inside the call and hands
    back what is done already, and runs the coroutine by `send(None)`, which it never suspends.
    """

    receive: Callable[[socket.socket, int], Awaitable[bytes]]
    """`await receive(sock, n)` → at most *n* bytes; empty at end of file."""
    send_all: Callable[[socket.socket, bytes], Awaitable[None]]
    """`await send_all(sock, data)`: all of *data* is handed to the kernel on return."""
    sleep: Callable[[float], Awaitable[None]]
    """`await sleep(seconds)`."""

    @abstractmethod
    def spawn(self, task: Coroutine[Any, Any, None]) -> object:
        """Start *task* concurrently; returns without waiting. Its exception makes `run_main` raise."""

    @abstractmethod
    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        """Run *main* and everything it spawned to completion; the first exception is raised."""


class Turns(Tasks):
    """Tasks that take turns: each goes on until it waits or gives way, and then the others that are ready go on."""

    turn: Callable[[], Awaitable[None]]
    """`await turn()`: give way to the tasks that are ready, by the call that the library's documentation names for it.
    Of tasks that do nothing else none is more than one turn ahead of another. Sockets and timers have their turn as
    well, however often a task gives way."""


class Signals(Adapter):
    """Signals that the loop hands on, by the library's own means."""

    @abstractmethod
    def hear_signals(self, number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        """Call *heard* for each arrival of the signal *number*, until it returns True.

        *begin* is called once, when the signal is handled and the loop runs. Both are called by the loop, as its
        callbacks are, and not by the interpreter in the middle of something. Arrivals between two calls are one. On
        return the signal has the system's default handling again, as it must have had before. An exception of
        either ends the call and is raised. To be called in the main thread. Raises `UnsupportedError` where the
        platform or the library has no such signal.
        """


class ChildProcesses(Adapter):
    """Programs as child processes: started, read from and waited for by the library's own means."""

    @abstractmethod
    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        """Run each of *commands*, at most *at_a_time* at once; returns their exit statuses, in the order of *commands*.

        The status of one that a signal ended is the signal's number below zero, as in `subprocess`. They have no
        input, and their standard output goes nowhere. All are waited for. Raises `OSError` for one that cannot be
        started.
        """

    @abstractmethod
    def read_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        """Run *command* and hand what it writes to its standard output to *take*, piece by piece; returns its status.

        Pieces are as large as the library makes them. An exception of *take* is raised once the child has been
        ended and waited for.
        """


class FileReads(Adapter):
    """Files that are read while the loop goes on, by the way that the library's documentation names."""

    @abstractmethod
    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        """Read each of *paths* whole, *at_a_time* at once; returns their contents in the order of *paths*.

        Raises `OSError` for one that cannot be read.
        """


class AddressLookups(Adapter):
    """What `getaddrinfo` is to a program of the library, in the library's own configuration."""

    @abstractmethod
    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        """Look up *host* and *port* for streams, *times* times, one after another; returns the addresses of each.

        An address is as a socket takes it: host, port, and for IPv6 two numbers more. Raises `socket.gaierror` for a
        name that has none.
        """


class NameResolution(Adapter):
    """Host names to addresses by the library's own resolvers; its styles are those beside c-ares on readiness."""

    @abstractmethod
    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        """Resolve each of *names* (A records) at the DNS *server*, at most *in_flight* at a time.

        Returns name → addresses as text, or name → the error number of its failure (`EAI_*`).
        Raises `UnsupportedError` where the resolver cannot be pointed at *server*.
        """


_LEVELS: tuple[type[Adapter], ...] = (
    StreamServer,
    TlsServer,
    PushServer,
    HttpServer,
    HttpClient,
    Datagrams,
    Readiness,
    Callbacks,
    Tasks,
    Turns,
    Signals,
    ChildProcesses,
    FileReads,
    AddressLookups,
    NameResolution,
)


LEVEL_NAMES = tuple(level.__name__ for level in _LEVELS)
"""What a scenario may be written for."""


def lacks_of(adapter: type[Adapter]) -> dict[str, str]:
    """Level → why, of each that an adapter's class does not offer and says why of. A level that extends one which is
    lacked (`Callbacks` extends `Readiness`) is lacked for the same reason, unless it has its own."""
    offered = styles_of(adapter)
    whys = {level.__name__: _why_lacking(adapter, level) for level in _LEVELS}
    return {name: why for name, why in whys.items() if why and name not in offered}


def styles_of(adapter: type[Adapter]) -> dict[str, tuple[str, ...]]:
    """Level → styles, of each level that an adapter's class offers and does not lack, in the order of this module."""
    offered = [
        level.__name__ for level in _LEVELS if issubclass(adapter, level) and not _why_lacking(adapter, level)
    ]
    return {name: adapter.styles.get(name, ("native",)) for name in offered}


def _why_lacking(adapter: type[Adapter], level: type[Adapter]) -> str:
    """What the adapter's class says of *level*, or of one that it extends; empty where it says nothing."""
    reasons = (adapter.lacks.get(kind.__name__, "") for kind in level.__mro__)
    return next(filter(None, reasons), "")
