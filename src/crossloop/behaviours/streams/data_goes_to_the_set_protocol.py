"""A protocol may hand its connection to another, as an upgrade to WebSocket does; and data may wait for the first."""

import asyncio

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, tcp_pair
from crossloop.behaviours.recorder import Recorder

ABOUT = Behaviour(
    question="Does data go to the protocol that is set when it is passed on, and to none before connection_made?",
    rule="connect_accepted_socket calls connection_made before any data, whatever waits on the socket. After "
    "set_protocol all calls go to the new protocol.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.set_protocol",
)


class HandsOver(Recorder):
    def __init__(self, other: Recorder) -> None:
        super().__init__()
        self._other = other

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.set_protocol(self._other)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        peer, ours = tcp_pair()
        peer.sendall(b"first")
        second = Recorder()
        first = HandsOver(second)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: first, ours)
        await first.arrived
        if first.transport.get_protocol() is not second:
            return no("get_protocol returns the one before")
        peer.sendall(b"second")
        peer.close()
        await second.lost
        calls = f"{', '.join(first.calls)}; {', '.join(second.calls)}"
        taken = first.data == b"first" and second.data == b"second"
        return answered(taken and calls == "made, data; data, eof, lost", f"the calls are {calls}")

    return run(new_loop, main)
