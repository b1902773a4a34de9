"""Datagrams on bare sockets: sock_sendto and sock_recvfrom."""

import asyncio
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run

ABOUT = Behaviour(
    question="Can a coroutine send and receive datagrams on a socket of its own?",
    rule="loop.sock_sendto and loop.sock_recvfrom are there since Python 3.11.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sock_recvfrom",
    reports=("https://github.com/MagicStack/uvloop/issues/561",),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, plain_peer() as peer:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            await loop.sock_sendto(sock, b"question", peer.getsockname())
            _data, address = peer.recvfrom(100)
            peer.sendto(b"answer", address)
            data, _address = await asyncio.wait_for(loop.sock_recvfrom(sock, 100), WAIT_S)
        return answered(data == b"answer", "another datagram arrives")

    return run(new_loop, main)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, plain_peer() as peer:
            await sock.bind(("127.0.0.1", 0))
            await sock.sendto(b"question", peer.getsockname())
            _data, address = peer.recvfrom(100)
            peer.sendto(b"answer", address)
            data = b""
            with trio.move_on_after(WAIT_S):
                data, _address = await sock.recvfrom(100)
        return answered(data == b"answer", "another datagram arrives")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket as of_curio

    async def main() -> Answer:
        async with of_curio.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with plain_peer() as peer:
                sock.bind(("127.0.0.1", 0))
                await sock.sendto(b"question", peer.getsockname())
                _data, address = peer.recvfrom(100)
                peer.sendto(b"answer", address)
                data, _address = await curio.timeout_after(WAIT_S, sock.recvfrom, 100)
        return answered(data == b"answer", "another datagram arrives")

    answer: Answer = curio.run(main)
    return answer
