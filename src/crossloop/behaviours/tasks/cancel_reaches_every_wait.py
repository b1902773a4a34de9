"""A task that waits for anything can be cancelled, and its clean-up runs."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair, run

ABOUT = Behaviour(
    question="Can a task be cancelled whatever it waits for, and does its clean-up run?",
    rule="cancel() has an exception raised in the task where it waits, so that try/finally does its work.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel",
    reports=("https://github.com/MagicStack/uvloop/issues/169",),
)
FOREVER_S = 60


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop, never = asyncio.get_running_loop(), threading.Event()
        with pair() as (_mine, peers), socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            with suppress(BlockingIOError):
                while peers.send(bytes(65536)):  # until there is no room, so that sending more has to wait
                    pass
            waits: dict[str, Callable[[], Awaitable[Any]]] = {
                "sleep": lambda: asyncio.sleep(FOREVER_S),
                "Event.wait": lambda: asyncio.Event().wait(),
                "sock_sendall": lambda: loop.sock_sendall(peers, bytes(1 << 20)),
                "sock_recv": lambda: loop.sock_recv(peers, 1),
                "sock_accept": lambda: loop.sock_accept(listener),
                "run_in_executor": lambda: loop.run_in_executor(None, never.wait),
            }
            cleaned = set[str]()

            async def waiting(name: str) -> None:
                try:
                    await waits[name]()
                finally:
                    cleaned.add(name)

            tasks = [loop.create_task(waiting(name)) for name in waits]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=WAIT_S)
            never.set()
            cancelled = {name for name, task in zip(waits, tasks, strict=True) if task.cancelled()}
        unheeding = sorted(set(waits) - (cancelled & cleaned))
        return answered(not unheeding, f"not in {', '.join(unheeding)}")

    return run(new_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent import socket as cooperative
    from gevent.event import Event

    _mine, peers = cooperative.socketpair()
    listener = cooperative.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    waits: dict[str, Callable[[], object]] = {
        "sleep": lambda: gevent.sleep(FOREVER_S),
        "Event.wait": lambda: Event().wait(),
        "sendall": lambda: peers.sendall(bytes(1 << 24)),
        "recv": lambda: peers.recv(1),
        "accept": listener.accept,
    }
    cleaned = set[str]()

    def waiting(name: str) -> None:
        try:
            waits[name]()
        finally:
            cleaned.add(name)

    greenlets = [gevent.spawn(waiting, name) for name in waits]
    gevent.sleep(0.01)
    gevent.killall(greenlets, timeout=WAIT_S)
    unheeding = sorted(set(waits) - cleaned)
    return answered(not unheeding, f"not in {', '.join(unheeding)}")


def on_trio() -> Answer:
    import trio

    cleaned = set[str]()

    async def main() -> dict[str, Callable[[], Awaitable[Any]]]:
        full, _unread = trio.socket.socketpair()
        quiet, _silent = trio.socket.socketpair()
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        waits: dict[str, Callable[[], Awaitable[Any]]] = {
            "sleep": trio.sleep_forever,
            "Event.wait": lambda: trio.Event().wait(),
            "send_all": lambda: trio.SocketStream(full).send_all(bytes(1 << 24)),
            "recv": lambda: quiet.recv(1),
            "accept": listener.accept,
        }

        async def waiting(name: str) -> None:
            try:
                await waits[name]()
            finally:
                cleaned.add(name)

        with trio.move_on_after(WAIT_S):
            async with trio.open_nursery() as nursery:
                for name in waits:
                    nursery.start_soon(waiting, name)
                await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
        return waits

    unheeding = sorted(set(trio.run(main)) - cleaned)
    return answered(not unheeding, f"not in {', '.join(unheeding)}")


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.event import Event
    from eventlet.greenio import GreenSocket

    with pair() as (mine, peers):
        reading, writing, listener = GreenSocket(mine), GreenSocket(peers), eventlet.listen(("127.0.0.1", 0))
        waits: dict[str, Callable[[], object]] = {
            "sleep": lambda: eventlet.sleep(FOREVER_S),
            "Event.wait": lambda: Event().wait(),
            "sendall": lambda: writing.sendall(bytes(1 << 24)),
            "recv": lambda: GreenSocket(reading.dup().fd).recv(1),
            "accept": listener.accept,
        }
        cleaned = set[str]()

        def waiting(name: str) -> None:
            try:
                waits[name]()
            finally:
                cleaned.add(name)

        greenlets = [eventlet.spawn(waiting, name) for name in waits]
        eventlet.sleep(0.01)
        for each in greenlets:
            each.kill()
        unheeding = sorted(set(waits) - cleaned)
    return answered(not unheeding, f"not in {', '.join(unheeding)}")
