"""A file is sent over a transport, whole."""

import asyncio
import socket
import tempfile
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run

ABOUT = Behaviour(
    question="Does loop.sendfile send a file over a transport, from an offset on?",
    rule="sendfile sends what is left of the file from offset on, and returns how many bytes it was.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sendfile",
    reports=("https://github.com/MagicStack/uvloop/issues/228",),
)
CONTENT = bytes(range(256)) * 2048
OFFSET = 1000


def read_to_end(peer: socket.socket) -> bytes:
    with peer:
        peer.settimeout(3)
        return b"".join(iter(lambda: peer.recv(1 << 16), b""))


async def sent(transport: Any, file: Any) -> int:
    loop = asyncio.get_running_loop()
    return await loop.sendfile(transport, file, OFFSET)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, theirs = socket.socketpair()
        transport, _protocol = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        reading = aside(lambda: read_to_end(theirs))
        with tempfile.TemporaryFile() as file:
            file.write(CONTENT)
            file.flush()
            count = await sent(transport, file)
        transport.close()
        arrived = await asyncio.wrap_future(reading)
        whole = arrived == CONTENT[OFFSET:] and count == len(arrived)
        return answered(whole, "something else arrives", f"{count} said, {len(arrived)} arrived")

    return run(new_loop, main)
