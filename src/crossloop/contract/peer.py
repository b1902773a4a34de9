"""The other end of a connection: plain sockets of the standard library, every wait bounded.

Runs beside the adapter in a thread (`promise.Aside`), and shares no code with any adapter.
"""

import contextlib
import functools
import random
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

from crossloop.api import Echo, Receive, UnsupportedError
from crossloop.contract.promise import (
    LIMIT_S,
    WAIT_S,
    Aside,
    Check,
    Promises,
    Subject,
    ViolationError,
    require,
)
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import entry, open_listener, tell

KIB = 1024
MIB = 1024 * KIB
PERIOD_BYTES = (1 << 16) + 1
"""An odd length: a piece that is lost, doubled or swapped cannot look like its neighbour."""

_PATTERN = random.Random(7).randbytes(PERIOD_BYTES)  # noqa: S311  (a pattern, not a secret)

HIGH_DESCRIPTOR = 2048
"""Where the many descriptors of the client's end begin, so that the numbers below FD_SETSIZE (1024,
select(2)) are the server's, as they would be with the client in a process of its own."""


def pattern(size: int) -> bytes:
    """*size* bytes in which every place within `PERIOD_BYTES` is recognised."""
    return (_PATTERN * (size // PERIOD_BYTES + 1))[:size]


def one_for_many() -> Receive:
    """An application that answers every byte with a MiB."""
    return lambda data: pattern(MIB) * len(data)


class Server:
    """An adapter's server at work, as its clients see it."""

    def __init__(self, endpoint: socket.socket, stop: socket.socket):
        self.address: tuple[str, int] = endpoint.getsockname()[:2]
        self.returned = threading.Event()
        """Set when the serving method has returned or raised."""
        self.stopping = False
        self._stop = stop
        self._clients: list[socket.socket] = []

    def connect(self, *, receive_buffer: int = 0, high: bool = False) -> socket.socket:
        """A connected blocking socket with a timeout, without Nagle's delay; closed with the server.

        *receive_buffer*: bytes the kernel may hold for us. *high*: give it a descriptor from
        `HIGH_DESCRIPTOR` on. Raises OSError, UnsupportedError.
        """
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client = _moved(client) if high else client
        self._clients.append(client)
        client.settimeout(WAIT_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(self.address)
        return client

    def adopt(self, client: socket.socket) -> None:
        """Have *client*, with a timeout from now on, closed with the server."""
        client.settimeout(WAIT_S)
        self._clients.append(client)

    def stop(self) -> None:
        """Tell the server to stop."""
        self.stopping = True
        tell(self._stop)

    def await_return(self) -> None:
        """Wait until the serving method has returned."""
        require(
            self.returned.wait(WAIT_S), f"serving returned within {WAIT_S:g} s of the stop", "still serving"
        )

    def stop_promptly(self) -> None:
        """Stop, and require that serving ends soon."""
        begun = time.monotonic()
        self.stop()
        self.await_return()
        took_s = time.monotonic() - begun
        require(took_s < WAIT_S / 2, f"returned within {WAIT_S / 2:g} s of the stop", f"{took_s:.1f} s")

    def end(self) -> None:
        """Stop, and close every client that is still open."""
        self.stop()
        for client in self._clients:
            client.close()

    def give_up(self) -> None:
        """End what a client still waits for from a server that has failed; its thread closes the sockets."""
        for client in tuple(self._clients):
            with contextlib.suppress(OSError):  # not connected, or closed meanwhile
                client.shutdown(socket.SHUT_RDWR)


def serve(
    subject: Subject,
    client: Callable[[Server], None],
    application: Any = Echo,
    level: str = "StreamServer",
    open_endpoint: Callable[[str, int], socket.socket] = open_listener,
) -> None:
    """Have the subject serve *application* in this thread, by its server of *level*; *client* runs in another one.

    Raises what the server raised, else what the client raised. Either way the client's thread has ended, and
    its sockets are closed, so that what is open afterwards is the server's.
    """
    enter = entry(subject.adapter, level, application, subject.style, subject.certificate)
    endpoint = open_endpoint("127.0.0.1", 0)
    readable, writing = stop_pair()
    with endpoint, readable, writing:
        server = Server(endpoint, writing)

        def drive() -> None:
            try:
                client(server)
            finally:
                server.end()

        aside = Aside(drive, "client")
        aside.start()
        try:
            try:
                enter(endpoint, readable)
            finally:
                endpoint.close()
                server.returned.set()
        except BaseException:
            server.give_up()
            aside.await_end()
            raise
        if not server.stopping and not aside.failed():
            raise ViolationError("serves until the stop", "returned by itself")
        aside.join()


class FromApplicationError(Exception):
    """What an application raises here."""


def fail(*_: object) -> NoReturn:
    """An application that raises."""
    raise FromApplicationError


def expect_failure(serving: Callable[[], None]) -> None:
    """Expect *serving* to raise what `fail` raised. Raises ViolationError."""
    with contextlib.suppress(FromApplicationError):
        serving()
        raise ViolationError("serving raises what the application raised", "it returned")


Peers = TypeVar("Peers")


class ServerPromises(Promises[Subject], Generic[Peers]):
    """Promises of a level that serves. Most are clients of one server, and run in the client's thread."""

    def __init__(
        self,
        level: str,
        application: Any,
        peers: Callable[[Server, Subject], Peers],
        open_endpoint: Callable[[str, int], socket.socket] = open_listener,
    ) -> None:
        """*application*: where a promise names no other. *peers*: makes of a server what a client is given."""
        super().__init__(lambda subject: subject)
        self._serve = functools.partial(serve, level=level, open_endpoint=open_endpoint)
        self._application, self._peers = application, peers

    def serve(self, subject: Subject, client: Check[Peers], application: Any = None) -> None:
        """Have the subject serve *application* in this thread, and *client* use it from another one."""
        self._serve(
            subject, lambda server: client(self._peers(server, subject)), application or self._application
        )

    def client(
        self, name: str, description: str, requirement: str, application: Any = None, limit_s: float = LIMIT_S
    ) -> Callable[[Check[Peers]], Check[Peers]]:
        """Make the client that is decorated a promise about a server of *application*; see `Promise`."""

        def add(client: Check[Peers]) -> Check[Peers]:
            self.promise(name, description, requirement, limit_s)(
                lambda subject: self.serve(subject, client, application)
            )
            return client

        return add

    def raising(self, name: str, application: Any, connect: Callable[[Peers], socket.socket]) -> None:
        """Promise that what *application*, one that calls `fail`, raises for the first bytes ends the serving."""

        @self.promise(name, "an application that raises", "an exception of the application is raised")
        def run(subject: Subject) -> None:
            def client(server: Server) -> None:
                connect(self._peers(server, subject)).send(b"raise")
                server.returned.wait(WAIT_S)

            expect_failure(lambda: self._serve(subject, client, application))


def receive_exactly(client: socket.socket, size: int) -> bytes:
    """Read *size* bytes. Raises ViolationError when the stream ends or stalls before."""
    data = bytearray()
    while len(data) < size:
        try:
            piece = client.recv(min(1 << 18, size - len(data)))
        except OSError as error:
            raise ViolationError(f"{size} bytes", f"{len(data)} bytes, then {_named(error)}") from error
        if not piece:
            raise ViolationError(f"{size} bytes", f"{len(data)} bytes, then end of file")
        data += piece
    return bytes(data)


def expect_answer(client: socket.socket, expected: bytes) -> None:
    """Read as many bytes as *expected* has and compare. Raises ViolationError with the first difference."""
    compare(receive_exactly(client, len(expected)), expected)


def compare(actual: bytes, expected: bytes) -> None:
    """Raise ViolationError at the first byte that differs."""
    if actual == expected:
        return
    place = next(
        (index for index, (a, b) in enumerate(zip(actual, expected, strict=False)) if a != b),
        min(len(actual), len(expected)),
    )
    raise ViolationError(
        f"{len(expected)} bytes, from byte {place} on {expected[place : place + 16]!r}",
        f"{len(actual)} bytes, from byte {place} on {actual[place : place + 16]!r}",
    )


def expect_end(client: socket.socket, *, reset_allowed: bool = False) -> None:
    """Expect end of file and nothing before it."""
    wanted = "end of file" + (" or a reset" if reset_allowed else "")
    try:
        data = client.recv(1 << 16)
    except ConnectionError as error:
        require(reset_allowed, wanted, _named(error))
    except OSError as error:
        raise ViolationError(wanted, _named(error)) from error
    else:
        require(not data, wanted, f"{len(data)} more bytes, {data[:16]!r}")


def echo(client: socket.socket, data: bytes) -> None:
    """Send *data* whole and expect it back; small enough to fit the kernel's buffers."""
    client.sendall(data)
    expect_answer(client, data)


def exchange(client: socket.socket, data: bytes, size: int) -> bytes:
    """Send *data* and read at the same time, until *size* bytes are there."""
    received, sent = bytearray(), 0
    client.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while len(received) < size:
            ready = selector.select(WAIT_S)
            require(bool(ready), f"{size} bytes", f"{len(received)} bytes, then nothing for {WAIT_S:g} s")
            for _key, events in ready:
                if events & selectors.EVENT_WRITE and sent < len(data):
                    sent += client.send(data[sent : sent + (1 << 18)])
                    if sent == len(data):
                        selector.modify(client, selectors.EVENT_READ)
                if events & selectors.EVENT_READ:
                    piece = client.recv(1 << 18)
                    require(bool(piece), f"{size} bytes", f"{len(received)} bytes, then end of file")
                    received += piece
    client.settimeout(WAIT_S)
    return bytes(received)


def send_until_blocked(client: socket.socket, limit: int, quiet_s: float) -> int:
    """Send the pattern without reading until the kernel takes nothing for *quiet_s*; returns the bytes sent.

    Raises ViolationError when *limit* bytes went out.
    """
    data = memoryview(pattern(PERIOD_BYTES) * 8)
    sent = 0
    client.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_WRITE)
        while selector.select(quiet_s):
            place = sent % PERIOD_BYTES
            with contextlib.suppress(BlockingIOError):
                sent += client.send(data[place:])
            require(
                sent < limit,
                f"the sender blocked before {limit >> 20} MiB, since nobody reads the answers",
                f"{sent >> 20} MiB taken in",
            )
    client.settimeout(WAIT_S)
    return sent


def reset(client: socket.socket) -> None:
    """Close with a reset instead of an orderly end (SO_LINGER with a time of zero, socket(7))."""
    layout = "hh" if sys.platform == "win32" else "ii"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
    client.close()


def _moved(client: socket.socket) -> socket.socket:
    if sys.platform == "win32":  # handles there are not table indices
        return client
    import fcntl

    with client:
        try:
            number = fcntl.fcntl(client.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
        except OSError as error:
            raise UnsupportedError(
                f"a thousand connections need {HIGH_DESCRIPTOR + 1024} file descriptors here: {error}; "
                "raise the hard limit (ulimit -Hn)"
            ) from error
    return socket.socket(fileno=number)


def _named(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing for {WAIT_S:g} s"
    return f"{type(error).__name__}: {error}"
