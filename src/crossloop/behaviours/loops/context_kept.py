"""A callback runs in the context in which it was scheduled."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair
from crossloop.behaviours.reactor_frames import Noted, attached_to

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a callback see the context variables of whoever scheduled it?",
    rule="Callbacks use the current context when no context is provided, and do not change it for others.",
    source="https://docs.python.org/3/library/contextvars.html#asyncio-support",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/305",
        "https://github.com/MagicStack/uvloop/pull/348",
    ),
)
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


def verdict(
    ways: dict[str, Callable[[Callable[..., None]], Any]],
    run: Callable[[], object],
    stop: Callable[[], object],
) -> Answer:
    """Schedule a callback by each of *ways*, each in a context of its own, and run them all.

    A callback sets the variable as well: what it sets must not be seen by another.
    """
    seen = dict[str, str]()

    def callback(name: str) -> Callable[..., None]:
        def body(*_: object) -> None:
            seen.setdefault(name, WHO.get())
            WHO.set("a callback")
            if len(seen) == len(ways):
                stop()

        return body

    def schedule(name: str) -> None:
        WHO.set(name)
        ways[name](callback(name))

    for name in ways:
        copy_context().run(schedule, name)
    run()
    lost = sorted(name for name in ways if seen.get(name) != name)
    return answered(not lost, f"not with {', '.join(lost)}", f"{seen}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()

    def when_connected(callback: Callable[..., None]) -> None:
        class Told(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                callback()
                transport.close()

        async def main() -> None:
            server = await loop.create_server(Told, "127.0.0.1", 0)
            await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())

        ended.append(loop.create_task(main()))

    ended = list[asyncio.Task[None]]()
    with pair() as (mine, peers):
        peers.send(b"x")
        ways: dict[str, Callable[[Callable[..., None]], Any]] = {
            "call_soon": loop.call_soon,
            "call_later": lambda callback: loop.call_later(0.001, callback),
            "call_soon_threadsafe": loop.call_soon_threadsafe,
            "add_reader": lambda callback: loop.add_reader(mine, callback),
            "add_writer": lambda callback: loop.add_writer(mine, callback),
            "add_done_callback": lambda callback: loop.create_task(asyncio.sleep(0)).add_done_callback(
                callback
            ),
            "connection_made": when_connected,
        }
        if sys.platform != "win32":
            ways["add_signal_handler"] = lambda callback: loop.add_signal_handler(signal.SIGUSR1, callback)
            loop.call_soon(signal.raise_signal, signal.SIGUSR1)
        loop.call_later(WAIT_S, loop.stop)
        return verdict(ways, loop.run_forever, loop.stop)


def on_tornado(io_loop: "IOLoop") -> Answer:
    with pair() as (mine, peers):
        peers.send(b"x")
        io_loop.call_later(WAIT_S, io_loop.stop)
        return verdict(
            {
                "add_callback": io_loop.add_callback,
                "call_later": lambda callback: io_loop.call_later(0.001, callback),
                "add_handler": lambda callback: io_loop.add_handler(mine.fileno(), callback, io_loop.READ),
            },
            io_loop.start,
            io_loop.stop,
        )


def on_gevent() -> Answer:
    import gevent
    from gevent.event import Event

    over = Event()
    return verdict(
        {"spawn": gevent.spawn, "spawn_later": lambda callback: gevent.spawn_later(0.001, callback)},
        lambda: over.wait(WAIT_S),
        over.set,
    )


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        seen = dict[str, str]()
        over = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def note(name: str, who: str) -> None:
            seen.setdefault(name, who)
            WHO.set("a callback")
            if len(seen) == len(ways):
                over.set()

        async def note_in_task(name: str) -> None:
            note(name, WHO.get())

        async def note_in_thread(name: str) -> None:
            note(name, await trio.to_thread.run_sync(WHO.get))

        async with trio.open_nursery() as nursery:
            ways: dict[str, Callable[[str], Any]] = {
                "start_soon": lambda name: nursery.start_soon(note_in_task, name),
                "to_thread": lambda name: nursery.start_soon(note_in_thread, name),
                "run_sync_soon": lambda name: token.run_sync_soon(lambda: note(name, WHO.get())),
            }

            def schedule(name: str) -> None:
                WHO.set(name)
                ways[name](name)

            for name in ways:
                copy_context().run(schedule, name)
            with trio.move_on_after(WAIT_S):
                await over.wait()
            nursery.cancel_scope.cancel()
        lost = sorted(name for name in ways if seen.get(name) != name)
        return answered(not lost, f"not with {', '.join(lost)}", f"{seen}")

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    with pair() as (mine, peers):

        def when_data_arrive(callback: Callable[..., None]) -> None:
            attached_to(reactor, mine.dup(), Noted()).arrived.addCallback(callback)

        peers.send(b"x")
        reactor.callLater(WAIT_S, reactor.crash)
        return verdict(
            {
                "callLater": lambda callback: reactor.callLater(0.001, callback),
                "callFromThread": reactor.callFromThread,
                "dataReceived": when_data_arrive,
            },
            reactor.run,
            reactor.crash,
        )


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.event import Event

    over = Event()

    def run() -> None:
        with eventlet.Timeout(WAIT_S, False):
            over.wait()

    return verdict(
        {"spawn": eventlet.spawn, "spawn_after": lambda callback: eventlet.spawn_after(0.001, callback)},
        run,
        over.send,
    )
