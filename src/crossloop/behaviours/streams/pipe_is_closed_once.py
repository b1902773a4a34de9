"""Two owners of one descriptor close it twice, and the second time it may be somebody else's."""

import asyncio
import contextlib
import io
import os
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pipe, run

ABOUT = Behaviour(
    question="Is the descriptor of a pipe that was given to the loop closed once, by whoever holds it?",
    rule="connect_read_pipe and connect_write_pipe take a file object. It is closed with the transport, while its "
    "descriptor is still its own.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.connect_read_pipe",
    reports=("https://github.com/MagicStack/uvloop/issues/763",),
    platforms=("linux", "darwin", "bsd"),
)


class Watched(io.FileIO):
    """A file that notes what its descriptor was when it is closed."""

    closings: list[str]

    def close(self) -> None:
        if not self.closed:
            try:
                os.fstat(self.fileno())
                self.closings.append("open")
            except OSError:
                self.closings.append("closed already")
        with contextlib.suppress(OSError):
            super().close()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, closings = asyncio.get_running_loop(), list[str]()
        with pipe() as (reading, writing):
            for end, mode in ((reading, "rb"), (writing, "wb")):
                file: Any = Watched(end, mode)
                file.closings = closings
                connect = loop.connect_read_pipe if mode == "rb" else loop.connect_write_pipe
                transport, _protocol = await connect(asyncio.Protocol, file)
                transport.close()
                await asyncio.sleep(0.02)
            if len(closings) < 2:
                return no("the file objects stay open")
            return answered("closed already" not in closings, "it is closed twice", ", ".join(closings))

    return run(new_loop, main)
