"""A connection attempt that is cancelled leaves no descriptor and no complaint."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import descriptors_open, run, turns

ABOUT = Behaviour(
    question="Does connecting that is cancelled, while a name is looked up or later, leave nothing behind?",
    rule="A cancelled create_connection() closes its socket, and nobody is told of an error that nobody waits for.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_connection",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/36",
        "https://github.com/MagicStack/uvloop/pull/590",
    ),
    platforms=("linux", "darwin", "bsd"),
)
NO_SERVICE = ("127.0.0.1", "no-such-service")
"""Looking this up fails at once, without a name server."""
ATTEMPTS = 10


@contextmanager
def full_server() -> Iterator[tuple[str, int]]:
    """Address of a server that accepts nobody and whose queue is full: connecting to it goes on and on."""
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield server.getsockname()


def verdict(complaints: list[str], before: int) -> Answer:
    gc.collect()
    if complaints:
        return answered(False, "an error that nobody waits for is reported", complaints[0])
    left = descriptors_open() - before
    return answered(left < ATTEMPTS / 2, "the socket stays open", f"{left}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    complaints = list[str]()

    async def main() -> Answer:
        loop = asyncio.get_running_loop()

        def complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            complaints.append(f"{context}")

        async def attempt(address: tuple[Any, Any]) -> None:
            await loop.create_connection(asyncio.Protocol, *address)

        loop.set_exception_handler(complain)
        with full_server() as address:
            before = descriptors_open()
            for where, meanwhile_s in ((NO_SERVICE, 0.0), (address, 0.002)):
                for _ in range(ATTEMPTS):
                    connecting = loop.create_task(attempt(where))
                    await asyncio.sleep(meanwhile_s)
                    connecting.cancel()
                    await asyncio.wait([connecting])
                    del connecting
            for _ in range(ATTEMPTS):  # behind these all look-ups from before are over
                with suppress(OSError):
                    await loop.getaddrinfo(*NO_SERVICE)
            await turns()
            return verdict(complaints, before)

    return run(new_loop, main)


def on_gevent() -> Answer:
    import contextlib
    import io

    import gevent
    from gevent import socket as cooperative

    printed = io.StringIO()
    gevent.get_hub().threadpool.apply(int)
    with full_server() as address, contextlib.redirect_stderr(printed):
        before = descriptors_open()
        for where, meanwhile_s in ((NO_SERVICE, 0.0), (address, 0.002)):
            for _ in range(ATTEMPTS):
                connecting = gevent.spawn(cooperative.create_connection, where)
                gevent.sleep(meanwhile_s)
                connecting.kill()
        gevent.sleep(0.1)
        return verdict([printed.getvalue()] if printed.getvalue() else [], before)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with full_server() as address:
            await trio.to_thread.run_sync(int)
            before = descriptors_open()
            for where, meanwhile_s in ((NO_SERVICE, 0.0), (address, 0.002)):
                for _ in range(ATTEMPTS):
                    connecting = trio.socket.socket()
                    with trio.move_on_after(meanwhile_s), suppress(OSError), connecting:
                        await connecting.connect(where)
            return verdict([], before)

    return trio.run(main)
