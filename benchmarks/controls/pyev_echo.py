"""Control for the adapter `pyev`: an echo server on libev's watchers, by hand and without crossloop.

    python benchmarks/controls/pyev_echo.py

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After the example in
pyev's documentation, https://pythonhosted.org/pyev/ (an echo server of a `Connection` per client, with one
`Io` watcher that waits either to read or to write). One thing is other than there: the example waits for
writability before each answer, two system calls a message for nothing; this server sends at once and
waits with what the kernel does not take. Backlog, TCP_NODELAY and read size as crossloop has them.
"""

import json
import os
import signal
import socket

import pyev

BACKLOG = 4096
READ_BYTES = 65536


class Connection:
    def __init__(self, sock: socket.socket, loop: pyev.Loop) -> None:
        self.sock = sock
        self.sock.setblocking(False)
        self.unsent = b""
        self.watcher = pyev.Io(self.sock, pyev.EV_READ, loop, self.on_event)
        self.watcher.start()

    def on_event(self, watcher: pyev.Io, events: int) -> None:
        try:
            if events & pyev.EV_READ:
                data = self.sock.recv(READ_BYTES)
                if not data:
                    self.close()
                    return
                self.send(data)
            else:
                self.send(self.unsent)
        except BlockingIOError:
            pass
        except OSError:  # the peer's reset
            self.close()

    def send(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data) or self.unsent:
            self.unsent = data[sent:]
            self.wait_for(pyev.EV_WRITE if self.unsent else pyev.EV_READ)

    def wait_for(self, events: int) -> None:
        self.watcher.stop()
        self.watcher.set(self.sock, events)
        self.watcher.start()

    def close(self) -> None:
        self.watcher.stop()
        self.sock.close()
        connections.discard(self)


connections: set[Connection] = set()  # libev keeps no reference to a started watcher


def main() -> None:
    loop = pyev.default_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)

    def accept(watcher: pyev.Io, events: int) -> None:
        try:
            while True:
                connection, _address = listener.accept()
                connections.add(Connection(connection, loop))
        except OSError:  # none left, or one was reset while it waited
            pass

    accepting = pyev.Io(listener, pyev.EV_READ, loop, accept)
    accepting.start()
    ending = pyev.Signal(signal.SIGTERM, loop, lambda watcher, events: loop.stop())
    ending.start()
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    loop.start()


if __name__ == "__main__":
    main()
