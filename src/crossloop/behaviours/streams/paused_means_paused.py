"""Between a pause and a resume a program can rely on silence, and on getting everything afterwards."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S, run, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, asleep, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Does a program that pauses in a callback get nothing more until it resumes, and then all of it?",
    rule="No data and no end of file is passed on between pause_reading and resume_reading. Nothing is lost by it. "
    "Either may be called twice.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.ReadTransport.pause_reading",
)
MORE, LOST = "something arrives while it is paused", "what came meanwhile is lost"


class PausesAtEach(Recorder):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.pause_reading()
        self.transport.pause_reading()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        protocol = await attached(ours, PausesAtEach())
        peer.sendall(b"first")
        await protocol.arrived
        before = bytes(protocol.data)
        peer.sendall(b"and the rest")
        peer.close()
        await asyncio.sleep(QUIET_S)
        if protocol.data != before or protocol.ended.done():
            return answered(False, MORE)
        while not protocol.lost.done():
            protocol.transport.resume_reading()
            protocol.transport.resume_reading()
            await asyncio.sleep(0)
        return answered(protocol.data == b"firstand the rest", LOST)

    return run(new_loop, main)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import READ, BufferEvent, EventBase, Timer

    ours, peer = tcp_pair()
    with EventBase() as base:
        ours.setblocking(False)
        data, ends = bytearray(), list[int]()

        def take() -> None:
            data.extend(stream.read())
            stream.disable(READ)
            base.loopbreak()

        def ended(what: int) -> None:
            ends.append(what)
            base.loopbreak()

        stream = BufferEvent(base, ours.fileno(), take, ended)
        stream.enable(READ)
        peer.sendall(b"first")
        base.run()
        peer.sendall(b"and the rest")
        peer.close()
        Timer(base, lambda *_: base.loopbreak()).add(QUIET_S)
        base.run()
        if data != b"first" or ends:
            return answered(False, MORE)
        while not ends:
            stream.enable(READ)
            base.run()
        return answered(data == b"firstand the rest", LOST)


def on_twisted(reactor: Any) -> Answer:
    class PausesAtEachPiece(Noted):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            self.transport.pauseProducing()
            self.transport.pauseProducing()
            super().dataReceived(data)

    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, PausesAtEachPiece())
        peer.sendall(b"first")
        await noted.arrived
        before = bytes(noted.data)
        peer.sendall(b"and the rest")
        peer.close()
        await asleep(reactor, QUIET_S)
        if noted.data != before or noted.lost.called:
            return answered(False, MORE)
        while not noted.lost.called:
            noted.transport.resumeProducing()
            noted.transport.resumeProducing()
            await asleep(reactor, 0)
        return answered(noted.data == b"firstand the rest", LOST)

    return react(reactor, main)
