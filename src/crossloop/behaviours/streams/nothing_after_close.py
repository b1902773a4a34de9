"""A program that has closed its connection has taken down what data_received would work on."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S, run, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, asleep, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Does nothing but connection_lost come after a program has closed its connection?",
    rule="After close no more data is received. connection_lost is called once, without an error.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.close",
)


class ClosesAtOnce(Recorder):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.calls.append("close")
        self.transport.close()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        peer.sendall(bytes(600_000))
        recorder = await attached(ours, ClosesAtOnce())
        error = await recorder.lost
        await asyncio.sleep(QUIET_S / 2)
        calls = ", ".join(recorder.calls)
        if error is not None:
            return answered(False, "connection_lost is given an error", repr(error))
        return answered(calls == "made, data, close, lost", f"the calls are {calls}")

    return run(new_loop, main)


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.error import ConnectionDone

    class ClosesAtTheFirst(Noted):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            super().dataReceived(data)
            self.calls.append("close")
            self.transport.loseConnection()

    async def main() -> Answer:
        ours, peer = tcp_pair()
        peer.sendall(bytes(600_000))
        noted = attached_to(reactor, ours, ClosesAtTheFirst())
        reason = await noted.lost
        await asleep(reactor, QUIET_S / 2)
        calls = ", ".join(noted.calls)
        if not isinstance(reason, ConnectionDone):
            return answered(False, "connection_lost is given an error", repr(reason))
        return answered(calls == "made, data, close, lost", f"the calls are {calls}")

    return react(reactor, main)
