"""Control for the raw I/O models: echo servers on the standard library alone, by hand and without crossloop.

    python benchmarks/controls/models_echo.py threads|spin|select|poll|epoll|kqueue

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After W. R. Stevens, B. Fenner,
A. M. Rudoff, "UNIX Network Programming", volume 1: the server with a thread for each client (26.4), the one with select
(6.8) and the one with poll (6.11); sockets that do not block as in chapter 16. What is other than there: select's and
poll's servers do not block in a write. A connection of which something is left to send is watched for writing instead.
Backlog, TCP_NODELAY and read size as crossloop has them.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

BACKLOG = 4096
READ_BYTES = 65536
MODELS = ("threads", "spin", "select", "poll", "epoll", "kqueue")
calls: Any = select  # what it has depends on the platform


def echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):  # the peer's reset
        while data := connection.recv(READ_BYTES):
            connection.sendall(data)


def serve_by_threads(listener: socket.socket) -> None:
    listener.setblocking(True)
    while True:
        connection, _address = listener.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock, self.fd, self.unsent = sock, sock.fileno(), b""

    def goes_on(self) -> bool:
        try:
            if not self.unsent:
                self.unsent = self.sock.recv(READ_BYTES)
                if not self.unsent:
                    return False
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # the peer's reset
            return False
        return True


def arrivals(listener: socket.socket) -> Iterator[Connection]:
    with contextlib.suppress(OSError):  # none left, or one was reset while it waited
        while True:
            connection, _address = listener.accept()
            yield Connection(connection)


def serve_by_spinning(listener: socket.socket) -> None:
    connections: list[Connection] = []
    while True:
        connections += arrivals(listener)
        for connection in tuple(connections):
            if not connection.goes_on():
                connections.remove(connection)
                connection.sock.close()


def serve_by_select(listener: socket.socket) -> None:
    connections: dict[int, Connection] = {}
    accepting = listener.fileno()
    reading, writing = {accepting}, set[int]()
    while True:
        readable, writable, _troubled = select.select(reading, writing, ())
        for fd in readable + writable:
            if fd == accepting:
                for arrival in arrivals(listener):
                    connections[arrival.fd] = arrival
                    reading.add(arrival.fd)
                continue
            connection = connections[fd]
            waited = bool(connection.unsent)
            if not connection.goes_on():
                (writing if waited else reading).remove(fd)
                del connections[fd]
                connection.sock.close()
            elif waited != bool(connection.unsent):
                before, after = (writing, reading) if waited else (reading, writing)
                before.remove(fd)
                after.add(fd)


def serve_by_poll(listener: socket.socket, poller: Any) -> None:
    """An epoll object is asked like a poll object, and its POLLIN and POLLOUT are the same numbers."""
    connections: dict[int, Connection] = {}
    accepting = listener.fileno()
    poller.register(accepting, calls.POLLIN)
    while True:
        for fd, _events in poller.poll():
            if fd == accepting:
                for arrival in arrivals(listener):
                    connections[arrival.fd] = arrival
                    poller.register(arrival.fd, calls.POLLIN)
                continue
            connection = connections[fd]
            waited = bool(connection.unsent)
            if not connection.goes_on():
                poller.unregister(fd)
                del connections[fd]
                connection.sock.close()
            elif waited != bool(connection.unsent):
                poller.modify(fd, calls.POLLOUT if connection.unsent else calls.POLLIN)


def serve_by_kqueue(listener: socket.socket) -> None:
    connections: dict[int, Connection] = {}
    accepting, kernel = listener.fileno(), calls.kqueue()
    reading, writing, add, delete = (
        calls.KQ_FILTER_READ,
        calls.KQ_FILTER_WRITE,
        calls.KQ_EV_ADD,
        calls.KQ_EV_DELETE,
    )
    changes = [calls.kevent(accepting, reading, add)]
    while True:
        events = kernel.control(changes, 1024)
        changes = []
        for event in events:
            fd = event.ident
            if fd == accepting:
                for arrival in arrivals(listener):
                    connections[arrival.fd] = arrival
                    changes.append(calls.kevent(arrival.fd, reading, add))
                continue
            connection = connections[fd]
            waited = bool(connection.unsent)
            if not connection.goes_on():
                del connections[fd]
                connection.sock.close()  # which takes its entry out of the kernel's list
            elif waited != bool(connection.unsent):
                before, after = (writing, reading) if waited else (reading, writing)
                changes += [calls.kevent(fd, before, delete), calls.kevent(fd, after, add)]


def main(model: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    match model:
        case "threads":
            serve_by_threads(listener)
        case "spin":
            serve_by_spinning(listener)
        case "select":
            serve_by_select(listener)
        case "kqueue":
            serve_by_kqueue(listener)
        case _:
            serve_by_poll(listener, getattr(calls, model)())


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in MODELS:
        sys.exit(__doc__)
    main(sys.argv[1])
