"""A send that fails costs that datagram, not the endpoint."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import beside_reactor, react

ABOUT = Behaviour(
    question="After a send that fails, does a datagram endpoint go on?",
    rule="An error of a send is given to error_received, or raised by the send; the endpoint stays open.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.DatagramProtocol.error_received",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/545",
        "https://github.com/MagicStack/uvloop/issues/601",
    ),
)
FORBIDDEN = ("255.255.255.255", 9)
"""Broadcast, which a socket without SO_BROADCAST may not send to (EACCES, socket(7))."""


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint()
        with plain_peer() as peer:
            raised = ""
            try:
                transport.sendto(b"refused", FORBIDDEN)
            except OSError as error:
                raised = type(error).__name__
            await asyncio.sleep(0.02)
            if protocol.lost or transport.is_closing():
                return answered(False, "the endpoint is closed")
            transport.sendto(b"alive", peer.getsockname())
            arrived = await asyncio.to_thread(peer.recv, 100)
        errors = [type(error).__name__ for error in protocol.errors]
        return answered(
            arrived == b"alive", "the next datagram is lost", f"raised {raised or 'nothing'}, told {errors}"
        )

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        raised = ""
        try:
            sender.sendto(b"refused", FORBIDDEN)
        except OSError as error:
            raised = type(error).__name__
        sender.sendto(b"alive", peer.getsockname())
        return answered(
            peer.recv(100) == b"alive", "the next datagram is lost", f"raised {raised or 'nothing'}"
        )


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sender, plain_peer() as peer:
            raised = ""
            try:
                await sender.sendto(b"refused", FORBIDDEN)
            except OSError as error:
                raised = type(error).__name__
            await sender.sendto(b"alive", peer.getsockname())
            return answered(
                peer.recv(100) == b"alive", "the next datagram is lost", f"raised {raised or 'nothing'}"
            )

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            with plain_peer() as peer:
                raised = ""
                try:
                    await sender.sendto(b"refused", FORBIDDEN)
                except OSError as error:
                    raised = type(error).__name__
                await sender.sendto(b"alive", peer.getsockname())
                return answered(
                    peer.recv(100) == b"alive", "the next datagram is lost", f"raised {raised or 'nothing'}"
                )

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, _address = keeping(reactor)
        with plain_peer() as peer:
            raised = ""
            try:
                kept.transport.write(b"refused", FORBIDDEN)
            except OSError as error:
                raised = type(error).__name__
            kept.transport.write(b"alive", peer.getsockname())
            alive = await beside_reactor(lambda: peer.recv(100)) == b"alive"
        return answered(alive, "the next datagram is lost", f"raised {raised or 'nothing'}")

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, plain_peer() as peer:
        raised = ""
        try:
            sender.sendto(b"refused", FORBIDDEN)
        except OSError as error:
            raised = type(error).__name__
        sender.sendto(b"alive", peer.getsockname())
        return answered(
            peer.recv(100) == b"alive", "the next datagram is lost", f"raised {raised or 'nothing'}"
        )
