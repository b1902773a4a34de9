"""The loop goes on while a name is looked up."""

import _socket
import asyncio
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import asleep, react

ABOUT = Behaviour(
    question="Does the loop go on while a slow lookup is under way?",
    rule="A lookup is done aside, by threads or a resolver of the library's own; it blocks nobody.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.getaddrinfo",
)
SLOW_S = 0.15
TICK_S = 0.01
STANDS = "the loop stands still"


def slowly(*question: Any, **options: Any) -> Any:
    """The C library's lookup, of a slow server; libraries with resolvers of their own do not come by here."""
    flags = question[5] if len(question) > 5 else options.get("flags", 0)
    if not flags & _socket.AI_NUMERICHOST:  # a number is found without a server, and trio looks for one first
        time.sleep(SLOW_S)
    return PLAINLY(*question, **options)


PLAINLY: Callable[..., Any] = _socket.getaddrinfo


def verdict(ticks: int) -> Answer:
    return answered(ticks >= 3, STANDS, f"{ticks} turns meanwhile")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, ticks = asyncio.get_running_loop(), 0
        with mock.patch("_socket.getaddrinfo", slowly):
            looking = asyncio.ensure_future(loop.getaddrinfo("localhost", 80))
            until = time.monotonic() + SLOW_S
            while not looking.done() or time.monotonic() < until:
                await asyncio.sleep(TICK_S)
                ticks += 1
        return verdict(ticks)

    return run(new_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent import socket as green

    ticks = 0
    with mock.patch("_socket.getaddrinfo", slowly):
        looking = gevent.spawn(green.getaddrinfo, "localhost", 80)
        until = time.monotonic() + SLOW_S
        while not looking.ready() or time.monotonic() < until:
            gevent.sleep(TICK_S)
            ticks += 1
    return verdict(ticks)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ticks = 0
        with mock.patch("_socket.getaddrinfo", slowly):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.socket.getaddrinfo, "localhost", 80)
                until = time.monotonic() + SLOW_S
                while len(nursery.child_tasks) > 0 or time.monotonic() < until:
                    await trio.sleep(TICK_S)
                    ticks += 1
        return verdict(ticks)

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ticks = 0
        with mock.patch("_socket.getaddrinfo", slowly):
            looking = reactor.resolve("localhost")
            until = time.monotonic() + SLOW_S
            while not looking.called or time.monotonic() < until:
                await asleep(reactor, TICK_S)
                ticks += 1
        return verdict(ticks)

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.green import socket as green

    ticks = 0
    with mock.patch("_socket.getaddrinfo", slowly):
        looking = eventlet.spawn(green.getaddrinfo, "localhost", 80)
        until = time.monotonic() + SLOW_S
        while not looking.dead or time.monotonic() < until:
            eventlet.sleep(TICK_S)
            ticks += 1
    return verdict(ticks)
