"""One direction of a connection can end while the other goes on: the question ends, the answer comes."""

import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, beside, receive_all, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, beside_reactor, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="After a program has ended its own direction, does all of the peer's answer arrive?",
    rule="A half-close ends what is sent. What the peer sends still arrives, up to the peer's own end of file.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.write_eof",
)
ANSWER = b"answer " * 50_000


def answer_after_the_end(peer: socket.socket) -> bytes:
    """The peer reads the question to its end, then answers and ends; returns the question."""
    question = receive_all(peer)
    peer.sendall(ANSWER)
    peer.close()
    return question


def verdict(question: bytes, answer: bytes) -> Answer:
    if question != b"question":
        return answered(False, "the question does not arrive")
    return answered(answer == ANSWER, "some of the answer is lost", f"{len(answer)} of {len(ANSWER)} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        recorder.transport.write(b"question")
        recorder.transport.write_eof()
        question = await beside(lambda: answer_after_the_end(peer))
        await recorder.lost
        return verdict(question, bytes(recorder.data))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        await stream.write(b"question")
        stream.socket.shutdown(socket.SHUT_WR)
        question = await beside(lambda: answer_after_the_end(peer))
        return verdict(question, await stream.read_until_close())

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    ours, peer = tcp_pair()
    question = aside(lambda: answer_after_the_end(peer))
    stream = gevent.socket.socket(fileno=ours.detach())
    stream.sendall(b"question")
    stream.shutdown(socket.SHUT_WR)
    with stream.makefile("rb") as file:
        answer = file.read()
    return verdict(question.result(), answer)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        question, stream = aside(lambda: answer_after_the_end(peer)), stream_of(ours)
        await stream.send_all(b"question")
        await stream.send_eof()
        answer = b"".join([piece async for piece in stream])
        return verdict(question.result(), answer)

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        question, stream, answer = aside(lambda: answer_after_the_end(peer)), Socket(ours), b""
        await stream.sendall(b"question")
        await stream.shutdown(socket.SHUT_WR)
        while piece := await stream.recv(65536):
            answer += piece
        return verdict(question.result(), answer)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, Noted())
        noted.transport.write(b"question")
        noted.transport.loseWriteConnection()
        question = await beside_reactor(lambda: answer_after_the_end(peer))
        await noted.lost
        return verdict(question, bytes(noted.data))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    ours, peer = tcp_pair()
    question, answer = aside(lambda: answer_after_the_end(peer)), bytearray()
    with GreenSocket(ours) as stream:
        stream.sendall(b"question")
        stream.shutdown(socket.SHUT_WR)
        while piece := stream.recv(65536):
            answer += piece
    return verdict(question.result(), bytes(answer))
