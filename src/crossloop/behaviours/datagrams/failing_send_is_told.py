"""Who sends learns that a send failed."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping
from crossloop.behaviours.datagrams.failing_send_goes_on import FORBIDDEN
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

ABOUT = Behaviour(
    question="Does a sender learn of a send that the system refuses?",
    rule="An OSError of a send is given to error_received, or raised by the send.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.DatagramProtocol.error_received",
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint()
        try:
            transport.sendto(b"refused", FORBIDDEN)
        except OSError as error:
            return answered(True, "", f"raised {type(error).__name__}")
        await asyncio.sleep(0.05)
        errors = [type(error).__name__ for error in protocol.errors]
        return answered(bool(errors), "nobody is told", f"told {errors}")

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"refused", FORBIDDEN)
        except OSError as error:
            return answered(True, "", f"raised {type(error).__name__}")
        return answered(False, "nobody is told")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sender:
            try:
                await sender.sendto(b"refused", FORBIDDEN)
            except OSError as error:
                return answered(True, "", f"raised {type(error).__name__}")
            return answered(False, "nobody is told")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            try:
                await sender.sendto(b"refused", FORBIDDEN)
            except OSError as error:
                return answered(True, "", f"raised {type(error).__name__}")
            return answered(False, "nobody is told")

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, _address = keeping(reactor)
        try:
            kept.transport.write(b"refused", FORBIDDEN)
        except OSError as error:
            return answered(True, "", f"raised {type(error).__name__}")
        return answered(False, "nobody is told")

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"refused", FORBIDDEN)
        except OSError as error:
            return answered(True, "", f"raised {type(error).__name__}")
        return answered(False, "nobody is told")
