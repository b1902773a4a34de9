"""What a program writes and the kernel takes has left, even if the program computes for a while before it waits."""

import select
import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pair, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does the peer get what was written while the same callback still computes?",
    rule="A write tries to send at once. Only what the kernel does not take waits for the loop.",
    source="https://github.com/MagicStack/uvloop/issues/631",
    reports=("https://github.com/MagicStack/uvloop/issues/631",),
)
ENOUGH_S = 0.05
"""Data on a socket pair is there when the call that sends it returns."""


def verdict(peer: socket.socket) -> Answer:
    """Asked in the callback that has written."""
    there, _, _ = select.select([peer], [], [], ENOUGH_S)
    return answered(bool(there), "it is held back until the loop has its turn")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        with pair() as (ours, peer):
            recorder = await attached(ours, Recorder())
            recorder.transport.write(b"now")
            return verdict(peer)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        with pair() as (ours, peer):
            IOStream(ours).write(b"now")
            return verdict(peer)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    ours, peer = gevent.socket.socketpair()
    with ours, peer:
        ours.send(b"now")
        return verdict(peer)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with pair() as (ours, peer):
            await stream_of(ours).send_all(b"now")
            return verdict(peer)

    return trio.run(main)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import BufferEvent, EventBase

    with pair() as (ours, peer), EventBase() as base:
        BufferEvent(base, ours.fileno(), lambda: None, lambda _what: None).write(b"now")
        return verdict(peer)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        attached_to(reactor, ours, Noted()).transport.write(b"now")
        return verdict(peer)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    with pair() as (ours, peer):
        GreenSocket(ours).send(b"now")
        return verdict(peer)
