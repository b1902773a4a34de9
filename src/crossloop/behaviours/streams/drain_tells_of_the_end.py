"""A program that only writes learns of the end of its connection from drain, or never."""

import asyncio
import logging
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import reset, run, run_on, tcp_pair
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a program that only writes and drains learn that its peer is gone?",
    rule="Once the connection is lost, awaiting drain raises ConnectionResetError or what ended the connection.",
    source="https://docs.python.org/3/library/asyncio-stream.html#asyncio.StreamWriter.drain",
    reports=("https://github.com/MagicStack/uvloop/issues/552",),
)
TIMES = 200
NEVER = "it may go on for ever"


def on_asyncio(new_loop: NewLoop) -> Answer:
    logging.getLogger("asyncio").disabled = True  # it warns of writes to a lost connection

    async def main() -> Answer:
        ours, peer = tcp_pair()
        _reader, writer = await asyncio.open_connection(sock=ours)
        reset(peer)
        try:
            for _ in range(TIMES):
                writer.write(b"to nobody")
                await writer.drain()
                await asyncio.sleep(0.001)
        except ConnectionError as error:
            return yes(repr(error))
        except Exception as error:
            return no(f"raises {type(error).__name__}", str(error))
        return no(NEVER)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream, StreamClosedError

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        reset(peer)
        try:
            for _ in range(TIMES):
                await stream.write(b"to nobody")
                await asyncio.sleep(0.001)
        except StreamClosedError as error:
            return answered(isinstance(error.real_error, ConnectionError), "without the reason", repr(error))
        return no(NEVER)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    import gevent.socket

    ours, peer = tcp_pair()
    stream = gevent.socket.socket(fileno=ours.detach())
    reset(peer)
    try:
        for _ in range(TIMES):
            stream.sendall(b"to nobody")
            gevent.sleep(0.001)
    except ConnectionError as error:
        return yes(repr(error))
    return no(NEVER)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = stream_of(ours)
        reset(peer)
        try:
            for _ in range(TIMES):
                await stream.send_all(b"to nobody")
                await trio.sleep(0.001)
        except trio.BrokenResourceError as error:
            cause = error.__cause__
            return answered(isinstance(cause, ConnectionError), "without the reason", repr(cause))
        return no(NEVER)

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = Socket(ours)
        reset(peer)
        try:
            for _ in range(TIMES):
                await stream.sendall(b"to nobody")
                await curio.sleep(0.001)
        except ConnectionError as error:
            return yes(repr(error))
        return no(NEVER)

    answer: Answer = curio.run(main)
    return answer


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    ours, peer = tcp_pair()
    stream = GreenSocket(ours)
    reset(peer)
    try:
        for _ in range(TIMES):
            stream.sendall(b"to nobody")
            eventlet.sleep(0.001)
    except ConnectionError as error:
        return yes(repr(error))
    return no(NEVER)
