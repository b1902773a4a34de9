"""A server that is not ready for a new connection yet says so in its first callback."""

import asyncio

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S, run, tcp_pair
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="When a protocol pauses reading in connection_made, does nothing arrive until it resumes?",
    rule="No data is passed to the protocol between pause_reading and resume_reading, wherever they are called.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.ReadTransport.pause_reading",
    reports=("https://github.com/python/cpython/issues/76002",),
)


class NotYet(Recorder):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        peer.sendall(b"early")
        protocol = await attached(ours, NotYet())
        await asyncio.sleep(QUIET_S)
        if protocol.data:
            return answered(False, "data arrives at once")
        protocol.transport.resume_reading()
        await protocol.arrived
        return answered(protocol.data == b"early", "other data arrives")

    return run(new_loop, main)
