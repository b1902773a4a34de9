"""Servers that do wrong on purpose: real sockets, a thread for each connection."""

import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from crossloop.api import Transport
from crossloop.api import echo as echo_of
from crossloop.load import Target
from crossloop.load.commands import Address
from crossloop.supervise.certificates import Certificates, certificates

SIZE = 64
SEGFAULT = "SIGSEGV" if sys.platform != "win32" else "an access violation"
"""How the outcome of a process names it that read address zero."""
Handler: TypeAlias = Callable[[socket.socket, int], None]
"""`handler(sock, number)`: talk to the connection that was accepted as *number*; returning closes it."""


@contextmanager
def serving(handler: Handler) -> Iterator[int]:
    """Port of a server on loopback whose connections are given to *handler*."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, accepting(listener, handler):
        yield listener.getsockname()[1]


@contextmanager
def standing(handler: Handler, transport: Transport, backlog: int = 128) -> Iterator[Address]:
    """Address of such a server over any transport of streams; over TLS *handler* has plain bytes.

    *backlog*: of a unix socket."""
    if transport == "tcp":
        with serving(handler) as port:
            yield Address(host="127.0.0.1", port=port)
    elif transport == "unix" and sys.platform != "win32":
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/s")
            listener.listen(backlog)
            with accepting(listener, handler):
                yield Address(transport="unix", path=f"{folder}/s")
    else:
        with certificates() as files:
            context = server_context(files)

            def over_tls(sock: socket.socket, number: int) -> None:
                with context.wrap_socket(sock, server_side=True) as wrapped:
                    handler(wrapped, number)
                    with suppress(OSError):
                        wrapped.unwrap()

            with serving(over_tls) as port:
                yield Address(transport="tls", host="127.0.0.1", port=port, ca=str(files.ca))


def server_context(files: Certificates) -> ssl.SSLContext:
    """What a TLS server has of its certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    return context


@contextmanager
def accepting(listener: socket.socket, handler: Handler) -> Iterator[None]:
    """Give each connection of *listener* to *handler*, in a thread of its own."""
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def talk(sock: socket.socket, number: int) -> None:
        with sock, suppress(OSError, EOFError):
            handler(sock, number)

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _address = listener.accept()
                if sock.family == socket.AF_INET:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.append(sock)
                thread = threading.Thread(target=talk, args=(sock, len(accepted) - 1))
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # ends accept() where close() alone does not
        listener.close()
        acceptor.join(10)
        for sock in accepted:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)


@contextmanager
def answering_datagrams(answer: Callable[[bytes, int], list[bytes]]) -> Iterator[Address]:
    """Address of a server that sends what *answer* gives for each datagram and its number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))

        def talk() -> None:
            number = 0
            while data := endpoint.recvfrom(65536):
                if not data[0]:
                    return
                for each in answer(data[0], number):
                    endpoint.sendto(each, data[1])
                number += 1

        thread = threading.Thread(target=talk)
        thread.start()
        port = endpoint.getsockname()[1]
        try:
            yield Address(transport="udp", host="127.0.0.1", port=port)
        finally:
            endpoint.sendto(b"", ("127.0.0.1", port))
            thread.join(10)


def answering(size: int, make: Callable[[bytes, int], bytes]) -> Handler:
    """Answer each request of *size* bytes with what *make* gives for it and its number on its connection."""

    def handler(sock: socket.socket, _number: int) -> None:
        count = 0
        while True:
            sock.sendall(make(exactly(sock, size), count))
            count += 1

    return handler


def pushing(change: Callable[[bytes, int], bytes] = lambda data, _number: data, size: int = SIZE) -> Handler:
    """Send each message of *size* bytes to every connection, as what *change* makes of it for its number."""
    lock = threading.Lock()
    members: list[tuple[socket.socket, int]] = []

    def handler(sock: socket.socket, number: int) -> None:
        with lock:
            members.append((sock, number))
        while data := exactly(sock, size):
            with lock:
                for member, place in members:
                    member.sendall(change(data, place))

    return handler


def sealing_badly(context: ssl.SSLContext, send: Callable[[socket.socket, bytes], None]) -> Handler:
    """Echo over TLS on a plain socket; *send* does what it likes with the records of the third answer, the last."""

    def handler(sock: socket.socket, _number: int) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)

        def until_done(call: Callable[[], object]) -> object:
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(65536))

        until_done(tls.do_handshake)
        for number in range(3):
            data = until_done(lambda: tls.read(SIZE))
            if not isinstance(data, bytes) or not data:  # the load has ended
                return
            tls.write(data)
            if number < 2:
                sock.sendall(outgoing.read())
        send(sock, outgoing.read())

    return handler


def echo_target(port: int, connections: int, size: int = SIZE, first_id: int = 0) -> Target:
    """The load's connections to such a server, with echo's exchange."""
    return Target(Address(host="127.0.0.1", port=port), connections, echo_of(size), seed=1, first_id=first_id)


def exactly(sock: socket.socket, size: int = SIZE) -> bytes:
    """Read *size* bytes. Raises EOFError when the peer ends before."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def echo(sock: socket.socket, _number: int) -> None:
    """The right behaviour."""
    while data := sock.recv(65536):
        sock.sendall(data)


