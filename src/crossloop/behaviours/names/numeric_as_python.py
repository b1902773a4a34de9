"""Numeric hosts and service names are found as Python finds them."""

import asyncio
import socket
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.names._lookups import known, plainly

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Are numeric hosts and names of services found as socket.getaddrinfo finds them?",
    rule="getaddrinfo(3) takes a number or a name for both; a loop's getaddrinfo gives what the socket module gives.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.getaddrinfo",
)
QUESTIONS = (("127.0.0.1", 80), ("127.0.0.1", "http"), ("::1", 80), ("127.0.0.1", None), ("127.0.0.1", "80"))
UNLIKE = "some are found otherwise"


def verdict(unlike: list[object]) -> Answer:
    return answered(not unlike, UNLIKE, f"{unlike}" if unlike else f"{len(QUESTIONS)} alike")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, unlike = asyncio.get_running_loop(), list[object]()
        for host, port in QUESTIONS:
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            if known(infos) != plainly(host, port, type=socket.SOCK_STREAM):
                unlike.append((host, port))
        return verdict(unlike)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.netutil import Resolver

    async def main() -> Answer:
        unlike = list[object]()
        for host, port in (("127.0.0.1", 80), ("::1", 80)):
            addresses = await Resolver().resolve(host, port)
            if sorted(address for _family, address in addresses) != sorted(
                address for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            ):
                unlike.append((host, port))
        return verdict(unlike)

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    from gevent import socket as green

    return verdict(
        [
            (host, port)
            for host, port in QUESTIONS
            if known(green.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            != plainly(host, port, type=socket.SOCK_STREAM)
        ]
    )


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        unlike = list[object]()
        for host, port in QUESTIONS:
            infos = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            if known(infos) != plainly(host, port, type=socket.SOCK_STREAM):
                unlike.append((host, port))
        return verdict(unlike)

    return trio.run(main)


def on_eventlet() -> Answer:
    from eventlet.green import socket as green

    return verdict(
        [
            (host, port)
            for host, port in QUESTIONS
            if known(green.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            != plainly(host, port, type=socket.SOCK_STREAM)
        ]
    )
