"""A program: which threads uvloop's libuv starts, for sockets and for names. Linux alone shows them (/proc/self/task).

First a thousand messages go through a connection of the loop to itself, over sockets that were opened beforehand: given
a host, uvloop would resolve it. Then one name is resolved by `loop.getaddrinfo`, which is libuv's `uv_getaddrinfo`.
Threads of the process are counted before and after each; Python's own are none of them (`threading.active_count`
stays 1). Prints one JSON object.
"""

import asyncio
import json
import socket
import threading
from pathlib import Path

from crossloop.api.facts import kernel_objects
from crossloop.probes import answered

MESSAGES = 1000


def threads() -> list[str]:
    """Names of this process's threads, as the kernel has them."""
    return sorted(path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))


async def counted() -> dict[str, object]:
    """Threads at the start, after traffic, and after a name."""
    start = threads()
    loop = asyncio.get_running_loop()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server = await asyncio.start_server(echo, sock=listener)
    reader, writer = await asyncio.open_connection(sock=client)
    for _message in range(MESSAGES):
        writer.write(b"x")
        await reader.readexactly(1)
    sockets = threads()
    mechanism = sorted(kernel_objects())
    writer.close()
    server.close()
    await loop.getaddrinfo("localhost", 80)
    return {
        "start": start,
        "sockets": sockets,
        "names": threads(),
        "messages": MESSAGES,
        "kernel_objects": mechanism,
        "python_threads": threading.active_count(),
    }


def program() -> dict[str, object]:
    """Run on uvloop. Raises ImportError without it."""
    from importlib.metadata import version

    import uvloop

    if not Path("/proc/self/task").is_dir():
        raise OSError("threads are seen in /proc/self/task, which this platform lacks")
    loop = uvloop.new_event_loop()
    try:
        return {**loop.run_until_complete(counted()), "uvloop": version("uvloop")}
    finally:
        loop.close()


if __name__ == "__main__":
    print(json.dumps(answered(program)))
