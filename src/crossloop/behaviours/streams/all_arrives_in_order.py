"""Many writes, small and large, to a peer that is slow at first: what the kernel does not take has to wait its turn."""

import random
import socket
import time
from typing import TYPE_CHECKING, Any

from crossloop.api import StreamServer
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, receive_all, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.serving import served
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does all that is written arrive, once and in order, whatever the sizes and however slow the peer?",
    rule="A stream keeps order and loses nothing. What the kernel does not take at once is kept and sent later, "
    "after a partial write from where that ended.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.write",
    reports=("https://github.com/python/cpython/issues/103462",),
)
SIZES = (1, 300_000, 7, 1_000, 65_536, 2, 2_000_000, 100) * 3
DATA = random.Random(7).randbytes(sum(SIZES))  # noqa: S311  (a pattern, not a secret)
PIECES = [DATA[sum(SIZES[:number]) : sum(SIZES[: number + 1])] for number in range(len(SIZES))]


def read_late(peer: socket.socket) -> bytes:
    """The peer reads only when the buffers between the two are full."""
    time.sleep(0.02)
    return receive_all(peer)


def verdict(received: bytes) -> Answer:
    how = "some is lost" if len(received) < len(DATA) else "it arrives in another order, or twice"
    return answered(received == DATA, how, f"{len(received)} of {len(DATA)} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: read_late(peer))
        recorder = await attached(ours, Recorder())
        for number, piece in enumerate(PIECES):
            if number % 2:
                recorder.transport.writelines([piece[:5], piece[5:]])
            else:
                recorder.transport.write(piece)
        recorder.transport.close()
        await recorder.lost
        return verdict(received.result())

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: read_late(peer))
        stream = IOStream(ours)
        for piece in PIECES[:-1]:
            stream.write(piece)
        await stream.write(PIECES[-1])
        stream.close()
        return verdict(received.result())

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    ours, peer = tcp_pair()
    received = aside(lambda: read_late(peer))
    with gevent.socket.socket(fileno=ours.detach()) as stream:
        for piece in PIECES:
            stream.sendall(piece)
    return verdict(received.result())


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: read_late(peer))
        async with stream_of(ours) as stream:
            for piece in PIECES:
                await stream.send_all(piece)
        return verdict(received.result())

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: read_late(peer))
        async with Socket(ours) as stream:
            for piece in PIECES:
                await stream.sendall(piece)
        return verdict(received.result())

    answer: Answer = curio.run(main)
    return answer


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import BufferEvent, EventBase

    ours, peer = tcp_pair()
    with EventBase() as base:
        received = aside(lambda: read_late(peer))
        ours.setblocking(False)
        stream = BufferEvent(base, ours.fileno(), lambda: None, lambda _what: None)
        stream.call_when_drained(base.loopbreak)
        for piece in PIECES:
            stream.write(piece)
        base.run()
        stream.close()
        ours.close()
        return verdict(received.result())


def on_server(adapter: StreamServer) -> Answer:
    def exchange(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address) as peer:
            received = aside(lambda: read_late(peer))
            for piece in PIECES:
                peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
            return received.result()

    return verdict(served(adapter, lambda: bytes, exchange))


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: read_late(peer))
        noted = attached_to(reactor, ours, Noted())
        for number, piece in enumerate(PIECES):
            if number % 2:
                noted.transport.writeSequence([piece[:5], piece[5:]])
            else:
                noted.transport.write(piece)
        noted.transport.loseConnection()
        await noted.lost
        return verdict(received.result())

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    ours, peer = tcp_pair()
    received = aside(lambda: read_late(peer))
    with GreenSocket(ours) as stream:
        for piece in PIECES:
            stream.sendall(piece)
    return verdict(received.result())


on_readiness = on_server
