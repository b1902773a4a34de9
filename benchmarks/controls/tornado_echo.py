"""Control: the echo server of tornado's documentation, by hand and without crossloop.

    python benchmarks/controls/tornado_echo.py asyncio|uvloop|winloop

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After
https://www.tornadoweb.org/en/stable/tcpserver.html (class EchoServer), with partial reads instead of lines:
`read_until` would look for an end of line that binary messages do not have. Backlog, TCP_NODELAY and read
size as crossloop has them; the size is also that of tornado's own chunks.
"""

import asyncio
import importlib
import json
import os
import signal
import socket
import sys
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

BACKLOG = 4096
READ_BYTES = 65536


class EchoServer(TCPServer):
    async def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        while True:
            try:
                data = await stream.read_bytes(READ_BYTES, partial=True)
                await stream.write(data)
            except StreamClosedError:
                break


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    server = EchoServer()
    server.add_socket(listener)
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # The documentation's server ends with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with asyncio.Runner(loop_factory=importlib.import_module(sys.argv[1]).new_event_loop) as runner:
        runner.run(main())
