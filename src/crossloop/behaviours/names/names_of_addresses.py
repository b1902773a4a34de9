"""getnameinfo gives what Python gives."""

import asyncio
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Does getnameinfo give the numbers of an address as Python does?",
    rule="With NI_NUMERICHOST and NI_NUMERICSERV host and port come back as text.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.getnameinfo",
)
FLAGS = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
ADDRESSES: tuple[tuple[str, int] | tuple[str, int, int, int], ...] = (("127.0.0.1", 80), ("::1", 443, 0, 0))


def verdict(names: list[tuple[str, str]]) -> Answer:
    wanted = [socket.getnameinfo(address, FLAGS) for address in ADDRESSES]
    return answered(names == wanted, "something else", f"{names}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        return verdict([await loop.getnameinfo(address, FLAGS) for address in ADDRESSES])

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket as green

    return verdict([green.getnameinfo(address, FLAGS) for address in ADDRESSES])


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        return verdict([await trio.socket.getnameinfo(address, FLAGS) for address in ADDRESSES])

    return trio.run(main)
