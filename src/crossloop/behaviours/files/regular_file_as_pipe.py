"""A regular file is refused where a pipe is expected, as epoll cannot watch it."""

import asyncio
import tempfile

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Is a regular file refused in words where connect_read_pipe expects a pipe?",
    rule="Only pipes, sockets and character devices can be waited for; ValueError says so.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.connect_read_pipe",
    platforms=("linux", "darwin", "bsd"),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        with tempfile.TemporaryFile() as file:
            file.write(b"content")
            file.seek(0)
            try:
                await asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, file)
            except (ValueError, OSError) as error:
                return answered(True, "", f"{type(error).__name__}: {error}")
        return answered(False, "it is taken")

    return run(new_loop, main)
