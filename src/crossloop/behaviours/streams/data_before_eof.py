"""A peer sends and closes at once. What it sent comes first, then the end, then nothing."""

import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When data and end of file are there together, is all the data passed on before the end?",
    rule="connection_made, then data_received for all of it, then eof_received once, then connection_lost once.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#streaming-protocols",
)
DATA = bytes(range(256)) * 1000
LOST = "some of the data is lost"


def sent_and_closed() -> socket.socket:
    """Our end of a connection whose peer has sent `DATA` and gone."""
    ours, peer = tcp_pair()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(DATA))
    peer.sendall(DATA)
    peer.close()
    return ours


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        recorder = await attached(sent_and_closed(), Recorder())
        await recorder.lost
        if recorder.data != DATA:
            return answered(False, LOST, f"{len(recorder.data)} bytes")
        order = ", ".join(recorder.calls)
        return answered(order == "made, data, eof, lost", f"the calls are {order}")

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        data = await IOStream(sent_and_closed()).read_until_close()
        return answered(data == DATA, LOST, f"{len(data)} bytes")

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    with gevent.socket.socket(fileno=sent_and_closed().detach()) as stream, stream.makefile("rb") as file:
        data = file.read()
    return answered(data == DATA, LOST, f"{len(data)} bytes")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        data = b"".join([piece async for piece in stream_of(sent_and_closed())])
        return answered(data == DATA, LOST, f"{len(data)} bytes")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> bytes:
        stream, data = Socket(sent_and_closed()), b""
        while piece := await stream.recv(65536):
            data += piece
        return data

    data = curio.run(main)
    return answered(data == DATA, LOST, f"{len(data)} bytes")


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import READ, BufferEvent, EventBase

    data, ours = bytearray(), sent_and_closed()
    ours.setblocking(False)
    with EventBase() as base:
        stream = BufferEvent(
            base, ours.fileno(), lambda: data.extend(stream.read()), lambda _end_of_file: base.loopbreak()
        )
        stream.enable(READ)
        base.run()
    return answered(data == DATA, LOST, f"{len(data)} bytes")


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        noted = attached_to(reactor, sent_and_closed(), Noted(half_open=True))
        await noted.ended
        noted.transport.loseConnection()
        await noted.lost
        if noted.data != DATA:
            return answered(False, LOST, f"{len(noted.data)} bytes")
        order = ", ".join(noted.calls)
        return answered(order == "made, data, eof, lost", f"the calls are {order}")

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    data = bytearray()
    with GreenSocket(sent_and_closed()) as stream:
        while piece := stream.recv(65536):
            data += piece
    return answered(data == DATA, LOST, f"{len(data)} bytes")
