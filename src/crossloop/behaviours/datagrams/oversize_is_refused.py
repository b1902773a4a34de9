"""A datagram that is larger than UDP allows is refused, and the endpoint goes on."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import beside_reactor, react

ABOUT = Behaviour(
    question="Is a datagram of 70,000 bytes refused with an error, and does the endpoint go on?",
    rule="send(2) fails with EMSGSIZE: a message must fit into one datagram. The error is told, and ends nothing.",
    source="https://man7.org/linux/man-pages/man2/send.2.html",
)
TOO_LARGE = bytes(70_000)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint()
        with plain_peer() as peer:
            refusal = ""
            try:
                transport.sendto(TOO_LARGE, peer.getsockname())
            except (OSError, ValueError) as error:
                refusal = type(error).__name__
            await asyncio.sleep(0.02)
            refusal = refusal or ", ".join(type(error).__name__ for error in protocol.errors)
            if protocol.lost or transport.is_closing():
                return answered(False, "the endpoint is closed")
            transport.sendto(b"alive", peer.getsockname())
            alive = await asyncio.to_thread(peer.recv, 100) == b"alive"
        return answered(
            bool(refusal) and alive, "nobody is told" if alive else "the next datagram is lost", refusal
        )

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        try:
            sender.sendto(TOO_LARGE, peer.getsockname())
        except OSError as error:
            refusal = type(error).__name__
        else:
            return answered(False, "nobody is told")
        sender.sendto(b"alive", peer.getsockname())
        return answered(peer.recv(100) == b"alive", "the next datagram is lost", refusal)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sender, plain_peer() as peer:
            try:
                await sender.sendto(TOO_LARGE, peer.getsockname())
            except OSError as error:
                refusal = type(error).__name__
            else:
                return answered(False, "nobody is told")
            await sender.sendto(b"alive", peer.getsockname())
            return answered(peer.recv(100) == b"alive", "the next datagram is lost", refusal)

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            with plain_peer() as peer:
                try:
                    await sender.sendto(TOO_LARGE, peer.getsockname())
                except OSError as error:
                    refusal = type(error).__name__
                else:
                    return answered(False, "nobody is told")
                await sender.sendto(b"alive", peer.getsockname())
                return answered(peer.recv(100) == b"alive", "the next datagram is lost", refusal)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, _address = keeping(reactor)
        with plain_peer() as peer:
            try:
                kept.transport.write(TOO_LARGE, peer.getsockname())
            except Exception as error:  # Twisted's MessageLengthError
                refusal = type(error).__name__
            else:
                return answered(False, "nobody is told")
            kept.transport.write(b"alive", peer.getsockname())
            alive = await beside_reactor(lambda: peer.recv(100)) == b"alive"
        return answered(alive, "the next datagram is lost", refusal)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        try:
            sender.sendto(TOO_LARGE, peer.getsockname())
        except OSError as error:
            refusal = type(error).__name__
        else:
            return answered(False, "nobody is told")
        sender.sendto(b"alive", peer.getsockname())
        return answered(peer.recv(100) == b"alive", "the next datagram is lost", refusal)
