"""`fe80::1%eth0`: an address of a link means nothing without the link. Resolvers say the link as the fourth item.

Nobody has the address that is asked for here. The system says so where it is given the link, and refuses the address as
an invalid argument where it is not; either way nothing is sent.
"""

import asyncio
import errno
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.recorder import Recorder

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a program listen at an address with a zone (fe80::1%eth0), or connect to one?",
    rule="The zone becomes the scope id of the address (RFC 4007, 11.2), which reaches the system with it.",
    source="https://docs.python.org/3/library/socket.html#socket-families",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/539",
        "https://github.com/gevent/gevent/issues/1634",
        "https://github.com/python/cpython/issues/79726",
    ),
    platforms=("linux",),
)
HOST = "fe80::dead:beef%lo"


def verdict(error: OSError | None) -> Answer:
    lost = error is not None and error.errno == errno.EINVAL
    return answered(not lost, "the scope id is lost", repr(error))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        try:
            await asyncio.get_running_loop().create_server(Recorder, HOST, 0)
        except OSError as error:
            return verdict(error)
        return verdict(None)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.tcpserver import TCPServer

    try:
        TCPServer().listen(0, HOST)
    except OSError as error:
        return verdict(error)
    return verdict(None)


def on_gevent() -> Answer:
    import gevent.socket

    try:
        gevent.socket.create_connection((HOST, 9))
    except OSError as error:
        return verdict(error)
    return verdict(None)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        try:
            await trio.open_tcp_listeners(0, host=HOST)
        except OSError as error:
            return verdict(error)
        return verdict(None)

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        try:
            await curio.open_connection(HOST, 9)
        except OSError as error:
            return verdict(error)
        return verdict(None)

    answer: Answer = curio.run(main)
    return answer
