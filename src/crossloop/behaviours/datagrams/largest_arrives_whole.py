"""The largest datagram of UDP over IPv4 arrives whole."""

from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run
from crossloop.behaviours.reactor_frames import react

ABOUT = Behaviour(
    question="Does a datagram of 65,507 bytes arrive whole?",
    rule="UDP over IPv4 carries up to 65,507 bytes; what a receive has no room for is discarded without a word.",
    source="https://man7.org/linux/man-pages/man7/udp.7.html",
    platforms=("linux", "win32"),  # macOS and the BSDs send 9,216 bytes at most
)
LARGEST = bytes(range(256)) * 255 + bytes(65_507 - 256 * 255)
CUT = "its end is cut off"


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint()
        with plain_peer() as peer:
            peer.sendto(LARGEST, transport.get_extra_info("sockname"))
            arrived = await protocol.next()
        return answered(arrived == LARGEST, CUT, f"{len(arrived)} bytes")

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import event
    from gevent.server import DatagramServer

    arrived: event.AsyncResult[bytes] = event.AsyncResult()
    server = DatagramServer("127.0.0.1:0", lambda data, _address: arrived.set(data))
    server.start()
    with plain_peer() as peer:
        peer.sendto(LARGEST, server.address)
        data = arrived.get(timeout=WAIT_S)
    return answered(data == LARGEST, CUT, f"{len(data)} bytes")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as bound, plain_peer() as peer:
            await bound.bind(("127.0.0.1", 0))
            peer.sendto(LARGEST, bound.getsockname())
            arrived = await bound.recv(len(LARGEST) + 1)
        return answered(arrived == LARGEST, CUT, f"{len(arrived)} bytes")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))
            with plain_peer() as peer:
                peer.sendto(LARGEST, bound.getsockname())
                arrived = await bound.recv(len(LARGEST) + 1)
        return answered(arrived == LARGEST, CUT, f"{len(arrived)} bytes")

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, address = keeping(reactor)
        with plain_peer() as peer:
            peer.sendto(LARGEST, address)
            arrived = await kept.arrived.get()
        return answered(arrived == LARGEST, CUT, f"{len(arrived)} bytes")

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, plain_peer() as peer:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(WAIT_S)
        peer.sendto(LARGEST, receiver.getsockname())
        data = receiver.recv(1 << 16)
    return answered(data == LARGEST, CUT, f"{len(data)} bytes")
