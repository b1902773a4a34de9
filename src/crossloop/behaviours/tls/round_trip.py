"""Two MiB go through TLS and come back."""

import asyncio
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run
from crossloop.behaviours.reactor_frames import beside_reactor, react
from crossloop.behaviours.tls._contexts import (
    connected,
    eventlet_serving,
    gevent_serving,
    serving,
    through,
    tornado_serving,
    twisted_serving,
    while_gevent_runs,
    while_trio_serves,
)

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do two MiB go through a TLS server and come back as they were?",
    rule="TLS carries a stream of bytes: all of it, in order.",
    source="https://www.rfc-editor.org/rfc/rfc8446#section-5",
    reports=("https://github.com/python/cpython/issues/109534",),
)
CONTENT = bytes(range(256)) * 8192


def client(address: object) -> bytes:
    with connected(address) as sock:
        return through(sock, CONTENT)


def verdict(data: bytes) -> Answer:
    return answered(data == CONTENT, "something else comes back", f"{len(data)} of {len(CONTENT)} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        _server, address = await serving()
        return verdict(await asyncio.wrap_future(aside(lambda: client(address))))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    async def main() -> Answer:
        _server, address = tornado_serving()
        return verdict(await asyncio.wrap_future(aside(lambda: client(address))))

    answer: Answer = io_loop.run_sync(main)
    return answer


def on_gevent() -> Answer:
    server = gevent_serving()
    return verdict(while_gevent_runs(lambda: client(server.address)))


def on_trio() -> Answer:
    return verdict(while_trio_serves(client))


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        address = twisted_serving(reactor)
        return verdict(await beside_reactor(lambda: client(address)))

    return react(reactor, main)


def on_eventlet() -> Answer:
    from eventlet import tpool

    return verdict(tpool.execute(client, eventlet_serving()))
