"""Servers that do wrong on purpose: real sockets, a thread for each connection."""

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from crossloop.api import echo as echo_of
from crossloop.load import Target
from crossloop.load.commands import Address

SIZE = 64
SEGFAULT = "SIGSEGV" if sys.platform != "win32" else "an access violation"
"""How the outcome of a process names it that read address zero."""
Handler: TypeAlias = Callable[[socket.socket, int], None]
"""`handler(sock, number)`: talk to the connection that was accepted as *number*; returning closes it."""


@contextmanager
def serving(handler: Handler) -> Iterator[int]:
    """Port of a server on loopback whose connections are given to *handler*."""
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def talk(sock: socket.socket, number: int) -> None:
            with sock, suppress(OSError, EOFError):
                handler(sock, number)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    sock, _address = listener.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    accepted.append(sock)
                    thread = threading.Thread(target=talk, args=(sock, len(accepted) - 1))
                    threads.append(thread)
                    thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # ends accept() where close() alone does not
            listener.close()
            accepting.join(10)
            for sock in accepted:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)


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
