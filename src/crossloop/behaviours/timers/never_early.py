"""Timers fire at their time or later, never before it."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is a timer never early?",
    rule="A callback runs after at least the given time, by the monotonic clock.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_later",
    reports=("https://github.com/MagicStack/uvloop/issues/739",),
)
DELAYS_S = 8 * tuple(0.001 * number + 0.0003 * third for number in range(1, 6) for third in range(3))
"""Whole and broken milliseconds."""
SLIGHTLY = "some fire up to two milliseconds early"
GREATLY = "some fire more than two milliseconds early"
STEP_S = time.get_clock_info("monotonic").resolution
"""No clock can tell what is less apart."""


def verdict(early_s: list[float]) -> Answer:
    """From how much each timer was early, late ones below zero."""
    early = [lead_s for lead_s in early_s if lead_s > STEP_S]
    worst = f", the earliest by {1000 * max(early):.2f} ms" if early else ""
    seen = f"{len(early)} of {len(early_s)} early{worst}"
    return answered(not early, SLIGHTLY if max(early_s) < 0.002 else GREATLY, seen)


def one_after_another(
    start: Callable[[float, Callable[[], None]], object], end: Callable[[], object]
) -> list[float]:
    """Start a timer for each of `DELAYS_S` when the one before has fired; the list is filled when *end* is called."""
    early_s = list[float]()

    def begin() -> None:
        if len(early_s) == len(DELAYS_S):
            end()
            return
        begun, delay_s = time.monotonic(), DELAYS_S[len(early_s)]

        def fired() -> None:
            early_s.append(delay_s - (time.monotonic() - begun))
            begin()

        start(delay_s, fired)

    begin()
    return early_s


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> list[float]:
        early_s = list[float]()
        for delay_s in DELAYS_S:
            begun = time.monotonic()
            await asyncio.sleep(delay_s)
            early_s.append(delay_s - (time.monotonic() - begun))
        return early_s

    return verdict(run(new_loop, main))


def on_tornado(io_loop: "IOLoop") -> Answer:
    early_s = one_after_another(io_loop.call_later, io_loop.stop)
    io_loop.start()
    return verdict(early_s)


def on_gevent() -> Answer:
    import gevent

    early_s = list[float]()
    for delay_s in DELAYS_S:
        begun = time.monotonic()
        gevent.sleep(delay_s)
        early_s.append(delay_s - (time.monotonic() - begun))
    return verdict(early_s)


def on_trio() -> Answer:
    import trio

    async def main() -> list[float]:
        early_s = list[float]()
        for delay_s in DELAYS_S:
            begun = time.monotonic()
            await trio.sleep(delay_s)
            early_s.append(delay_s - (time.monotonic() - begun))
        return early_s

    return verdict(trio.run(main))


def on_curio() -> Answer:
    import curio

    async def main() -> list[float]:
        early_s = list[float]()
        for delay_s in DELAYS_S:
            begun = time.monotonic()
            await curio.sleep(delay_s)
            early_s.append(delay_s - (time.monotonic() - begun))
        return early_s

    return verdict(curio.run(main))


def on_pyev() -> Answer:
    import pyev

    loop, kept = pyev.Loop(), list[object]()

    def start(delay_s: float, fired: Callable[[], None]) -> None:
        timer = pyev.Timer(delay_s, 0.0, loop, lambda _watcher, _events: fired())
        kept.append(timer)
        timer.start()

    early_s = one_after_another(start, loop.stop)
    loop.start()
    return verdict(early_s)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    with EventBase() as base:
        early_s = one_after_another(
            lambda delay_s, fired: Timer(base, lambda *_: fired()).add(delay_s), base.loopbreak
        )
        base.run()
    return verdict(early_s)


def on_readiness(adapter: Readiness) -> Answer:
    early_s = one_after_another(adapter.call_later, adapter.stop)
    adapter.run()
    return verdict(early_s)


def on_twisted(reactor: Any) -> Answer:
    early_s = one_after_another(reactor.callLater, reactor.stop)
    reactor.run()
    return verdict(early_s)


def on_eventlet() -> Answer:
    import eventlet

    early_s = list[float]()
    for delay_s in DELAYS_S:
        begun = time.monotonic()
        eventlet.sleep(delay_s)
        early_s.append(delay_s - (time.monotonic() - begun))
    return verdict(early_s)
