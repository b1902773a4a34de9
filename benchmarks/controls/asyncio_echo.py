"""Control: the echo server of asyncio's documentation, by hand and without crossloop.

    python benchmarks/controls/asyncio_echo.py protocol|streams|sockets asyncio|uvloop|winloop

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. What an adapter costs
beyond this is crossloop's own overhead. After https://docs.python.org/3/library/asyncio-protocol.html
(TCP Echo Server) and asyncio-stream.html; backlog, TCP_NODELAY and read size as crossloop has them.
"""

import asyncio
import importlib
import json
import os
import signal
import socket
import sys

BACKLOG = 1024
READ_BYTES = 65536


class EchoServerProtocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def handle_echo(reader, writer):
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def handle_socket(loop, connection):
    with connection:
        try:
            while data := await loop.sock_recv(connection, READ_BYTES):
                await loop.sock_sendall(connection, data)
        except OSError:
            pass


async def accept_sockets(loop, listener):
    tasks = set()
    while True:
        connection, _address = await loop.sock_accept(listener)
        task = loop.create_task(handle_socket(loop, connection))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def main(style):
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
        case "sockets":
            await accept_sockets(loop, listener)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in {"protocol", "streams", "sockets"}:
        sys.exit(__doc__)
    # The documentation's servers end with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with asyncio.Runner(loop_factory=importlib.import_module(sys.argv[2]).new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
