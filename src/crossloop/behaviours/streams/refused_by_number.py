"""`except ConnectionRefusedError` is how programs find that a server is not up yet, and try again."""

import asyncio
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, run_on
from crossloop.behaviours.reactor_frames import Noted, factory_of, react
from crossloop.behaviours.recorder import Recorder

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is a refused connection a ConnectionRefusedError, also where a name has several addresses?",
    rule="An error of the system keeps its number, by which its class is chosen. Where every address of a name "
    "refuses, the connection is refused.",
    source="https://docs.python.org/3/library/exceptions.html#ConnectionRefusedError",
    reports=(
        "https://github.com/python/cpython/issues/74166",
        "https://github.com/python-websockets/websockets/issues/593",
        "https://github.com/aio-libs/aiohappyeyeballs/issues/76",
    ),
)


def refusing() -> Iterator[tuple[str, str | None, int]]:
    """(words, host, port) where nobody listens. No host means this host: both its addresses, IPv6 and IPv4."""
    bound = socket.socket(socket.AF_INET)
    bound.bind(("127.0.0.1", 0))
    yield "one address", "127.0.0.1", bound.getsockname()[1]
    if len(socket.getaddrinfo(None, 1, type=socket.SOCK_STREAM)) > 1 and socket.has_dualstack_ipv6():
        yield "several addresses", None, bound.getsockname()[1]
    bound.close()


def verdict(errors: dict[str, BaseException | None]) -> Answer:
    other = {place: error for place, error in errors.items() if not isinstance(error, ConnectionRefusedError)}
    how = ", ".join(f"{type(error).__name__} from {place}" for place, error in other.items())
    return answered(not other, how, repr(other or errors))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        errors = dict[str, BaseException | None]()
        for place, host, port in refusing():
            try:
                await asyncio.get_running_loop().create_connection(Recorder, host, port)  # type: ignore[arg-type]  # no host
            except OSError as error:
                errors[place] = error
        return verdict(errors)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import StreamClosedError
    from tornado.tcpclient import TCPClient

    async def main() -> Answer:
        errors = dict[str, BaseException | None]()
        for place, host, port in refusing():
            try:
                await TCPClient().connect(host, port)  # type: ignore[arg-type]  # no host
            except StreamClosedError as error:
                errors[place] = error.real_error
        return verdict(errors)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent.socket

    errors = dict[str, BaseException | None]()
    for place, host, port in refusing():
        try:
            gevent.socket.create_connection((host, port))
        except OSError as error:
            errors[place] = error
    return verdict(errors)


def on_trio() -> Answer:
    """It has no word for this host but its name."""
    import trio

    async def main() -> Answer:
        errors = dict[str, BaseException | None]()
        for place, host, port in refusing():
            try:
                await trio.open_tcp_stream(host or "localhost", port)
            except OSError as error:
                errors[place] = error
        return verdict(errors)

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        errors = dict[str, BaseException | None]()
        for place, host, port in refusing():
            try:
                await curio.open_connection(host, port)
            except OSError as error:
                errors[place] = error
        return verdict(errors)

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.endpoints import HostnameEndpoint
    from twisted.internet.error import ConnectionRefusedError as Refused

    async def main() -> Answer:
        errors = dict[str, BaseException | None]()
        for place, host, port in refusing():
            try:
                await HostnameEndpoint(reactor, host or "localhost", port).connect(factory_of(Noted))
            except Exception as error:
                errors[place] = error
        if all(isinstance(error, Refused) for error in errors.values()):
            return answered(False, "it is a class of Twisted's own of that name", repr(errors))
        return verdict(errors)

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet.green import socket as green

    errors = dict[str, BaseException | None]()
    for place, host, port in refusing():
        try:
            green.create_connection((host, port))
        except OSError as error:
            errors[place] = error
    return verdict(errors)
