"""After the peer's close_notify the rest of an answer still goes out."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run
from crossloop.behaviours.reactor_frames import Noted, beside_reactor, react
from crossloop.behaviours.tls._contexts import (
    client_context,
    eventlet_serving,
    server_context,
    serving,
    twisted_serving,
    while_gevent_runs,
    while_trio_serves,
)

ABOUT = Behaviour(
    question="After a client's close_notify, does the client still get the answer to its earlier request?",
    rule="In TLS 1.3 close_notify ends one direction; the other goes on until its own close_notify.",
    source="https://www.rfc-editor.org/rfc/rfc8446#section-6.1",
    reports=("https://github.com/python/cpython/issues/115133",),
)
ANSWER = bytes(100_000)
APART_S, LATER_S = 0.02, 0.06
"""The close_notify follows so long after the question, and the answer so long."""


class AnswersLate(asyncio.Protocol):
    """Answers in a later turn of the loop, as an application does that computes first."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(LATER_S, self.answer)

    def answer(self) -> None:
        self.transport.write(ANSWER)
        self.transport.close()


def client(address: tuple[str, int]) -> int:
    """How many bytes of the answer came, after a close_notify that is surely out before."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    records = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    came = 0
    with socket.create_connection(address, 1) as plain:

        def until_done(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(1 << 16) or b"")
                else:
                    plain.sendall(outgoing.read())
                    return

        until_done(records.do_handshake)
        until_done(lambda: records.write(b"question"))
        time.sleep(APART_S)
        with contextlib.suppress(ssl.SSLError):  # its own is written; the peer's is not there yet
            records.unwrap()
        plain.sendall(outgoing.read())
        with contextlib.suppress(OSError):
            while came < len(ANSWER) and (data := plain.recv(1 << 16)):
                incoming.write(data)
                with contextlib.suppress(ssl.SSLWantReadError):
                    while piece := records.read(1 << 16):
                        came += len(piece)
    return came


def verdict(came: int) -> Answer:
    return answered(came == len(ANSWER), "the answer is dropped", f"{came} of {len(ANSWER)} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        _server, address = await serving(AnswersLate)
        came = await asyncio.wrap_future(aside(lambda: client(address)))
        return verdict(came)

    return run(new_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent import ssl as green
    from gevent.server import StreamServer

    def answer_late(connection: Any, _address: Any) -> None:
        connection.recv(100)
        gevent.sleep(LATER_S)
        connection.sendall(ANSWER)

    server = StreamServer(("127.0.0.1", 0), answer_late, ssl_context=server_context(green.SSLContext))
    server.start()
    return verdict(while_gevent_runs(lambda: client(server.address)))


def on_trio() -> Answer:
    import trio

    async def answer_late(stream: Any) -> None:
        await stream.receive_some(100)
        await trio.sleep(LATER_S)
        await stream.send_all(ANSWER)

    return verdict(while_trio_serves(client, answer_late))


def on_twisted(reactor: Any) -> Answer:
    class AnswersLater(Noted):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            reactor.callLater(LATER_S, self.answer)

        def answer(self) -> None:
            self.transport.write(ANSWER)
            self.transport.loseConnection()

    async def main() -> Answer:
        address = twisted_serving(reactor, AnswersLater)
        return verdict(await beside_reactor(lambda: client(address)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet import tpool

    def answer_late(connection: Any, _address: Any) -> None:
        connection.recv(100)
        eventlet.sleep(LATER_S)
        connection.sendall(ANSWER)

    return verdict(tpool.execute(client, eventlet_serving(answer_late)))
