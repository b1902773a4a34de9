"""c-ares, as pycares has it, does not open a socket for each query after one was lost."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="After one lost query, does pycares send further queries through few sockets?",
    rule="Queries share a socket, as many as udp_max_queries says (0: all); a loss retires one socket and no others.",
    source="https://c-ares.org/docs/ares_init_options.html",
    reports=("https://github.com/c-ares/c-ares/issues/1152",),
)
QUERIES = 230
ENOUGH = 4


class Server(asyncio.DatagramProtocol):
    """Answers all questions but the first with 127.0.0.1, and keeps from which ports they came."""

    def __init__(self) -> None:
        self.ports = set[int]()
        self.questions = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.ports.add(addr[1])
        self.questions += 1
        if self.questions > 1:
            question = data[12 : data.index(b"\0", 12) + 5]
            counts = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
            self.transport.sendto(data[:2] + counts + question + record, addr)


def on_asyncio(new_loop: NewLoop) -> Answer:
    try:
        import pycares
    except ImportError:
        return not_there("pycares is not installed")

    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        address = "127.0.0.1", 0
        transport, server = await loop.create_datagram_endpoint(Server, local_addr=address)
        port = transport.get_extra_info("sockname")[1]
        channel = pycares.Channel(servers=[f"127.0.0.1:{port}"], timeout=0.1, tries=1)

        async def query(number: int) -> None:
            answer: asyncio.Future[None] = loop.create_future()

            def done(_result: Any, _error: int) -> None:
                loop.call_soon_threadsafe(answer.set_result, None)

            channel.query(f"n{number}.test", pycares.QUERY_TYPE_A, callback=done)
            await asyncio.wait_for(answer, 3)

        await query(0)  # the lost one
        server.ports.clear()
        await asyncio.gather(*map(query, range(1, QUERIES)))
        ports = len(server.ports)
        return answered(
            ports <= ENOUGH,
            "each later query opens a socket of its own",
            f"{ports} for {QUERIES - 1} queries",
        )

    return run(new_loop, main)
