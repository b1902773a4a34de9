"""A client refuses a server that it does not trust, with an error that says so."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import Noted, factory_of, react
from crossloop.behaviours.tls._contexts import (
    client_context,
    eventlet_serving,
    gevent_serving,
    serving,
    tornado_serving,
    twisted_serving,
    while_trio_serves,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a client refuse a certificate of an unknown authority, with SSLCertVerificationError?",
    rule="A chain that does not end at a trusted authority fails the handshake; ssl raises SSLCertVerificationError.",
    source="https://docs.python.org/3/library/ssl.html#ssl.SSLCertVerificationError",
)
TAKEN = "it is taken"


def verdict(error: BaseException | None) -> Answer:
    if error is None:
        return answered(False, TAKEN)
    right = isinstance(error, ssl.SSLCertVerificationError)
    return answered(right, f"raises {type(error).__name__}", str(error))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, _context: None)
        _server, (host, port) = await serving()
        try:
            await loop.create_connection(
                asyncio.Protocol, host, port, ssl=client_context(trusting=False), server_hostname="localhost"
            )
        except OSError as error:
            return verdict(error)
        return verdict(None)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.tcpclient import TCPClient

    async def main() -> Answer:
        _server, (host, port) = tornado_serving()
        try:
            await TCPClient().connect(host, port, ssl_options=client_context(trusting=False))
        except OSError as error:
            return verdict(error)
        return verdict(None)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent import socket
    from gevent import ssl as green

    server = gevent_serving()
    context = green.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_socket(socket.create_connection(server.address), server_hostname="localhost")
    except OSError as error:
        return verdict(error)
    return verdict(None)


def on_trio() -> Answer:
    import trio

    def connect(address: tuple[str, int]) -> BaseException | None:
        async def main() -> None:
            stream = await trio.open_ssl_over_tcp_stream(*address, ssl_context=client_context(trusting=False))
            await stream.do_handshake()

        try:
            trio.run(main)
        except trio.BrokenResourceError as error:
            return error.__cause__
        except OSError as error:
            return error
        return None

    return verdict(while_trio_serves(connect))


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
    from twisted.internet.ssl import optionsForClientTLS

    async def main() -> Answer:
        plain: Any = TCP4ClientEndpoint(reactor, *twisted_serving(reactor))
        over_tls: Any = wrapClientTLS(optionsForClientTLS("localhost"), plain)
        noted = await over_tls.connect(factory_of(Noted))
        return verdict(await noted.lost)

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.green import ssl as green

    context = green.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_socket(eventlet.connect(eventlet_serving()), server_hostname="localhost")
    except OSError as error:
        return verdict(error)
    return verdict(None)
