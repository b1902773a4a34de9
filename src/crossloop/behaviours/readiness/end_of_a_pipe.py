"""A pipe whose writer is gone gives what is in it, and then its end."""

import os

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import QUIET_S, pipe
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="When the writer of a pipe is gone, are the bytes in the pipe and then its end reported?",
    rule="A hang-up (POLLHUP) comes whether it was asked for or not, on Linux without POLLIN when the pipe is empty. "
    "What was written before can still be read, and then the end of file.",
    source="https://man7.org/linux/man-pages/man2/poll.2.html",
    reports=(
        "https://github.com/nim-lang/Nim/pull/1990",
        "https://github.com/wingo/fibers/issues/19",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    with pipe() as (reader, writer):
        received = list[bytes]()

        def readable() -> None:
            received.append(os.read(reader, 100))
            if not received[-1]:
                loop.stop()

        loop.watch(reader, readable)
        os.write(writer, b"the last words")
        os.close(writer)
        loop.run_for(QUIET_S)
    return answered(received[:2] == [b"the last words", b""], "the end is not heard", repr(received))


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with pipe() as (reader, writer):
            received = list[bytes]()
            os.write(writer, b"the last words")
            os.close(writer)
            with trio.move_on_after(QUIET_S):
                while not received or received[-1]:
                    await trio.lowlevel.wait_readable(reader)
                    received.append(os.read(reader, 100))
        return answered(received[:2] == [b"the last words", b""], "the end is not heard", repr(received))

    return trio.run(main)
