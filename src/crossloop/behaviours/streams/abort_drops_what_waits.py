"""Abort is for peers that do not read: the connection is gone at once, with all that waited for them."""

import contextlib
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import receive_all, run, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Does abort end a connection at once, although data waits for a peer that does not read?",
    rule="abort closes the transport without waiting for what is buffered, which is lost. "
    "connection_lost follows, once.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.abort",
    reports=("https://github.com/MagicStack/uvloop/issues/471",),
    limit_s=4.0,
)
SIZE = 16 << 20


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        recorder.transport.write(bytes(SIZE))
        kept = recorder.transport.get_write_buffer_size()
        recorder.transport.abort()
        recorder.transport.abort()
        await recorder.lost
        arrived = 0
        with contextlib.suppress(ConnectionResetError):
            arrived = len(receive_all(peer))
        return answered(arrived < SIZE, "everything is sent first", f"{kept} bytes kept, {arrived} arrived")

    return run(new_loop, main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, Noted())
        noted.transport.write(bytes(SIZE))
        noted.transport.abortConnection()
        noted.transport.abortConnection()
        await noted.lost
        arrived = 0
        with contextlib.suppress(ConnectionResetError):
            arrived = len(receive_all(peer))
        return answered(arrived < SIZE, "everything is sent first", f"{arrived} arrived")

    return react(reactor, main)
