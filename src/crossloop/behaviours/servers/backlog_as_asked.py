"""While a program computes, new clients wait in the listener's queue, whose length the program has asked for."""

import asyncio
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import Echo as TwistedEcho
from crossloop.behaviours.reactor_frames import factory_of, listening_on, react
from crossloop.behaviours.servers._echo import Echo, eventlet_listening, gevent_echo, tornado_echo

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do as many clients as a program asked for wait in the queue of its server, over TCP and unix sockets?",
    rule="backlog is the number of connections that may wait to be accepted (listen(2)). The system may bound it; "
    "the loop passes it on.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_server",
    reports=(
        "https://github.com/MagicStack/uvloop/pull/205",
        "https://github.com/sanic-org/sanic/issues/263",
    ),
    platforms=("linux",),
)
ASKED = 150
"""More than any library takes by itself, and less than the bound of a usual system."""


def waiting_at(listener: Any) -> int:
    """How many of `ASKED` clients the queue takes while the program does not come to accept."""
    clients = [socket.socket(listener.family) for _ in range(ASKED)]
    for number, client in enumerate(clients):
        client.settimeout(0.2)
        try:
            client.connect(listener.getsockname())
        except OSError:
            return number
    return ASKED


def verdict(waiting: dict[str, int]) -> Answer:
    short = [kind for kind, number in waiting.items() if number < ASKED]
    return answered(not short, f"fewer clients wait over {' and '.join(short)}", f"{waiting} of {ASKED}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory() as folder:
            tcp = await loop.create_server(Echo, "127.0.0.1", 0, backlog=ASKED)
            unix = await loop.create_unix_server(Echo, Path(folder, "socket"), backlog=ASKED)
            return verdict({"TCP": waiting_at(tcp.sockets[0]), "unix sockets": waiting_at(unix.sockets[0])})

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.netutil import bind_sockets, bind_unix_socket

    with tempfile.TemporaryDirectory() as folder:
        (tcp,) = bind_sockets(0, "127.0.0.1", backlog=ASKED)
        unix = bind_unix_socket(str(Path(folder, "socket")), backlog=ASKED)
        tornado_echo().add_sockets([tcp, unix])
        return verdict({"TCP": waiting_at(tcp), "unix sockets": waiting_at(unix)})


def on_gevent() -> Answer:
    from gevent.server import StreamServer

    server = StreamServer(("127.0.0.1", 0), gevent_echo, backlog=ASKED)
    server.start()
    return verdict({"TCP": waiting_at(server.socket)})


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=ASKED)
        return verdict({"TCP": waiting_at(listener.socket)})

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            tcp = curio.tcp_server_socket("127.0.0.1", 0, backlog=ASKED)
            unix = curio.unix_server_socket(str(Path(folder, "socket")), backlog=ASKED)
            return verdict({"TCP": waiting_at(tcp), "unix sockets": waiting_at(unix)})

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            tcp, _address = listening_on(reactor, backlog=ASKED)
            unix = reactor.listenUNIX(str(Path(folder, "socket")), factory_of(TwistedEcho), backlog=ASKED)
            return verdict({"TCP": waiting_at(tcp.socket), "unix sockets": waiting_at(unix.socket)})

    return react(reactor, main)


def on_eventlet() -> Answer:
    _server, listener, _address = eventlet_listening(backlog=ASKED)
    return verdict({"TCP": waiting_at(listener)})
