"""Control for gevent's adapters: the echo server of gevent's documentation, without crossloop.

    python benchmarks/controls/gevent_echo.py libev-cext|libev-cffi|libuv-cffi|MODULE.LOOP

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After
https://www.gevent.org/examples/echoserver.html, with `recv` and `sendall` instead of lines from a file object,
as https://www.gevent.org/api/gevent.server.html has it for bytes. Backlog, TCP_NODELAY and read size as
crossloop has them.
"""

import json
import os
import signal
import socket
import sys

import gevent
from gevent.server import StreamServer

BACKLOG = 4096
READ_BYTES = 65536


def echo(connection: gevent.socket.socket, address: object) -> None:
    try:
        while data := connection.recv(READ_BYTES):
            connection.sendall(data)
    except OSError:
        pass  # the peer's reset


def main() -> None:
    gevent.config.loop = sys.argv[1]
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    server = StreamServer(listener, echo)
    gevent.signal_handler(signal.SIGTERM, server.close)
    server.start()
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
