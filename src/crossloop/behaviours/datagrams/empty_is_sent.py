"""An empty datagram can be sent."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import beside_reactor, react

ABOUT = Behaviour(
    question="Does sendto of no bytes send an empty datagram?",
    rule="send(2) of no bytes sends an empty datagram, and asyncio's transports do so since Python 3.13.",
    source="https://github.com/python/cpython/issues/115199",
)


def verdict(arrived: bytes) -> Answer:
    """From what arrives first."""
    return answered(arrived == b"", "it is left out" if arrived == b"after" else "another datagram is sent")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, _protocol = await endpoint()
        with plain_peer() as peer:
            for data in (b"", b"after"):
                transport.sendto(data, peer.getsockname())
            arrived = await asyncio.to_thread(peer.recv, 100)
        return verdict(arrived)

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        for data in (b"", b"after"):
            sender.sendto(data, peer.getsockname())
        return verdict(peer.recv(100))


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sender, plain_peer() as peer:
            for data in (b"", b"after"):
                await sender.sendto(data, peer.getsockname())
            return verdict(peer.recv(100))

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            with plain_peer() as peer:
                for data in (b"", b"after"):
                    await sender.sendto(data, peer.getsockname())
                return verdict(peer.recv(100))

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, _address = keeping(reactor)
        with plain_peer() as peer:
            for data in (b"", b"after"):
                kept.transport.write(data, peer.getsockname())
            return verdict(await beside_reactor(lambda: peer.recv(100)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        for data in (b"", b"after"):
            sender.sendto(data, peer.getsockname())
        return verdict(peer.recv(100))
