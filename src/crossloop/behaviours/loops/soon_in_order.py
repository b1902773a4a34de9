"""What is to run soon runs in the order in which it was asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do callbacks run in the order in which they were scheduled, each of them once?",
    rule="Callbacks are called in the order in which they are registered, and each exactly once.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon",
)
FEW, MANY = 10, 1000


def verdict(
    soon: Callable[[Callable[[], Any]], object], run: Callable[[], object], stop: Callable[[], Any]
) -> Answer:
    """`FEW` callbacks, each of which schedules more of them behind all that wait."""
    ran = list[tuple[int, int]]()

    def turn(number: int, round_: int) -> Callable[[], None]:
        def body() -> None:
            ran.append((round_, number))
            if len(ran) == MANY:
                stop()
            else:
                soon(turn(number, round_ + 1))

        return body

    for number in range(FEW):
        soon(turn(number, 0))
    run()
    expected = [(round_, number) for round_ in range(MANY // FEW) for number in range(FEW)]
    if sorted(ran[:MANY]) != expected:
        return answered(False, "some run twice, or not at all", f"{len(ran)} of {MANY}")
    return answered(ran[:MANY] == expected, "some run before others that were scheduled earlier")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    return verdict(loop.call_soon, loop.run_forever, loop.stop)


def on_tornado(io_loop: "IOLoop") -> Answer:
    return verdict(io_loop.add_callback, io_loop.start, io_loop.stop)


def on_gevent() -> Answer:
    import gevent
    from gevent.event import Event

    over = Event()
    return verdict(gevent.spawn, over.wait, over.set)


def on_readiness(adapter: Readiness) -> Answer:
    def soon(callback: Callable[[], Any]) -> None:
        adapter.wake(lambda *_: callback())

    return verdict(soon, adapter.run, adapter.stop)


def on_twisted(reactor: Any) -> Answer:
    return verdict(reactor.callFromThread, reactor.run, reactor.stop)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.event import Event

    over = Event()
    return verdict(eventlet.spawn, over.wait, over.send)
