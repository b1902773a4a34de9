"""A descriptor that is closed while it is watched does not disturb the loop."""

import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair, spins
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does the loop go on, and sleep, when a descriptor is closed that it watches?",
    rule="What is watched is to be unwatched before it is closed. A program that forgets that once is told so, or the "
    "number is forgotten: no other descriptor suffers, and nothing spins.",
    source="https://docs.python.org/3/library/selectors.html#selectors.BaseSelector.unregister",
    reports=(
        "https://github.com/gevent/gevent/issues/2100",
        "https://github.com/joyent/libuv/issues/1191",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (watched, _peer):
        loop.watch(watched.fileno(), lambda: None)
        loop.run_for(0.01)
        watched.close()
        return answered(not spins(lambda: loop.run_for(0.05), 0.05), "the loop spins")


def on_trio() -> Answer:
    import trio

    async def main(watched: socket.socket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.wait_readable, watched.fileno())
            await trio.sleep(0.01)
            watched.close()
            await trio.sleep(0.05)
            nursery.cancel_scope.cancel()

    def close_while_it_waits() -> None:
        with pair() as (watched, _peer):
            trio.run(main, watched)

    return answered(not spins(close_while_it_waits, 0.05), "the loop spins")
