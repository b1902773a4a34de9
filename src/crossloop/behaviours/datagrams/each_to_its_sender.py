"""Answers go to who asked, when many ask at once."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.datagrams._endpoint import Kept, plain_peer
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run
from crossloop.behaviours.reactor_frames import beside_reactor, react

ABOUT = Behaviour(
    question="When many peers ask at once, does each get its own answer?",
    rule="datagram_received is given the address of the sender, and sendto sends there.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.DatagramProtocol.datagram_received",
    reports=("https://github.com/MagicStack/uvloop/issues/645",),
)
PEERS = 100
CROSSED = "answers are lost or crossed"


class Echo(Kept):
    """Sends each datagram back."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


def ask(address: tuple[str, int]) -> int:
    """How many of many peers get back what they sent."""
    peers = [plain_peer() for _ in range(PEERS)]
    for number, peer in enumerate(peers):
        peer.sendto(b"%d" % number, address)
    return sum(peer.recv(100) == b"%d" % number for number, peer in enumerate(peers))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:

        loop = asyncio.get_running_loop()
        transport, _protocol = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        right = await asyncio.wrap_future(aside(lambda: ask(transport.get_extra_info("sockname"))))
        return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")

    return run(new_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent.server import DatagramServer

    class EchoServer(DatagramServer):  # type: ignore[misc]  # gevent has no types
        def handle(self, data: bytes, address: object) -> None:
            self.sendto(data, address)

    server = EchoServer("127.0.0.1:0")
    server.start()
    asking = aside(lambda: ask(server.address))
    while not asking.done():
        gevent.sleep(0.002)
    right = asking.result()
    return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")


def on_trio() -> Answer:
    import trio

    async def echo(bound: trio.socket.SocketType) -> None:
        while True:
            data, sender = await bound.recvfrom(100)
            await bound.sendto(data, sender)

    async def main() -> Answer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as bound:
            await bound.bind(("127.0.0.1", 0))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(echo, bound)
                right = await trio.to_thread.run_sync(ask, bound.getsockname())
                nursery.cancel_scope.cancel()
        return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        async with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))

            async def echo() -> None:
                while True:
                    data, sender = await bound.recvfrom(100)
                    await bound.sendto(data, sender)

            echoing = await curio.spawn(echo)
            right = await curio.run_in_thread(ask, bound.getsockname())
            await echoing.cancel()
        return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.protocol import DatagramProtocol

    class SendsBack(DatagramProtocol):
        transport: Any

        def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
            self.transport.write(datagram, addr)

    async def main() -> Answer:
        port = reactor.listenUDP(0, SendsBack(), interface="127.0.0.1")
        right = await beside_reactor(lambda: ask(port.socket.getsockname()))
        return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet import tpool
    from eventlet.green import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def echo() -> None:
            while True:
                data, peer = server.recvfrom(100)
                server.sendto(data, peer)

        serving = eventlet.spawn(echo)
        right = tpool.execute(ask, server.getsockname())
        serving.kill()
    return answered(right == PEERS, CROSSED, f"{right} of {PEERS}")
