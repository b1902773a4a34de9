"""Timers for the same instant fire in the order in which they were started."""

from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do timers for the same instant fire in the order in which they were started?",
    rule="asyncio leaves the order of callbacks for exactly the same time undefined, and libev too. A program that "
    "relies on one works where the answer is yes.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_at",
)
NUMBERS = list(range(10))


def verdict(fired: list[int]) -> Answer:
    """From the numbers of the timers in the order in which they fired."""
    return answered(fired == NUMBERS, "in another order" if sorted(fired) == NUMBERS else "not each once")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, fired = new_loop(), list[int]()
    when = loop.time() + 0.01
    for number in NUMBERS:
        loop.call_at(when, fired.append, number)
    loop.call_later(0.03, loop.stop)
    loop.run_forever()
    return verdict(fired)


def on_tornado(io_loop: "IOLoop") -> Answer:
    fired = list[int]()
    when = io_loop.time() + 0.01
    for number in NUMBERS:
        io_loop.call_at(when, fired.append, number)
    io_loop.call_later(0.03, io_loop.stop)
    io_loop.start()
    return verdict(fired)


def on_gevent() -> Answer:
    import gevent

    fired = list[int]()
    for number in NUMBERS:  # of one reading of the clock: the loop does not look at it in between
        gevent.get_hub().loop.timer(0.01).start(fired.append, number)
    gevent.sleep(0.03)
    return verdict(fired)


def on_pyev() -> Answer:
    import pyev

    loop, fired, timers = pyev.Loop(), list[int](), list[object]()
    for number in NUMBERS:  # as above
        timer = pyev.Timer(0.01, 0.0, loop, lambda watcher, _events: fired.append(watcher.data), number)
        timer.start()
        timers.append(timer)
    end = pyev.Timer(0.03, 0.0, loop, lambda *_: loop.stop())
    end.start()
    loop.start()
    return verdict(fired)


def on_eventlet() -> Answer:
    from eventlet import hubs, sleep

    hub, fired = hubs.get_hub(), list[int]()
    clock, now = hub.clock, hub.clock()
    hub.clock = lambda: now  # of one reading of the clock
    for number in NUMBERS:
        hub.schedule_call_global(0.01, fired.append, number)
    hub.clock = clock
    sleep(0.03)
    return verdict(fired)
