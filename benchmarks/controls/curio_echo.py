"""Control for curio's adapter: the echo server of curio's tutorial, without crossloop.

    python benchmarks/controls/curio_echo.py

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After the server on sockets of
https://curio.readthedocs.io/en/latest/tutorial.html, which would be told of a peer's reset by an error of its task.
Backlog, TCP_NODELAY and read size as crossloop has them.
"""

import json
import os
import signal
from typing import Any

import curio
from curio import socket

BACKLOG = 4096
READ_BYTES = 65536


async def echo_client(client: Any, address: object) -> None:
    async with client:
        try:
            while data := await client.recv(READ_BYTES):
                await client.sendall(data)
        except OSError:
            pass  # the peer's reset


async def echo_server() -> None:
    listener = curio.tcp_server_socket("127.0.0.1", 0, backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    async with listener:
        while True:
            client, address = await listener.accept()
            await curio.spawn(echo_client, client, address, daemon=True)


if __name__ == "__main__":
    # The tutorial's server ends with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    curio.run(echo_server)
