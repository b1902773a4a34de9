"""A named FIFO is silent until somebody writes."""

import os
import sys
import tempfile
from pathlib import Path

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no, not_there
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Is a named FIFO not ready before the first write, and ready after it?",
    rule="A FIFO that is open for reading alone and was never open for writing has not hung up: it is not readable.",
    source="https://man7.org/linux/man-pages/man7/fifo.7.html",
    reports=("https://github.com/ocaml-multicore/eio/pull/857",),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    if sys.platform == "win32":
        return not_there("Windows has no named FIFOs")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fifo")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        received = list[bytes]()
        loop.watch(reader, loop.then_stop(lambda: received.append(os.read(reader, 100))))
        loop.run_for(QUIET_S / 2)
        if received:
            return no("it is reported before anybody has written", repr(received))
        writer = os.open(path, os.O_WRONLY)
        os.write(writer, b"x")
        loop.run_for(QUIET_S)
    return answered(received == [b"x"], "what is written is not heard", repr(received))
