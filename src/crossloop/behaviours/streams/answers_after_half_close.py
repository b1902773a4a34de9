"""A peer that has ended its own direction may still read, as `nc -N` does after its question."""

import contextlib
import socket
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
    question="Does a peer that has ended its own direction get its whole answer?",
    rule="An end of file says that nothing more will come. The other direction stays open for the answer; in asyncio "
    "when eof_received returns True.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.Protocol.eof_received",
)
QUESTION, ANSWER = b"question", b"answer " * 500_000


def ask_and_end(peer: socket.socket) -> bytes:
    """The peer: a question and its end, then all that comes back, slowly at first."""
    peer.sendall(QUESTION)
    peer.shutdown(socket.SHUT_WR)
    return receive_all(peer)


def verdict(answer: bytes) -> Answer:
    how = "the answer is cut" if answer else "nothing of the answer arrives"
    return answered(answer == ANSWER, how, f"{len(answer)} of {len(ANSWER)} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        peer, ours = tcp_pair()
        answer = aside(lambda: ask_and_end(peer))
        recorder = await attached(ours, Recorder(half_open=True))
        await recorder.ended
        recorder.transport.write(ANSWER)
        recorder.transport.close()
        await recorder.lost
        return verdict(answer.result())

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream, StreamClosedError

    async def main() -> Answer:
        peer, ours = tcp_pair()
        answer = aside(lambda: ask_and_end(peer))
        stream = IOStream(ours)
        await stream.read_bytes(len(QUESTION))
        with contextlib.suppress(StreamClosedError):
            await stream.write(ANSWER)
        stream.close()
        return verdict(answer.result())

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    peer, ours = tcp_pair()
    answer = aside(lambda: ask_and_end(peer))
    stream = gevent.socket.socket(fileno=ours.detach())
    with stream, stream.makefile("rb") as file:
        file.read()
        stream.sendall(ANSWER)
    return verdict(answer.result())


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        peer, ours = tcp_pair()
        answer = aside(lambda: ask_and_end(peer))
        async with stream_of(ours) as stream:
            while await stream.receive_some():
                pass
            await stream.send_all(ANSWER)
        return verdict(answer.result())

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        peer, ours = tcp_pair()
        answer = aside(lambda: ask_and_end(peer))
        async with Socket(ours) as stream:
            while await stream.recv(1000):
                pass
            await stream.sendall(ANSWER)
        return verdict(answer.result())

    answer: Answer = curio.run(main)
    return answer


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import READ, BufferEvent, EventBase

    peer, ours = tcp_pair()
    with EventBase() as base:
        answer = aside(lambda: ask_and_end(peer))
        ours.setblocking(False)
        stream = BufferEvent(base, ours.fileno(), lambda: None, lambda _end_of_file: stream.write(ANSWER))
        stream.call_when_drained(base.loopbreak)
        stream.enable(READ)
        base.run()
        stream.close()
        ours.close()
        return verdict(answer.result())


def on_server(adapter: StreamServer) -> Answer:
    def ask(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address) as peer:
            return ask_and_end(peer)

    return verdict(served(adapter, lambda: lambda _question: ANSWER, ask))


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        peer, ours = tcp_pair()
        answer = aside(lambda: ask_and_end(peer))
        noted = attached_to(reactor, ours, Noted(half_open=True))
        await noted.ended
        noted.transport.write(ANSWER)
        noted.transport.loseConnection()
        await noted.lost
        return verdict(answer.result())

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    peer, ours = tcp_pair()
    answer = aside(lambda: ask_and_end(peer))
    with GreenSocket(ours) as stream:
        while stream.recv(100):
            pass
        stream.sendall(ANSWER)
    return verdict(answer.result())


on_readiness = on_server