def in_small_pieces(sock: socket.socket, _number: int) -> None:
    """Right, but seven bytes at a time."""
    while data := sock.recv(7):
        sock.sendall(data)


def changing(change: Callable[[bytes], bytes], message: int = 3) -> Handler:
    """Echo, but answer message number *message* of each connection with what *change* makes of it."""

    def handler(sock: socket.socket, _number: int) -> None:
        count = 0
        while data := exactly(sock):
            sock.sendall(change(data) if count == message else data)
            count += 1

    return handler


def delaying(delay_s: float) -> Handler:
    """Echo each message after *delay_s*."""

    def handler(sock: socket.socket, _number: int) -> None:
        while data := exactly(sock):
            time.sleep(delay_s)
            sock.sendall(data)

    return handler


def stalling_once(after: int, stall_s: float) -> Handler:
    """Echo, but once, at message number *after* of all, nobody is answered for *stall_s*."""
    lock = threading.Lock()
    seen = 0

    def handler(sock: socket.socket, _number: int) -> None:
        nonlocal seen
        while data := exactly(sock):
            with lock:
                seen += 1
                if seen == after:
                    time.sleep(stall_s)
                sock.sendall(data)

    return handler


def crossing() -> Handler:
    """Give connection 0 the answer of connection 1, and the other way about."""
    meeting = threading.Barrier(2)
    messages: dict[int, bytes] = {}

    def handler(sock: socket.socket, number: int) -> None:
        messages[number] = exactly(sock)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(10)
        sock.sendall(messages[1 - number])
        echo(sock, number)

    return handler


def replaying(sock: socket.socket, _number: int) -> None:
    """Answer the third message with the second."""
    sock.sendall(exactly(sock))
    second = exactly(sock)
    sock.sendall(second)
    exactly(sock)
    sock.sendall(second)
    silent(sock, 0)


def with_the_tail_of_the_message_before(kept: int) -> Handler:
    """Answer the first message rightly, and each later one with its first *kept* bytes and old bytes after them."""

    def handler(sock: socket.socket, _number: int) -> None:
        before = exactly(sock)
        sock.sendall(before)
        while data := exactly(sock):
            sock.sendall(data[:kept] + before[kept:])
            before = data

    return handler


def repeating_the_first(sock: socket.socket, number: int) -> None:
    """Right answers, and the first of them once more, after a while."""
    first = exactly(sock)
    sock.sendall(first)
    for _message in range(3):
        sock.sendall(exactly(sock))
    sock.sendall(first)
    echo(sock, number)


def repeating_the_others_last() -> Handler:
    """Echo; at its third message connection 1 has the last answer of connection 0 sent once more, over there."""
    answered: list[tuple[socket.socket, bytes]] = []

    def handler(sock: socket.socket, number: int) -> None:
        count = 0
        while data := exactly(sock):
            sock.sendall(data)
            count += 1
            if number == 0:
                answered.append((sock, data))
            elif count == 3:
                other, last = answered[-1]
                other.sendall(last)

    return handler


def dropping(connection: int, message: int = 3) -> Handler:
    """Echo, but never answer one message of one connection."""

    def handler(sock: socket.socket, number: int) -> None:
        count = 0
        while data := exactly(sock):
            if (number, count) != (connection, message):
                sock.sendall(data)
            count += 1

    return handler


def silent(sock: socket.socket, _number: int) -> None:
    """Read everything, answer nothing."""
    while sock.recv(65536):
        pass


def resetting(sock: socket.socket, _number: int) -> None:
    """Read one message and reset the connection."""
    exactly(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closing(sock: socket.socket, _number: int) -> None:
    """Answer one message, and end in the middle of the second answer."""
    sock.sendall(exactly(sock))
    sock.sendall(exactly(sock)[:10])


def greeting(sock: socket.socket, number: int) -> None:
    """Say something before anybody asked."""
    sock.sendall(b"220 welcome\r\n")
    echo(sock, number)
