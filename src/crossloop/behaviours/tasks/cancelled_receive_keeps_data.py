"""What arrives for a receive that is cancelled, by a deadline for one, stays for the next one."""

import asyncio
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, pair, run, run_on, tcp_pair

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a receive is cancelled, are the data there for the next one, and is the loop at ease?",
    rule="A receive that is cancelled takes nothing from the socket; "
    "data that come before or after are received by the next one.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.sock_recv",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/169",
        "https://github.com/python/cpython/issues/78976",
        "https://github.com/kyuupichan/aiorpcX/issues/8",
    ),
)
ROUNDS = 21
"""In a third of them the data come before the cancelling, in a third between that and its effect, in a third after."""
SENT = [bytes([number]) for number in range(ROUNDS)]


def verdict(received: list[bytes]) -> Answer:
    return answered(received == SENT, "some data are lost or come twice", f"{received}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    complaints = list[dict[str, Any]]()

    async def main() -> list[bytes]:
        loop, received = asyncio.get_running_loop(), list[bytes]()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        with pair() as (mine, peers):
            for number, data in enumerate(SENT):
                receive = asyncio.ensure_future(loop.sock_recv(mine, 10))
                await asyncio.sleep(0)  # now it waits
                if number % 3 == 0:
                    peers.send(data)
                receive.cancel()
                if number % 3 == 1:
                    peers.send(data)
                await asyncio.wait([receive])
                if number % 3 == 2:
                    peers.send(data)
                try:
                    received.append(await asyncio.wait_for(loop.sock_recv(mine, 10), WAIT_S))
                except TimeoutError:  # lost
                    break
        return received

    answer = verdict(run(new_loop, main))
    if answer.word == "yes" and complaints:
        return no("the exception handler is called", f"{complaints[:1]}")
    return answer


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        mine, peers = tcp_pair()
        stream, received = IOStream(mine), list[bytes]()
        for number, data in enumerate(SENT):
            reading = asyncio.ensure_future(stream.read_bytes(10, partial=True))
            await asyncio.sleep(0)
            if number % 2:
                peers.send(data)
            reading.cancel()
            await asyncio.wait([reading])
            try:
                following = stream.read_bytes(10, partial=True)
            except AssertionError as error:
                return no("the next one is refused until the first has had its data", str(error))
            if not number % 2:
                peers.send(data)
            received.append(await asyncio.wait_for(following, WAIT_S))
        return verdict(received)

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent import socket

    received = list[bytes]()
    mine, peers = socket.socketpair()
    for number, data in enumerate(SENT):
        receive = gevent.spawn(mine.recv, 10)
        gevent.sleep(0)
        if number % 3 == 0:
            peers.send(data)
        receive.kill(block=False)
        if number % 3 == 1:
            peers.send(data)
        receive.join()
        if number % 3 == 2:
            peers.send(data)
        received.append(gevent.spawn(mine.recv, 10).get(timeout=WAIT_S))
    return verdict(received)


def on_trio() -> Answer:
    import trio.testing

    async def main() -> list[bytes]:
        received = list[bytes]()
        with pair() as (ours, peers):
            mine = trio.socket.from_stdlib_socket(ours)
            for number, data in enumerate(SENT):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(mine.recv, 10)
                    await trio.testing.wait_all_tasks_blocked()
                    if number % 3 == 0:
                        peers.send(data)
                    nursery.cancel_scope.cancel()
                    if number % 3 == 1:
                        peers.send(data)
                if number % 3 == 2:
                    peers.send(data)
                with trio.fail_after(WAIT_S):
                    received.append(await mine.recv(10))
        return received

    return verdict(trio.run(main))


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> list[bytes]:
        ours, peers = tcp_pair()
        mine, received = Socket(ours), list[bytes]()
        for number, data in enumerate(SENT):
            receive = await curio.spawn(mine.recv, 10)
            await curio.sleep(0)
            if number % 3 == 0:
                peers.send(data)
            await receive.cancel(blocking=False)
            if number % 3 == 1:
                peers.send(data)
            await receive.wait()
            if number % 3 == 2:
                peers.send(data)
            received.append(await curio.timeout_after(WAIT_S, mine.recv, 10))
        return received

    return verdict(curio.run(main))


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    received = list[bytes]()
    with pair() as (mine, peers):
        stream = GreenSocket(mine)
        stream.settimeout(None)
        for number, data in enumerate(SENT):
            receive = eventlet.spawn(stream.recv, 10)
            eventlet.sleep(0)
            if number % 2:
                peers.send(data)
            receive.kill()
            if not number % 2:
                peers.send(data)
            with eventlet.Timeout(WAIT_S, False):
                received.append(stream.recv(10))
    return verdict(received)
