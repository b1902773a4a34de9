"""An empty datagram is a datagram."""

from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import endpoint, keeping, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, run
from crossloop.behaviours.reactor_frames import react

ABOUT = Behaviour(
    question="Is an empty datagram passed on?",
    rule="A datagram may be empty; recv returns zero then, which is no end of anything.",
    source="https://man7.org/linux/man-pages/man2/recv.2.html",
)
LOST = "it is dropped"


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        transport, protocol = await endpoint()
        with plain_peer() as peer:
            for data in (b"", b"after"):
                peer.sendto(data, transport.get_extra_info("sockname"))
            return answered(await protocol.next() == b"", LOST)

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import queue
    from gevent.server import DatagramServer

    arrived: queue.Queue[bytes] = queue.Queue()
    server = DatagramServer("127.0.0.1:0", lambda data, _address: arrived.put(data))
    server.start()
    with plain_peer() as peer:
        for data in (b"", b"after"):
            peer.sendto(data, server.address)
        return answered(arrived.get(timeout=WAIT_S) == b"", LOST)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as bound, plain_peer() as peer:
            await bound.bind(("127.0.0.1", 0))
            for data in (b"", b"after"):
                peer.sendto(data, bound.getsockname())
            return answered(await bound.recv(100) == b"", LOST)

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))
            with plain_peer() as peer:
                for data in (b"", b"after"):
                    peer.sendto(data, bound.getsockname())
                return answered(await bound.recv(100) == b"", LOST)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        kept, address = keeping(reactor)
        with plain_peer() as peer:
            for data in (b"", b"after"):
                peer.sendto(data, address)
            return answered(await kept.arrived.get() == b"", LOST)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, plain_peer() as peer:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(WAIT_S)
        for data in (b"", b"after"):
            peer.sendto(data, receiver.getsockname())
        return answered(receiver.recv(100) == b"", LOST)
