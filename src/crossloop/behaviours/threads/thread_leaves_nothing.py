"""A thread that used a loop leaves nothing when it has ended."""

import asyncio
import gc
import threading
from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import descriptors_open, run

ABOUT = Behaviour(
    question="Do threads that use a loop, one after the other, leave as few descriptors open as there were?",
    rule="What belongs to a thread, its loop among them, ends with it.",
    source="https://docs.python.org/3/library/threading.html#thread-local-data",
    reports=(
        "https://github.com/gevent/gevent/issues/1816",
        "https://github.com/gevent/gevent/issues/1601",
    ),
    platforms=("linux", "darwin", "bsd"),
)
THREADS = 20


def verdict(use: Callable[[], object]) -> Answer:
    """*use* a loop in each of `THREADS`, after a first one, which may bring what all share."""

    def one_thread() -> None:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    one_thread()
    before = descriptors_open()
    for _ in range(THREADS):
        one_thread()
    gc.collect()
    left = descriptors_open() - before
    return answered(left < THREADS / 2, "each leaves its loop's descriptors", f"{left}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    return verdict(lambda: run(new_loop, lambda: asyncio.sleep(0.001)))


def on_gevent() -> Answer:
    import gevent

    gevent.sleep(0)
    return verdict(lambda: gevent.sleep(0.001))


def on_trio() -> Answer:
    import trio

    return verdict(lambda: trio.run(trio.sleep, 0.001))


def on_curio() -> Answer:
    import curio

    return verdict(lambda: curio.run(curio.sleep, 0.001))


def on_eventlet() -> Answer:
    import eventlet

    eventlet.sleep(0)
    return verdict(lambda: eventlet.sleep(0.001))
