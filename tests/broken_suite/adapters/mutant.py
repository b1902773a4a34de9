"""asyncio's adapter with one thing broken, named by CROSSLOOP_MUTATION.

Each mutation is a defect that a real adapter could have; the tests show that a promise notices it.
Without a mutation it works.
"""

import asyncio
import contextlib
import dataclasses
import faulthandler
import itertools
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from crossloop.api import (
    AdapterAbout,
    Callback,
    DatagramApplication,
    HttpFacts,
    HttpSite,
    PushApplication,
    Receive,
    Send,
    StreamApplication,
    UnsupportedError,
    unsupported,
)
from crossloop.idioms.asyncio_ import StandardLoop

sys.path.append(str(Path(__file__).parents[3]))  # a worker's path has the suite and what is installed
from tests import web_client, web_server

ABOUT = AdapterAbout(family="broken", library="none", binding="asyncio", summary="Broken on purpose.")


class Adapter(StandardLoop):
    """The working adapter; `__init__` breaks it."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "StreamServer": ("protocol",),
        "TlsServer": ("protocol",),
        "PushServer": ("protocol",),
        "HttpServer": (web_server.STYLE,),
        "HttpClient": (web_server.STYLE,),
        "Datagrams": ("protocol",),
        "NameResolution": ("getaddrinfo-threads",),
    }

    def __init__(self) -> None:
        super().__init__(asyncio.SelectorEventLoop())  # which watches descriptors on Windows, too
        self.wrap: Callable[[StreamApplication], StreamApplication] = lambda application: application
        self.wrap_push: Callable[[PushApplication], PushApplication] = lambda application: application
        self.wrap_datagrams: Callable[[DatagramApplication], DatagramApplication] = lambda each: each
        self.web_faults = web_server.Faults()
        self.client_faults = web_client.Faults()
        self.client: web_client.WebClient | None = None
        self.tickets = 2
        self.more_in_flight = 0
        self.before_serving: Callable[[], object] = lambda: None
        self.stop_heard = True
        self.early_end = False
        name = os.environ.get("CROSSLOOP_MUTATION", "")
        if name:
            MUTATIONS[name](self)

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        self.before_serving()
        if not self.stop_heard:
            stop, self.never = socket.socketpair()
        super().serve_streams(listener, self.wrap(application), style, stop)

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: ssl.SSLContext,
    ) -> None:
        context.num_tickets = self.tickets
        super().serve_tls(listener, application, style, stop, context)

    def serve_push(
        self, listener: socket.socket, application: PushApplication, style: str, stop: socket.socket
    ) -> None:
        super().serve_push(listener, self.wrap_push(application), style, stop)

    def serve_http(self, listener: socket.socket, site: HttpSite, style: str, stop: socket.socket) -> None:
        self.run_main(web_server.WebServer(site, self.web_faults).serve(listener, stop))
        listener.close()

    def get_pages(
        self, style: str, server: tuple[str, int], paths: Sequence[str], in_flight: int
    ) -> Sequence[bytes]:
        if self.client is None or self.client.made_for != (server, in_flight):
            if self.client is not None:
                self.client.close()
            self.client = web_client.WebClient(server, in_flight, self.client_faults)
        return self.client.get_all(paths)

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        super().close()

    def http_facts(self, style: str) -> HttpFacts:
        return web_server.facts(self.web_faults)

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        super().serve_datagrams(endpoint, self.wrap_datagrams(application), style, stop)

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        return super().resolve(style, server, names, in_flight + self.more_in_flight)

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        if self.early_end:
            self.loop.run_until_complete(main)
        else:
            super().run_main(main)


class Unbounded(Adapter):
    """Reads whatever comes and keeps it until it can be written: no backpressure."""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        queues: dict[socket.socket, deque[bytes]] = {}
        while True:
            waiting = [sock for sock, queue in queues.items() if queue]
            readable, writable, _ = select.select([listener, stop, *queues], waiting, [])
            if stop in readable:
                break
            for sock in readable:
                if sock is listener:
                    queues[listener.accept()[0]] = deque()
                elif data := sock.recv(1 << 18):
                    queues[sock].append(data)
            for sock in writable:
                sock.setblocking(False)
                sent = sock.send(queues[sock][0])
                if sent == len(queues[sock][0]):
                    queues[sock].popleft()
                else:
                    queues[sock][0] = queues[sock][0][sent:]
        for sock in queues:
            sock.close()


class Hoarding(Adapter):
    """Ends a connection for its peer, and never closes its own end."""

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        receives: dict[socket.socket, Receive] = {}
        while True:
            readable, _, _ = select.select([listener, stop, *receives], [], [])
            if stop in readable:
                break
            for sock in readable:
                if sock is listener:
                    receives[listener.accept()[0]] = application()
                    continue
                with contextlib.suppress(OSError):
                    if data := sock.recv(1 << 18):
                        sock.sendall(receives[sock](data))
                        continue
                    sock.shutdown(socket.SHUT_RDWR)
                ENDED.append(sock)
                del receives[sock]


ENDED: list[socket.socket] = []


def wrong_web(**faults: object) -> Callable[[Adapter], None]:
    """The web server by hand, with *faults*."""

    def break_it(adapter: Adapter) -> None:
        adapter.web_faults = web_server.Faults(**faults)  # type: ignore[arg-type]  # a fault's own type

    return break_it


def wrong_client(**faults: object) -> Callable[[Adapter], None]:
    """The web client by hand, with *faults*."""

    def break_it(adapter: Adapter) -> None:
        adapter.client_faults = web_client.Faults(**faults)  # type: ignore[arg-type]  # a fault's own type

    return break_it


def no_web_server(adapter: Adapter) -> None:
    """As where the package of the server is missing."""

    def missing(_style: str) -> HttpFacts:
        import nosuchserver  # type: ignore[import-not-found]

        facts: HttpFacts = nosuchserver.facts()
        return facts

    adapter.http_facts = missing  # type: ignore[method-assign, assignment]


def each(number: int, change: Callable[[bytes], bytes]) -> Callable[[StreamApplication], StreamApplication]:
    """Change one answer in *number*, counted over all connections."""
    counter = itertools.count(1)

    def broken(application: StreamApplication) -> StreamApplication:
        def connection() -> Receive:
            receive = application()
            return lambda data: receive(data) if next(counter) % number else change(receive(data))

        return connection

    return broken


def stalling(adapter: Adapter) -> None:
    """Stop for 50 ms each second."""

    def stall() -> None:
        time.sleep(0.05)
        adapter.loop.call_later(1.0, stall)

    adapter.loop.call_later(1.0, stall)


def losing_wake(adapter: Adapter) -> None:
    wake, counter = adapter.wake, itertools.count(1)
    adapter.wake = lambda callback: wake(callback) if next(counter) % 20_000 else None


def false(**changes: object) -> Callable[[Adapter], None]:
    """State facts that are not so."""

    def lie(adapter: Adapter) -> None:
        facts = adapter.facts
        adapter.facts = lambda: dataclasses.replace(facts(), **changes)  # type: ignore[method-assign, arg-type]  # lies

    return lie


def losing(application: StreamApplication) -> StreamApplication:
    def connection() -> Receive:
        receive = application()
        return lambda data: receive(data)[:-1] if len(data) > 50 else receive(data)

    return connection


def shared(application: StreamApplication) -> StreamApplication:
    instance = application()
    return lambda: instance


def ending_twice(application: PushApplication) -> PushApplication:
    def connection(send: Send) -> Receive:
        receive = application(send)
        return lambda data: receive(data) or (b"" if data else receive(data))

    return connection


def one_shot(adapter: Adapter) -> None:
    loop = adapter.loop

    def watch(fd: int, callback: Callback) -> None:
        def once() -> None:
            loop.remove_reader(fd)
            callback()

        loop.add_reader(fd, once)

    adapter.watch = watch


def busy(adapter: Adapter) -> None:
    def again() -> None:
        adapter.loop.call_soon(again)

    again()


def from_wrong_thread(adapter: Adapter) -> None:
    adapter.wake = lambda callback: callback()


def forgetful(adapter: Adapter) -> None:
    wake, seen = adapter.wake, set[Callback]()

    def wake_once(callback: Callback) -> None:
        if callback not in seen:
            seen.add(callback)
            wake(callback)

    adapter.wake = wake_once


def swapping_soon(adapter: Adapter) -> None:
    """Put two calls in the wrong order, once in 100."""
    call_soon, counter, held = adapter.loop.call_soon, itertools.count(1), []

    def swapped(callback: Callback, *arguments: Any) -> None:
        if next(counter) % 100 == 0:
            held.append((callback, arguments))
            return
        call_soon(callback, *arguments)
        while held:
            late, with_ = held.pop()
            call_soon(late, *with_)

    adapter.call_soon = swapped


def greedy_soon(adapter: Adapter) -> None:
    """Work off the queue until there is nothing in it, what is added meanwhile too."""
    calls: deque[tuple[Callback, tuple[Any, ...]]] = deque()

    def work_off() -> None:
        while calls:
            callback, arguments = calls[0]
            try:
                callback(*arguments)
            finally:
                calls.popleft()

    def soon(callback: Callback, *arguments: Any) -> None:
        if not calls:
            adapter.loop.call_soon(work_off)
        calls.append((callback, arguments))

    adapter.call_soon = soon


def forgetful_soon(adapter: Adapter) -> None:
    call_soon, seen = adapter.call_soon, set[Callback]()

    def soon_once(callback: Callback, *arguments: Any) -> None:
        if callback not in seen:
            seen.add(callback)
            call_soon(callback, *arguments)

    adapter.call_soon = soon_once


def deaf_to_one(adapter: Adapter) -> None:
    """Not hear one signal in seven."""
    hear, counter = adapter.hear_signals, itertools.count(1)

    def hear_most(number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        hear(number, begin, lambda: next(counter) % 7 != 0 and heard())

    adapter.hear_signals = hear_most  # type: ignore[method-assign]


def sleepy_handler(adapter: Adapter) -> None:
    """Handle signals by a function that does not wake the loop, which something else does late."""

    def hear(number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        def arrived() -> None:
            if heard():
                adapter.loop.stop()

        before = signal.signal(number, lambda *_: adapter.loop.call_soon(arrived))
        timer = adapter.loop.call_later(5.5, lambda: None)
        adapter.loop.call_soon(begin)
        try:
            adapter.run()
        finally:
            timer.cancel()
            signal.signal(number, before)

    adapter.hear_signals = hear  # type: ignore[method-assign]


def keeping_handler(adapter: Adapter) -> None:
    """Leave the handler of the signal in place."""
    hear = adapter.hear_signals

    def hear_and_keep(number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        hear(number, begin, heard)
        adapter.loop.add_signal_handler(number, lambda: None)

    adapter.hear_signals = hear_and_keep  # type: ignore[method-assign]


class Parent(Adapter):
    """Children that are run with `statuses`, `more` and `read` in between."""

    mutation = ""

    def run_children(self, commands: Sequence[Sequence[str]], at_a_time: int) -> Sequence[int]:
        if self.mutation == "leaky-children":
            KEPT.append(socket.socketpair())
        statuses = list(
            super().run_children(commands, at_a_time * 9 if self.mutation == "crowd" else at_a_time)
        )
        return {"mixed-statuses": statuses[::-1], "unsigned": [abs(status) for status in statuses]}.get(
            self.mutation, statuses
        )

    async def run_child(self, command: Sequence[str]) -> int:
        try:
            return await super().run_child(command)
        except OSError:
            if self.mutation == "silent-start":
                return 127
            raise

    async def read_from_child(self, command: Sequence[str], take: Callable[[bytes], object]) -> int:
        if self.mutation == "orphans":
            child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            assert child.stdout is not None
            KEPT_CHILDREN.append(child)
            take(await child.stdout.read(10))
        cut = self.mutation == "cut-output"
        return await super().read_from_child(command, lambda data: take(data[:-1] if cut else data))


KEPT_CHILDREN: list[asyncio.subprocess.Process] = []


def parent(mutation: str) -> Callable[[Adapter], None]:
    def change(adapter: Adapter) -> None:
        adapter.__class__ = type("Mutant", (Parent,), {"mutation": mutation})

    return change


class Reader(Adapter):
    """Files and lookups with a mistake."""

    mutation = ""

    def read_files(self, paths: Sequence[str], at_a_time: int) -> Sequence[bytes]:
        if self.mutation == "reading-in-the-loop":
            return [Path(path).read_bytes() for path in paths]
        there = [path for path in paths if self.mutation != "quiet-files" or Path(path).exists()]
        return [
            content[:65536] if self.mutation == "cut-files" else content
            for content in super().read_files(there, at_a_time)
        ]

    def look_up(self, host: str, port: int, times: int) -> Sequence[Sequence[tuple[Any, ...]]]:
        try:
            answers = super().look_up(host, port, times)
        except socket.gaierror:
            if self.mutation == "quiet-lookups":
                return []
            raise
        if self.mutation == "swapped-port":
            return [
                [(name, port >> 8 | (port & 255) << 8, *rest) for name, port, *rest in infos]
                for infos in answers
            ]
        return answers


def reader(mutation: str) -> Callable[[Adapter], None]:
    def change(adapter: Adapter) -> None:
        adapter.__class__ = type("Mutant", (Reader,), {"mutation": mutation})

    return change


async def no_turn() -> None:
    """Give way to nobody."""


def partial_send(adapter: Adapter) -> None:
    async def send(sock: socket.socket, data: bytes) -> None:
        sock.send(data)

    adapter.send_all = send


def leaky(adapter: Adapter) -> None:
    KEPT.append(socket.socketpair())


SEGFAULT = getattr(faulthandler, "_sigsegv")  # noqa: B009  (CPython's own, without a published type)
"""A read of address zero by ctypes is an OSError on Windows."""
KEPT: list[tuple[socket.socket, socket.socket]] = []


def flood() -> None:
    for _ in range(100):
        sys.stdout.write("all work and no play\n" * 50_000)


def refuse() -> None:
    raise UnsupportedError("no style of this library serves streams")


MUTATIONS: dict[str, Callable[[Adapter], object]] = {
    # streams
    "losing": lambda adapter: setattr(adapter, "wrap", losing),
    "shared-state": lambda adapter: setattr(adapter, "wrap", shared),
    "hoarding": lambda adapter: setattr(adapter, "__class__", Hoarding),
    "dropping": lambda adapter: setattr(adapter, "wrap", each(5_000, lambda _data: b"")),
    "doubling": lambda adapter: setattr(adapter, "wrap", each(5_000, lambda data: data * 2)),
    "stalling": stalling,
    "deaf": lambda adapter: setattr(adapter, "stop_heard", False),
    "unbounded": lambda adapter: setattr(adapter, "__class__", Unbounded),
    "noisy": lambda adapter: setattr(adapter, "before_serving", lambda: print("served", file=sys.stderr)),
    "flooding": lambda adapter: setattr(adapter, "before_serving", flood),
    "crashing": lambda adapter: setattr(adapter, "before_serving", SEGFAULT),
    "exiting": lambda adapter: setattr(adapter, "before_serving", lambda: os._exit(7)),
    "hanging": lambda adapter: setattr(adapter, "before_serving", threading.Event().wait),
    "refusing": lambda adapter: setattr(adapter, "before_serving", refuse),
    "raising": lambda adapter: setattr(adapter, "before_serving", lambda: dict[str, str]()["no such key"]),
    # other servers
    "ticketless": lambda adapter: setattr(adapter, "tickets", 0),
    "ending-twice": lambda adapter: setattr(adapter, "wrap_push", ending_twice),
    "chatty": lambda adapter: setattr(
        adapter, "wrap_datagrams", lambda application: lambda data: application(data) or b"?"
    ),
    "web-changing": wrong_web(changed_every=7),
    "web-closing": wrong_web(closes=True),
    "web-swapping": wrong_web(swaps=True),
    "web-finding": wrong_web(wrong_status=200),
    "web-body-for-head": wrong_web(body_for_head=True),
    "web-noisy": wrong_web(noisy=True),
    "web-hoarding": wrong_web(hoards=True),
    "web-greedy": wrong_web(reads_on=True),
    "web-lingering": wrong_web(lingers=True),
    "web-false-parser": wrong_web(parser="httptools.parser.parser.HttpRequestParser"),
    "web-false-library": wrong_web(parser="parse", library="libnowhere.so.1"),
    "web-missing": no_web_server,
    "client-reversing": wrong_client(reverses=True),
    "client-forgetting": wrong_client(forgets=True),
    "client-greedy": wrong_client(more=1),
    "client-lenient": wrong_client(lenient=True),
    # names
    "greedy": lambda adapter: setattr(adapter, "more_in_flight", 1),
    # readiness
    "one-shot": one_shot,
    "watch-unsupported": lambda adapter: setattr(adapter, "watch", unsupported("completions only")),
    "unwatch-ignored": lambda adapter: setattr(adapter, "unwatch", lambda _fd: None),
    "early": lambda adapter: setattr(
        adapter, "call_later", lambda delay_s, *rest: adapter.loop.call_later(delay_s * 0.8, *rest)
    ),
    "short-sighted": lambda adapter: setattr(
        adapter,
        "call_later",
        lambda delay_s, *rest: adapter.loop.call_later(delay_s if delay_s < 2**31 / 1000 else 0, *rest),
    ),
    "late-cancel": lambda adapter: setattr(adapter, "cancel", lambda _handle: None),
    "lazy-rearm": lambda adapter: setattr(adapter, "rearm", lambda handle, _delay_s, _callback: handle),
    "busy": busy,
    "silent": lambda adapter: setattr(adapter, "trouble", lambda _error: adapter.loop.stop()),
    "calling-wake": from_wrong_thread,
    "forgetful-wake": forgetful,
    "losing-wake": losing_wake,
    # callbacks
    "swapping-soon": swapping_soon,
    "calling-soon": lambda adapter: setattr(
        adapter, "call_soon", lambda callback, *arguments: callback(*arguments)
    ),
    "forgetful-soon": forgetful_soon,
    "greedy-soon": greedy_soon,
    # turns
    "no-turn": lambda adapter: setattr(adapter, "turn", no_turn),
    # signals, children, files, lookups
    "deaf-to-one": deaf_to_one,
    "sleepy-handler": sleepy_handler,
    "keeping-handler": keeping_handler,
    **{
        name: parent(name)
        for name in (
            "mixed-statuses",
            "unsigned",
            "crowd",
            "silent-start",
            "cut-output",
            "orphans",
            "leaky-children",
        )
    },
    **{
        name: reader(name)
        for name in ("cut-files", "quiet-files", "reading-in-the-loop", "swapped-port", "quiet-lookups")
    },
    # tasks
    "partial-send": partial_send,
    "early-end": lambda adapter: setattr(adapter, "early_end", True),
    "short-sleep": lambda adapter: setattr(adapter, "sleep", lambda delay_s: asyncio.sleep(delay_s * 0.8)),
    # adapter
    "leaky": leaky,
    "false-mechanism": false(mechanism="io_uring"),
    "false-library": false(library="libev", library_version="4.33"),
    "false-file": false(loaded_from="site-packages/nowhere/core.so"),
    "false-version": false(binding_version="1.2.3"),
    "false-gil": false(gil=sys.version_info < (3, 0)),
    "odd-facts": false(io_uring="perhaps"),
    "failing-constructor": lambda _adapter: time.sleep(-1),
}
