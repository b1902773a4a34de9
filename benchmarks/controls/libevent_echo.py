"""Control for the adapter `libevent`: echo servers on the binding alone, by hand, without the adapter's API.

    python benchmarks/controls/libevent_echo.py native|bufferevent

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After "Fast portable
non-blocking network programming with Libevent", https://libevent.org/libevent-book/: `native` is the
low-level server of chapter 1 (01_intro.html: one event to read and one to write for each connection),
`bufferevent` its buffered one, with the callbacks of the echo server in Ref8_listener.html. Other than there:
`native` sends at once and adds the write event for what the kernel does not take; `bufferevent` takes the data
through Python, where the book moves it from buffer to buffer unseen, which no server that does something
with it could. Backlog, TCP_NODELAY and read size as crossloop has them.
"""

import json
import os
import signal
import socket
import sys

from crossloop.bindings.libevent import EVENT_EOF, PERSIST, READ, WRITE, BufferEvent, EventBase, IoEvent

BACKLOG = 4096
READ_BYTES = 65536


class Connection:
    def __init__(self, base: EventBase, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = b""
        self.reading = IoEvent(base, sock.fileno(), READ | PERSIST, self.on_readable)
        self.writing = IoEvent(base, sock.fileno(), WRITE | PERSIST, self.on_writable)
        self.reading.add()

    def on_readable(self, fd: int, what: int) -> None:
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # the peer's reset
            data = b""
        if not data:
            self.close()
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self.unsent = data[sent:]
            self.reading.delete()
            self.writing.add()

    def on_writable(self, fd: int, what: int) -> None:
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self.unsent:
            self.writing.delete()
            self.reading.add()

    def close(self) -> None:
        self.reading.delete()
        self.writing.delete()
        self.sock.close()


class BufferedConnection:
    def __init__(self, base: EventBase, sock: socket.socket) -> None:
        self.sock = sock
        self.buffered = BufferEvent(base, sock.fileno(), self.on_read, self.on_event)
        self.buffered.enable(READ)

    def on_read(self) -> None:
        self.buffered.write(self.buffered.read())

    def on_event(self, what: int) -> None:
        if what & EVENT_EOF and self.buffered.unsent_bytes:
            self.buffered.call_when_drained(self.close)
        else:
            self.close()

    def close(self) -> None:
        self.buffered.close()
        self.sock.close()


def main(style: str) -> None:
    kind = {"native": Connection, "bufferevent": BufferedConnection}[style]
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    # libevent's own default; the binding's asks for exact timers, of which this server has none.
    base = EventBase(precise_timers=False)

    def accept(fd: int, what: int) -> None:
        try:
            while True:
                connection, _address = listener.accept()
                connection.setblocking(False)
                kind(base, connection)
        except OSError:  # none left, or one was reset while it waited
            pass

    IoEvent(base, listener.fileno(), READ | PERSIST, accept).add()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    base.run()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {"native", "bufferevent"}:
        sys.exit(__doc__)
    main(sys.argv[1])
