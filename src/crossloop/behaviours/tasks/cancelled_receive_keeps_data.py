"""What arrives for a receive that is cancelled stays for the next one."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair, run

ABOUT = Behaviour(
    question="When a receive is cancelled, are the data there for the next one, and is the loop at ease?",
    rule="A cancelled sock_recv takes nothing from the socket; data that came meanwhile are received by the next.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sock_recv",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/169",
        "https://github.com/kyuupichan/aiorpcX/issues/8",
    ),
)
ROUNDS = 20


def on_asyncio(new_loop: NewLoop) -> Answer:
    complaints = list[dict[str, Any]]()

    async def main() -> list[bytes]:
        loop, received = asyncio.get_running_loop(), list[bytes]()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        with pair() as (mine, peers):
            for number in range(ROUNDS):
                receive = loop.create_task(loop.sock_recv(mine, 10))
                await asyncio.sleep(0)
                # Now it waits. Half of the data are there before it is cancelled, half come later.
                if number % 2:
                    peers.send(bytes([number]))
                receive.cancel()
                await asyncio.wait([receive])
                if not number % 2:
                    peers.send(bytes([number]))
                received.append(await asyncio.wait_for(loop.sock_recv(mine, 10), WAIT_S))
        return received

    received = run(new_loop, main)
    if received != [bytes([number]) for number in range(ROUNDS)]:
        return answered(False, "some data are lost or come twice", f"{received}")
    return answered(not complaints, "the exception handler is called", f"{complaints[:1]}")


def on_gevent() -> Answer:
    import gevent
    from gevent import socket

    received = list[bytes]()
    mine, peers = socket.socketpair()
    for number in range(ROUNDS):
        receive = gevent.spawn(mine.recv, 10)
        gevent.sleep(0)
        if number % 2:
            peers.send(bytes([number]))
        receive.kill()
        if not number % 2:
            peers.send(bytes([number]))
        received.append(gevent.spawn(mine.recv, 10).get(timeout=WAIT_S))
    return answered(
        received == [bytes([number]) for number in range(ROUNDS)],
        "some data are lost or come twice",
        f"{received}",
    )


def on_trio() -> Answer:
    import trio.testing

    async def main() -> list[bytes]:
        received = list[bytes]()
        with pair() as (ours, peers):
            mine = trio.socket.from_stdlib_socket(ours)
            for number in range(ROUNDS):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(mine.recv, 10)
                    await trio.testing.wait_all_tasks_blocked()
                    if number % 2:
                        peers.send(bytes([number]))
                    nursery.cancel_scope.cancel()
                if not number % 2:
                    peers.send(bytes([number]))
                with trio.fail_after(WAIT_S):
                    received.append(await mine.recv(10))
        return received

    received = trio.run(main)
    return answered(
        received == [bytes([number]) for number in range(ROUNDS)],
        "some data are lost or come twice",
        f"{received}",
    )


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    received = list[bytes]()
    with pair() as (mine, peers):
        stream = GreenSocket(mine)
        stream.settimeout(None)
        for number in range(ROUNDS):
            receive = eventlet.spawn(stream.recv, 10)
            eventlet.sleep(0)
            if number % 2:
                peers.send(bytes([number]))
            receive.kill()
            if not number % 2:
                peers.send(bytes([number]))
            with eventlet.Timeout(WAIT_S, False):
                received.append(stream.recv(10))
    return answered(
        received == [bytes([number]) for number in range(ROUNDS)],
        "some data are lost or come twice",
        f"{received}",
    )
