"""Control: the echo server of asyncio's documentation, by hand and without crossloop.

    python benchmarks/controls/asyncio_echo.py protocol|streams|sockets LOOP

LOOP: asyncio, asyncio-select, asyncio-poll, uvloop, winloop. Listens on 127.0.0.1 at a free port, prints one
JSON line and serves until SIGTERM. What an adapter costs beyond this is crossloop's own. After
https://docs.python.org/3/library/asyncio-protocol.html (TCP Echo Server, and `pause_writing` from the
section on flow control), asyncio-stream.html (TCP echo server using streams, in a loop), and asyncio-eventloop.html
(`sock_accept`, `sock_recv`, `sock_sendall`; a loop on a given selector). Backlog, TCP_NODELAY and read size
as crossloop has them.
"""

import asyncio
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from typing import cast

BACKLOG = 4096
READ_BYTES = 65536
STYLES = ("protocol", "streams", "sockets")


class EchoServerProtocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


async def handle_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:  # the peer's reset
        pass
    finally:
        writer.close()


async def handle_socket(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    with connection:
        try:
            while data := await loop.sock_recv(connection, READ_BYTES):
                await loop.sock_sendall(connection, data)
        except OSError:
            pass


async def accept_sockets(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    tasks = set()
    while True:
        connection, _address = await loop.sock_accept(listener)
        task = loop.create_task(handle_socket(loop, connection))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def main(style: str) -> None:
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    match style:
        case "protocol":
            server = await loop.create_server(EchoServerProtocol, sock=listener, backlog=BACKLOG)
            await server.serve_forever()
        case "streams":
            server = await asyncio.start_server(handle_echo, sock=listener, backlog=BACKLOG)
            await server.serve_forever()
        case _:
            await accept_sockets(loop, listener)


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    match name:
        case "asyncio-select":
            return asyncio.SelectorEventLoop(selectors.SelectSelector())
        case "asyncio-poll":
            return asyncio.SelectorEventLoop(getattr(selectors, "PollSelector")())  # noqa: B009  (not on Windows)
        case _:
            loop: asyncio.AbstractEventLoop = importlib.import_module(name).new_event_loop()
            return loop


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in STYLES:
        sys.exit(__doc__)
    # The documentation's servers end with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with asyncio.Runner(loop_factory=lambda: new_loop(sys.argv[2])) as runner:
        runner.run(main(sys.argv[1]))
