"""A closed loop leaves no descriptors and no threads."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import descriptors_open, run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="After fifty loops were made, used and closed, is as much open as before?",
    rule="close() releases what the loop holds: its selector, its pipe or event descriptor, its executor's threads.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.close",
    reports=(
        "https://github.com/joyent/libuv/pull/1387",
        "https://github.com/tornadoweb/tornado/pull/2085",
        "https://github.com/MagicStack/uvloop/issues/80",
    ),
)
LOOPS = 50


def verdict(make_use_and_close: Callable[[], object]) -> Answer:
    """What the second to fiftieth loops leave behind; the first may bring what all share."""
    make_use_and_close()
    before = descriptors_open(), threading.active_count()
    for _ in range(LOOPS - 1):
        make_use_and_close()
    gc.collect()  # (a loop without a close is freed with its last reference)
    descriptors, threads = descriptors_open() - before[0], threading.active_count() - before[1]
    # Not one here or there, which a library may keep: what grows with the number of loops.
    left = ["descriptors"] * (descriptors > LOOPS / 4) + ["threads"] * (threads > LOOPS / 4)
    return answered(
        not left, f"each loop leaves {' and '.join(left)}", f"{descriptors} descriptors, {threads} threads"
    )


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> None:
        await asyncio.to_thread(int)
        await asyncio.sleep(0)

    return verdict(lambda: run(new_loop, main))


def on_tornado(io_loop: "IOLoop") -> Answer:
    def use() -> None:
        loop = type(io_loop)(asyncio_loop=type(io_loop.asyncio_loop)(), make_current=False)  # type: ignore[attr-defined]  # (of AsyncIOLoop)
        loop.add_callback(loop.stop)
        loop.start()
        loop.close()

    return verdict(use)


def on_trio() -> Answer:
    import trio

    async def main() -> None:
        await trio.to_thread.run_sync(int)

    return verdict(lambda: trio.run(main))


def on_curio() -> Answer:
    import curio

    return verdict(lambda: curio.run(curio.run_in_thread, int))


def on_pyev() -> Answer:
    import pyev

    def use() -> None:
        loop = pyev.Loop()
        timer = pyev.Timer(0.0, 0.0, loop, lambda *_: loop.stop())
        timer.start()
        loop.start()

    return verdict(use)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    def use() -> None:
        with EventBase() as base:
            Timer(base, lambda *_: base.loopbreak()).add(0)
            base.run()

    return verdict(use)


def on_readiness(adapter: Readiness) -> Answer:
    def use() -> None:
        loop = type(adapter)()
        loop.call_later(0, lambda *_: loop.stop())
        loop.run()
        loop.close()

    return verdict(use)
