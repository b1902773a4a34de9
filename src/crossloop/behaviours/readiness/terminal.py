"""A terminal is heard: what is typed, and its hanging up."""

import os
import sys

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no, not_there
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Can a terminal be watched, and is its hang-up reported?",
    rule="A line that is typed makes a terminal readable, and so does its hanging up: reading then gives an error or "
    "the end of file and does not block.",
    source="https://man7.org/linux/man-pages/man2/poll.2.html",
    reports=(
        "https://github.com/python/cpython/pull/4774",
        "https://github.com/prompt-toolkit/python-prompt-toolkit/pull/2065",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    if sys.platform == "win32":
        return not_there("Windows has no terminals that can be watched")
    controlling, terminal = os.openpty()
    heard = list[bytes]()

    def typed() -> None:
        try:
            heard.append(os.read(terminal, 100))
        except OSError:  # EIO
            heard.append(b"")
        loop.stop()

    loop.watch(terminal, typed)
    os.write(controlling, b"a line\n")
    loop.run_for(QUIET_S)
    if heard != [b"a line\n"]:
        return no("what is typed is not heard", repr(heard))
    os.close(controlling)
    loop.run_for(QUIET_S)
    return answered(heard[1:2] == [b""], "its hanging up is not heard", repr(heard))
