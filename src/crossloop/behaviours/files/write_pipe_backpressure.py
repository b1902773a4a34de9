"""A write pipe that nobody reads keeps what is written, and says that it is full."""

import asyncio
import os

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside, run

ABOUT = Behaviour(
    question="Does a transport on a pipe pause its writer when nobody reads, and lose nothing?",
    rule="Beyond the high-water mark pause_writing is called; when the pipe is read, resume_writing is.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseProtocol.pause_writing",
    platforms=("linux", "darwin", "bsd"),
)
CONTENT = bytes(range(256)) * 4096


class Writes(asyncio.BaseProtocol):
    """Notes when it is paused and resumed."""

    def __init__(self) -> None:
        self.calls = list[str]()
        self.resumed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")
        self.resumed.set_result(None)


def read(end: int) -> bytes:
    with open(end, "rb", buffering=0) as stream:
        return stream.read()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        reading, writing = os.pipe()
        stream = open(writing, "wb", buffering=0)  # noqa: PTH123, SIM115  (the loop's from now on)
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(Writes, stream)
        transport.write(CONTENT)
        await asyncio.sleep(0.02)
        if protocol.calls != ["pause"]:
            return answered(False, "it does not pause", f"{protocol.calls}")
        data = aside(lambda: read(reading))
        await asyncio.wait_for(protocol.resumed, WAIT_S)
        transport.close()
        arrived = await asyncio.wrap_future(data)
        return answered(arrived == CONTENT, "something is lost", f"{len(arrived)} bytes")

    return run(new_loop, main)


def on_trio() -> Answer:
    import sys

    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms
    import trio

    async def main() -> Answer:
        reading, writing = os.pipe()
        stream, sent = trio.lowlevel.FdStream(writing), trio.Event()

        async def send() -> None:
            async with stream:
                await stream.send_all(CONTENT)
            sent.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await trio.sleep(0.02)
            if sent.is_set():
                return answered(False, "it does not pause")
            arrived = await trio.to_thread.run_sync(read, reading)
        return answered(arrived == CONTENT, "something is lost", f"{len(arrived)} bytes")

    return trio.run(main)
