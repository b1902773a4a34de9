"""A connected socket is given to a transport, and the program keeps the object."""

import asyncio
import gc
import socket
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, beside, run, run_on, tcp_pair

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a transport is closed that was given a connected socket, does the peer see the end?",
    rule="The socket belongs to the transport, whose close() closes it, although the program still has the object.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_connection",
)
END_S = 2.0
"""How long the peer waits for the end, each time."""


def sees_the_end(peer: socket.socket) -> bool:
    """Whether the peer reads an end of file or a reset in time."""
    peer.settimeout(END_S)
    try:
        return not peer.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def verdict(at_close: bool, when_dropped: bool) -> Answer:
    """*at_close*: the end came with the close; *when_dropped*: when the program had dropped the socket object."""
    if at_close:
        return yes()
    return no(
        "only when the program drops the socket as well" if when_dropped else "the connection stays open"
    )


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def close_transport(given: socket.socket) -> None:
        given.setblocking(False)
        transport, _protocol = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=given
        )
        transport.close()

    async def main() -> Answer:
        given, peer = tcp_pair()
        await close_transport(given)
        at_close = await beside(lambda: sees_the_end(peer))
        del given
        gc.collect()
        when_dropped = at_close or await beside(lambda: sees_the_end(peer))
        peer.close()
        return verdict(at_close, when_dropped)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        given, peer = tcp_pair()
        IOStream(given).close()
        at_close = await beside(lambda: sees_the_end(peer))
        del given
        when_dropped = at_close or await beside(lambda: sees_the_end(peer))
        peer.close()
        return verdict(at_close, when_dropped)

    return run_on(io_loop, main)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        given, peer = tcp_pair()
        given.setblocking(False)
        await trio.SocketStream(trio.socket.from_stdlib_socket(given)).aclose()
        at_close = aside(lambda: sees_the_end(peer)).result()
        del given
        when_dropped = at_close or aside(lambda: sees_the_end(peer)).result()
        peer.close()
        return verdict(at_close, when_dropped)

    return trio.run(main)
