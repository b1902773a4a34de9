"""Control for trio's adapter: the echo server of trio's tutorial, without crossloop.

    python benchmarks/controls/trio_echo.py

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After
https://trio.readthedocs.io/en/stable/tutorial.html#an-echo-server, where a peer's reset ends the server. Backlog
and TCP_NODELAY as crossloop has them; the read size is trio's own, 64 KiB.
"""

import json
import os
import signal

import trio

BACKLOG = 4096


async def echo_server(server_stream: trio.SocketStream) -> None:
    try:
        async for data in server_stream:
            await server_stream.send_all(data)
    except trio.BrokenResourceError:
        pass  # the peer's reset


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
    listeners[0].socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    host, port = listeners[0].socket.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    await trio.serve_listeners(echo_server, listeners)


if __name__ == "__main__":
    # The tutorial's server ends with the process; so does this one, without taking leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    trio.run(main)
