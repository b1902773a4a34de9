"""Reading with a deadline: when it has passed, the data must still be there for the next one who reads."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pair, run, run_on, tcp_pair
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a receive is cancelled, does the next one get all the data that arrives afterwards?",
    rule="A receive that is cancelled, by a deadline for one, takes nothing from the socket.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sock_recv",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/169",
        "https://github.com/python/cpython/issues/78976",
    ),
)
TIMES = 20
SENT = bytes(range(TIMES))


def verdict(received: bytes) -> Answer:
    return answered(received == SENT, "data is lost", f"{len(received)} of {TIMES} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, received = asyncio.get_running_loop(), bytearray()
        with pair() as (ours, peer):
            for number in range(TIMES):
                waiting = asyncio.ensure_future(loop.sock_recv(ours, 1))
                await asyncio.sleep(0)
                waiting.cancel()
                peer.send(SENT[number : number + 1])
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting
                with contextlib.suppress(TimeoutError):
                    received += await asyncio.wait_for(loop.sock_recv(ours, 1), 1)
            return verdict(bytes(received))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream, received = IOStream(ours), bytearray()
        for number in range(TIMES):
            waiting = stream.read_bytes(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiting, 0.001)
            peer.send(SENT[number : number + 1])
            received += await stream.read_bytes(1)
        return verdict(bytes(received))

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    import gevent.socket

    ours, peer = gevent.socket.socketpair()
    received = bytearray()
    for number in range(TIMES):
        with gevent.Timeout(0.001, False):
            ours.recv(1)
        peer.send(SENT[number : number + 1])
        received += ours.recv(1)
    return verdict(bytes(received))


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream, received = stream_of(ours), bytearray()
        for number in range(TIMES):
            with trio.move_on_after(0.001):
                await stream.receive_some(1)
            peer.send(SENT[number : number + 1])
            received += await stream.receive_some(1)
        return verdict(bytes(received))

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream, received = Socket(ours), bytearray()
        for number in range(TIMES):
            await curio.ignore_after(0.001, stream.recv, 1)
            peer.send(SENT[number : number + 1])
            received += await stream.recv(1)
        return verdict(bytes(received))

    answer: Answer = curio.run(main)
    return answer


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    received = bytearray()
    with pair() as (ours, peer):
        stream = GreenSocket(ours)
        stream.settimeout(None)
        for number in range(TIMES):
            with eventlet.Timeout(0.001, False):
                stream.recv(1)
            peer.send(SENT[number : number + 1])
            with eventlet.Timeout(1, False):
                received += stream.recv(1)
    return verdict(bytes(received))
