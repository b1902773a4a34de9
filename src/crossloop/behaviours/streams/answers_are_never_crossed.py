"""The worst that a loop can do: an answer goes to somebody else. One descriptor that is closed twice is enough."""

import asyncio
import contextlib
import socket
from typing import cast

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, beside, run, tcp_pair
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Does each answer reach its own connection, while others come, go and are given up?",
    rule="What is written to a transport goes to its peer or to nobody.",
    source="https://github.com/MagicStack/uvloop/issues/645",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/645",
        "https://github.com/MagicStack/uvloop/issues/738",
        "https://github.com/aio-libs/aiohttp/issues/10362",
    ),
)
ROUNDS = 6
ENOUGH_S = 0.01
"""For data over loopback that must not come."""


class Server(asyncio.Protocol):
    """Answers a request with the request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        clients = [socket.socket() for _ in range(2 * ROUNDS)]
        while clients:
            given_up = await give_up()
            ours, peer = tcp_pair()
            recorder = await attached(ours, Recorder())
            del given_up  # nobody holds that socket any more
            others = clients.pop(), clients.pop()
            for other in others:
                other.connect(address)
            await asyncio.sleep(ENOUGH_S)
            recorder.transport.write(b"secret")
            for other in others:
                if await heard(other, ENOUGH_S):
                    return no("an answer reaches another connection")
            if await heard(peer, WAIT_S) != b"secret":
                return no("an answer is lost")
            for other in others:
                other.send(b"question")
                if await heard(other, WAIT_S) != b"question":
                    return no("an answer is lost")
        return yes()

    return run(new_loop, main)


async def give_up() -> socket.socket:
    """A socket by which a connection was begun and cancelled at once, as a deadline does."""
    sock, _peer = tcp_pair()
    connecting = asyncio.ensure_future(asyncio.get_running_loop().create_connection(Recorder, sock=sock))
    await asyncio.sleep(0)
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await connecting
    await asyncio.sleep(0)
    return sock


async def heard(sock: socket.socket, wait_s: float) -> bytes:
    """What comes within *wait_s*; nothing if nothing comes, or if the connection has ended."""

    def receive() -> bytes:
        sock.settimeout(wait_s)
        with contextlib.suppress(OSError):
            return sock.recv(100)
        return b""

    return await beside(receive)
