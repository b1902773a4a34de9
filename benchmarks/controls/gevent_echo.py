"""Control for gevent's adapters: the shortest echo server that gevent's documentation would show.

    python benchmarks/controls/gevent_echo.py LOOP

LOOP is a name of gevent.config.loop: libev-cext, libev-cffi, libuv-cffi. Listens on a free port of
127.0.0.1, prints one JSON line with it, and serves until SIGTERM. Nothing of crossloop is imported: what
an adapter costs above this is the adapter's.
"""

import json
import os
import signal
import socket
import sys

import gevent
from gevent.server import StreamServer


def echo(connection: gevent.socket.socket, address: object) -> None:
    try:
        while data := connection.recv(65536):
            connection.sendall(data)
    except OSError:
        pass  # the peer's reset


def main() -> None:
    gevent.config.loop = sys.argv[1]
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    server = StreamServer(listener, echo)
    gevent.signal_handler(signal.SIGTERM, server.close)
    server.start()
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
