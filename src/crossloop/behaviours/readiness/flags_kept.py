"""A descriptor that was blocking is blocking when it was watched."""

import os
import sys

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.frames import pipe
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does a descriptor stay blocking when it is watched?",
    rule="O_NONBLOCK belongs to the open file, which other descriptors and other processes may share (standard input "
    "and output mostly are). To watch is to ask, and changes no flags.",
    source="https://man7.org/linux/man-pages/man2/fcntl.2.html",
    reports=("https://github.com/MagicStack/uvloop/issues/712",),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    if sys.platform == "win32":
        return not_there("Windows has no such flag that can be asked for")
    with pipe() as (reader, _writer):
        unwatch = loop.watch(reader, lambda: None)
        loop.run_for(0.01)
        unwatch()
        return answered(os.get_blocking(reader), "it is non-blocking from then on")
