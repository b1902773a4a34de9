"""A plain connection becomes TLS by start_tls."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside, run
from crossloop.behaviours.tls._contexts import client_context, server_context

ABOUT = Behaviour(
    question="Can a plain connection be upgraded to TLS by loop.start_tls?",
    rule="start_tls puts TLS between a transport and its protocol, and returns the transport to go on with.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.start_tls",
)


class Upgrades(asyncio.Protocol):
    """Upgrades at the first byte, then echoes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.secure: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.secure is None:
            self.secure = asyncio.ensure_future(self.upgrade())
        else:
            self.transport.write(data)

    async def upgrade(self) -> None:
        loop = asyncio.get_running_loop()
        plain = self.transport
        plain.write(b"+")
        self.transport = await loop.start_tls(plain, self, server_context(), server_side=True)


def client(address: tuple[str, int]) -> bytes:
    import socket

    plain = socket.create_connection(address, WAIT_S)
    plain.sendall(b"S")
    plain.recv(1)
    with client_context().wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(b"secret")
        return secure.recv(100)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        server = await asyncio.get_running_loop().create_server(Upgrades, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        data = await asyncio.wrap_future(aside(lambda: client(address)))
        return answered(data == b"secret", "something else comes back", f"{data!r}")

    return run(new_loop, main)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        data = aside(lambda: client(listener.socket.getsockname()))
        plain = await listener.accept()
        await plain.receive_some()
        await plain.send_all(b"+")
        secure = trio.SSLStream(plain, server_context(), server_side=True)
        await secure.send_all(await secure.receive_some())
        came = await trio.to_thread.run_sync(data.result)
        return answered(came == b"secret", "something else comes back", f"{came!r}")

    return trio.run(main)
