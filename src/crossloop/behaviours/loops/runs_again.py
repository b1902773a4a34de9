"""A loop that was stopped runs again, and still watches what it watched."""

import contextlib
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Can a loop that has stopped be run again, with what it watched before?",
    rule="Until it is closed a loop can be run again, and readers stay until they are removed.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.close",
)
RUNS = 3


def on_loop(loop: PlainLoop) -> Answer:
    """Watch a socket once; in each run its callback reads a byte and stops the loop."""
    heard = list[bytes]()
    with pair() as (mine, peers):
        loop.watch(mine.fileno(), loop.then_stop(lambda: heard.append(mine.recv(1))))
        for number in range(RUNS):
            peers.send(bytes([number]))
            loop.run()
    return answered(len(heard) == RUNS, "a later run returns without what it watches", f"{heard}")


def on_gevent() -> Answer:
    """gevent's loop ends by itself when nothing is left to wait for, and runs again when something is."""
    import gevent
    from gevent.event import Event
    from gevent.hub import LoopExit

    for _ in range(RUNS):
        with contextlib.suppress(LoopExit):
            Event().wait()
        gevent.sleep(0.001)
    return answered(True, "")


def on_twisted(reactor: Any) -> Answer:
    """`stop` is what ends a run; the way out by `crash` is not for programs."""
    for number in range(RUNS):
        reactor.callLater(0.001, reactor.stop)
        try:
            reactor.run()
        except Exception as error:
            return answered(False, f"a later run raises {type(error).__name__}", f"{number} runs")
    return answered(True, "")


def on_eventlet() -> Answer:
    """The hub ends by `abort`, and runs again when a greenlet has something to wait for."""
    from eventlet import hubs, sleep

    for _ in range(RUNS):
        sleep(0.001)
        hubs.get_hub().abort(wait=True)
    sleep(0.001)
    return answered(True, "")
