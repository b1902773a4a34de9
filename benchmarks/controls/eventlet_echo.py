"""Control for the adapter `eventlet`: the echo server of eventlet's documentation, by hand and without crossloop.

    python benchmarks/controls/eventlet_echo.py epolls|kqueue|poll|selects|asyncio

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After
https://eventlet.readthedocs.io/en/latest/examples.html (Echo Server), with `recv` and `sendall` instead of lines from a
file object. Backlog, TCP_NODELAY and read size as crossloop has them.
"""

import json
import os
import signal
import socket
import sys
from typing import Any

import eventlet
from eventlet import hubs
from eventlet.greenio import GreenSocket

BACKLOG = 4096
READ_BYTES = 65536
MANY = 1 << 20


def handle(connection: Any) -> None:
    try:
        while data := connection.recv(READ_BYTES):
            connection.sendall(data)
    except OSError:
        pass  # the peer's reset


def main() -> None:
    hubs.use_hub(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The documentation's server ends with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    server, pool = GreenSocket(listener), eventlet.GreenPool(MANY)
    while True:
        connection, _address = server.accept()
        pool.spawn_n(handle, connection)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
