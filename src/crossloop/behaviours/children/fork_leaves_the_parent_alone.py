"""What a forked child does with the loop that it has a copy of does not reach the parent's."""

import os
import sys

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="When a child of os.fork() stops watching a socket, does its parent still get that socket's events?",
    rule="A fork copies descriptors and not what they refer to: one epoll set serves both processes.",
    source="https://man7.org/linux/man-pages/man7/epoll.7.html",
    reports=(
        "https://github.com/python/asyncio/issues/347",
        "https://github.com/python/cpython/issues/85789",
        "https://github.com/libuv/libuv/pull/846",
    ),
    platforms=("linux", "darwin", "bsd"),
)
PATIENCE_S = 1.0


def on_loop(loop: PlainLoop) -> Answer:
    """The socket is heard once before the fork, so that the kernel knows of it, and should be heard once after."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    heard = list[bytes]()
    with pair() as (mine, peers):

        def readable() -> None:
            heard.append(mine.recv(1))
            if len(heard) == 2:
                loop.stop()
            elif child := os.fork():
                os.waitpid(child, 0)
                loop.after(0.001, lambda: peers.send(b"x"))  # when this callback is over
            else:
                try:
                    forget()
                finally:
                    os._exit(0)

        forget = loop.watch(mine.fileno(), readable)
        peers.send(b"x")
        loop.run_for(PATIENCE_S)
    return answered(len(heard) == 2, "the parent hears nothing more of it")
