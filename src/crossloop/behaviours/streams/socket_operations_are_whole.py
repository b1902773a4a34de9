"""asyncio's calls on sockets, one after the other, as a program that wants neither transports nor streams uses them."""

import asyncio
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Do sock_accept, sock_connect, sock_sendall, sock_recv and sock_recv_into work together?",
    rule="Each does what the method of a blocking socket does: sock_accept's socket is non-blocking, sock_sendall "
    "sends everything, sock_recv_into fills the buffer and says how far, and the end of file is nothing.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#working-with-socket-objects-directly",
    reports=("https://github.com/MagicStack/uvloop/issues/378",),
)
DATA = bytes(range(256)) * 8192


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        listener, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
        listener.setblocking(False)
        client.setblocking(False)
        (accepted, address), _ = await asyncio.gather(
            loop.sock_accept(listener), loop.sock_connect(client, listener.getsockname())
        )
        if accepted.gettimeout() != 0 or address != client.getsockname():
            return answered(False, "sock_accept returns another socket or address", repr(accepted))
        sending = asyncio.ensure_future(loop.sock_sendall(client, DATA))
        received, buffer = bytearray(), memoryview(bytearray(100_000))
        while len(received) < len(DATA) // 2:
            received += await loop.sock_recv(accepted, 100_000)
        while len(received) < len(DATA):
            received += buffer[: await loop.sock_recv_into(accepted, buffer)]
        await sending
        client.close()
        end = await loop.sock_recv(accepted, 100), await loop.sock_recv_into(accepted, buffer)
        if end != (b"", 0):
            return answered(False, "the end of file is something else", repr(end))
        return answered(received == DATA, "other data arrives")

    return run(new_loop, main)
