"""Closing the transport of a child ends the child, and nothing of it is left."""

import asyncio
import os
import sys

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run

ABOUT = Behaviour(
    question="When the transport of a running child is closed, is the child ended and waited for, and are we told?",
    rule="close() kills the child if it has not ended yet; connection_lost() follows, and no zombie stays.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.SubprocessTransport.close",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/128",
        "https://github.com/MagicStack/uvloop/issues/64",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")

    async def main() -> Answer:
        loop, calls, over = asyncio.get_running_loop(), list[str](), asyncio.Event()

        class Told(asyncio.SubprocessProtocol):
            def process_exited(self) -> None:
                calls.append("process_exited")

            def connection_lost(self, exc: Exception | None) -> None:
                calls.append("connection_lost")
                over.set()

        transport, _protocol = await loop.subprocess_exec(Told, "/bin/sh", "-c", "read line")
        transport.close()
        try:
            await asyncio.wait_for(over.wait(), WAIT_S)
        except TimeoutError:
            return answered(False, "connection_lost is not called", f"{calls}")
        try:
            ended, _status = os.waitpid(transport.get_pid(), os.WNOHANG)
        except ChildProcessError:
            return answered("process_exited" in calls, "process_exited is not called", f"{calls}")
        return answered(False, "it is left as a zombie" if ended else "it goes on")

    return run(new_loop, main)
