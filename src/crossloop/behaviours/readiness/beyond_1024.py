"""A descriptor may have a number of 1024 or more."""

import os
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Can a descriptor be watched whose number is 1024 or more?",
    rule="select knows the numbers below FD_SETSIZE alone, mostly 1024; poll, epoll and kqueue have no such bound.",
    source="https://man7.org/linux/man-pages/man2/select.2.html",
    reports=(
        "https://github.com/prompt-toolkit/python-prompt-toolkit/issues/354",
        "https://github.com/websocket-client/websocket-client/issues/561",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    heard = list[str]()
    watched, peer = socket.socketpair()
    os.dup2(watched.fileno(), 1500)
    loop.watch(1500, loop.then_stop(heard.append, "readable"))
    peer.send(b"x")
    loop.run_for(QUIET_S)
    return answered(bool(heard), "it is taken and never reported")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        watched, peer = socket.socketpair()
        os.dup2(watched.fileno(), 1500)
        peer.send(b"x")
        with trio.move_on_after(QUIET_S) as limit:
            await trio.lowlevel.wait_readable(1500)
        return answered(not limit.cancelled_caught, "it is taken and never reported")

    return trio.run(main)
