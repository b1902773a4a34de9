"""A program that fills one buffer again and again may overwrite what the loop has not sent yet."""

from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, receive_all, run, run_on, tcp_pair
from crossloop.behaviours.recorder import Recorder, attached

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="May a program change a bytearray after it was written?",
    rule="What is sent is what the buffer held at the call: a library that keeps the rest keeps a copy.",
    source="https://github.com/python/asyncio/issues/389",
    reports=("https://github.com/python/asyncio/pull/339",),
)
SIZE = 8 << 20
"""More than the kernel takes at once."""


def verdict(received: bytes) -> Answer:
    if len(received) != SIZE:
        return answered(False, "some of it is lost", f"{len(received)} of {SIZE} bytes")
    late = received.count(b"2")
    return answered(not late, "what the kernel does not take at once is sent as it is later", f"{late} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        buffer = bytearray(b"1" * SIZE)
        recorder.transport.write(buffer)
        buffer[:] = b"2" * SIZE
        received = aside(lambda: receive_all(peer))
        recorder.transport.close()
        await recorder.lost
        return verdict(received.result())

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        buffer = bytearray(b"1" * SIZE)
        written = stream.write(memoryview(buffer))
        buffer[:] = b"2" * SIZE
        received = aside(lambda: receive_all(peer))
        await written
        stream.close()
        return verdict(received.result())

    return run_on(io_loop, main)
