"""A file is sent over a socket of one's own, whole."""

import asyncio
import socket
import tempfile

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.files.sendfile_whole import CONTENT, OFFSET, read_to_end
from crossloop.behaviours.frames import aside, run

ABOUT = Behaviour(
    question="Does loop.sock_sendfile send a part of a file over a socket?",
    rule="sock_sendfile sends count bytes from offset on, and moves the file's position behind them.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sock_sendfile",
    reports=("https://github.com/MagicStack/uvloop/issues/228",),
)
COUNT = 300_000


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reading = aside(lambda: read_to_end(theirs))
        with tempfile.TemporaryFile() as file, ours:
            file.write(CONTENT)
            file.flush()
            await asyncio.get_running_loop().sock_sendfile(ours, file, OFFSET, COUNT)
            place = file.tell()
        arrived = await asyncio.wrap_future(reading)
        if arrived != CONTENT[OFFSET : OFFSET + COUNT]:
            return answered(False, "something else arrives", f"{len(arrived)} bytes")
        return answered(place == OFFSET + COUNT, "the file's position is elsewhere", f"{place}")

    return run(new_loop, main)
