"""A connect with a deadline is cancelled now and then. What it was given must then be closed, and closed once."""

import asyncio
import contextlib
import os
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, tcp_pair
from crossloop.behaviours.recorder import Recorder

ABOUT = Behaviour(
    question="When create_connection(sock=…) is cancelled, is that socket closed, and does its object know?",
    rule="The socket belongs to the transport from the call on. Whoever closes the descriptor tells the object, "
    "which else closes, later, whatever has the number then.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_connection",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/738",
        "https://github.com/aio-libs/aiohttp/issues/10506",
    ),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, _peer = tcp_pair()
        await give_up(ours)
        if (number := ours.fileno()) == -1:
            return answered(True, "")
        try:
            os.fstat(number)
        except OSError as error:
            return no("the object keeps the number of a descriptor that is closed", str(error))
        return no("it stays open")

    return run(new_loop, main)


async def give_up(sock: socket.socket) -> None:
    """Begin to connect by *sock*, and cancel that in the next turn of the loop."""
    connecting = asyncio.ensure_future(asyncio.get_running_loop().create_connection(Recorder, sock=sock))
    await asyncio.sleep(0)
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await connecting
    await asyncio.sleep(0.01)
