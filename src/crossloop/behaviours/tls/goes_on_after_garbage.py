"""A server goes on after a client that does not speak TLS, and after one that does not trust it."""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside, run
from crossloop.behaviours.reactor_frames import beside_reactor, react
from crossloop.behaviours.tls._contexts import (
    connected,
    eventlet_serving,
    exchanged,
    gevent_serving,
    serving,
    tornado_serving,
    twisted_serving,
    while_gevent_runs,
    while_trio_serves,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a TLS server go on after clients that send garbage or do not trust its certificate?",
    rule="A handshake that fails ends its own connection and nothing else.",
    source="https://www.rfc-editor.org/rfc/rfc8446#section-6.2",
)
STANDS = "the next client is not served"


def clients(address: tuple[str, int]) -> bool:
    """Whether a good client is served after two bad ones."""
    with socket.create_connection(address, WAIT_S) as garbage:
        garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(OSError):
            garbage.recv(1000)
    with contextlib.suppress(OSError):
        connected(address, trusting=False).close()
    return exchanged(address, b"good") == b"good"


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        _server, address = await serving()
        return answered(await asyncio.wrap_future(aside(lambda: clients(address))), STANDS)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        _server, address = tornado_serving()
        return answered(await asyncio.wrap_future(aside(lambda: clients(address))), STANDS)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    server = gevent_serving()
    return answered(while_gevent_runs(lambda: clients(server.address)), STANDS)


def on_trio() -> Answer:
    return answered(while_trio_serves(clients), STANDS)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        address = twisted_serving(reactor)
        return answered(await beside_reactor(lambda: clients(address)), STANDS)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    address = eventlet_serving()
    try:
        return answered(tpool.execute(clients, address), STANDS)
    except TimeoutError as error:  # the server has ended with the exception of a handler
        return answered(False, STANDS, repr(error))
