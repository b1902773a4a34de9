"""A pipe is read to its end through a transport."""

import asyncio
import os

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside, run

ABOUT = Behaviour(
    question="Does connect_read_pipe give all that was written into a pipe, and then its end?",
    rule="Data come by data_received; when the last writer has closed, eof_received is called.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.connect_read_pipe",
    platforms=("linux", "darwin", "bsd"),
)
CONTENT = bytes(range(256)) * 1024


class Reads(asyncio.Protocol):
    """Keeps what comes, until the end."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def write(end: int) -> None:
    with open(end, "wb", buffering=0) as stream:
        stream.write(CONTENT)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        stream = open(reading, "rb", buffering=0)  # noqa: PTH123, SIM115  (the loop's from now on)
        _transport, protocol = await loop.connect_read_pipe(Reads, stream)
        aside(lambda: write(writing))
        try:
            await asyncio.wait_for(protocol.ended, WAIT_S)
        except TimeoutError:
            return answered(False, "its end is not told", f"{len(protocol.data)} bytes")
        return answered(bytes(protocol.data) == CONTENT, "something is lost", f"{len(protocol.data)} bytes")

    return run(new_loop, main)


def on_trio() -> Answer:
    import sys

    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms
    import trio

    async def main() -> Answer:
        reading, writing = os.pipe()
        aside(lambda: write(writing))
        data = b""
        with trio.move_on_after(WAIT_S) as limit:
            async with trio.lowlevel.FdStream(reading) as stream:
                async for piece in stream:
                    data += piece
        if limit.cancelled_caught:
            return answered(False, "its end is not told", f"{len(data)} bytes")
        return answered(data == CONTENT, "something is lost", f"{len(data)} bytes")

    return trio.run(main)
