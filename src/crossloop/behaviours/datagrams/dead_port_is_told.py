"""A connected endpoint learns that nobody listens, and goes on."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import dead_address, endpoint, keeping
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import asleep, react

ABOUT = Behaviour(
    question="Does a connected endpoint learn that nobody listens at the other port, and stay open?",
    rule="The kernel's ECONNREFUSED (an ICMP port unreachable) is given to error_received; it ends nothing.",
    source="https://man7.org/linux/man-pages/man7/udp.7.html",
    reports=(
        "https://github.com/python/cpython/issues/91227",
        "https://github.com/python/cpython/issues/127057",
    ),
)
SENDS = 20


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint(local_addr=None, remote_addr=dead_address())
        for _ in range(SENDS):
            if protocol.lost or transport.is_closing():
                return answered(False, "the endpoint is closed")
            transport.sendto(b"to nobody")
            await asyncio.sleep(0.01)
            if protocol.errors:
                break
        await asyncio.sleep(0.02)
        if protocol.lost or transport.is_closing():
            return answered(False, "the endpoint is closed")
        refused = any(isinstance(error, ConnectionRefusedError) for error in protocol.errors)
        return answered(
            refused, "nobody is told", f"told {[type(error).__name__ for error in protocol.errors]}"
        )

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import sleep, socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(dead_address())
        for _ in range(SENDS):
            try:
                sender.send(b"to nobody")
            except ConnectionRefusedError:
                return answered(True, "")
            sleep(0.01)
        return answered(False, "nobody is told")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sender:
            await sender.connect(dead_address())
            for _ in range(SENDS):
                try:
                    await sender.send(b"to nobody")
                except ConnectionRefusedError:
                    return answered(True, "")
                await trio.sleep(0.01)
            return answered(False, "nobody is told")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            await sender.connect(dead_address())
            for _ in range(SENDS):
                try:
                    await sender.send(b"to nobody")
                except ConnectionRefusedError:
                    return answered(True, "")
                await curio.sleep(0.01)
            return answered(False, "nobody is told")

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, _address = keeping(reactor)
        kept.transport.connect(*dead_address())
        for _ in range(SENDS):
            kept.transport.write(b"to nobody")
            await asleep(reactor, 0.01)
            if kept.transport is None:
                return answered(False, "the endpoint is closed", f"told {kept.refused} times")
            if kept.refused:
                return answered(True, "")
        return answered(False, "nobody is told")

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import sleep
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(dead_address())
        for _ in range(SENDS):
            try:
                sender.send(b"to nobody")
            except ConnectionRefusedError:
                return answered(True, "")
            sleep(0.01)
        return answered(False, "nobody is told")
