"""A timer that is started again counts anew."""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a timer that is started again count anew?",
    rule="An idle timeout is pushed back with each message: stopped and started, it has its whole time again, and "
    "fires once.",
    source="https://docs.libuv.org/en/v1.x/timer.html#c.uv_timer_start",
    reports=("https://github.com/gevent/gevent/issues/1890",),
)
DELAY_S, EVERY_S, STARTS = 0.12, 0.04, 5


class PushedBack:
    """A timer of `DELAY_S`, started `STARTS` times, `EVERY_S` apart. It calls `fired`."""

    def __init__(self) -> None:
        self.waited_s = list[float]()
        """How long it was since the latest start, each time that it fired."""

    def begin(
        self, start: Callable[[], object], after: Callable[..., object], stop: Callable[[], object]
    ) -> None:
        """*start* starts the timer, as often as it is called; *after* is another timer; *stop* ends the run."""
        for number in range(STARTS):
            after(number * EVERY_S, partial(self._start, start))
        after(STARTS * EVERY_S + 1.5 * DELAY_S, stop)

    def _start(self, start: Callable[[], object]) -> None:
        self.started_s = time.monotonic()
        start()

    def fired(self, *_: object) -> None:
        self.waited_s.append(time.monotonic() - self.started_s)

    def verdict(self) -> Answer:
        if not self.waited_s:
            return no("it does not fire")
        seen = ", ".join(f"{1000 * waited_s:.0f}" for waited_s in self.waited_s)
        counts_anew = min(self.waited_s) > DELAY_S - EVERY_S / 2
        return answered(counts_anew, "it goes on counting", f"fired {seen} ms after the latest start")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, timer = new_loop(), PushedBack()
    handle = loop.call_later(0, lambda: None)

    def start() -> None:
        nonlocal handle
        handle.cancel()
        handle = loop.call_later(DELAY_S, timer.fired)

    timer.begin(start, loop.call_later, loop.stop)
    loop.run_forever()
    return timer.verdict()


def on_tornado(io_loop: "IOLoop") -> Answer:
    timer = PushedBack()
    handle = io_loop.call_later(0, lambda: None)

    def start() -> None:
        nonlocal handle
        io_loop.remove_timeout(handle)
        handle = io_loop.call_later(DELAY_S, timer.fired)

    timer.begin(start, io_loop.call_later, io_loop.stop)
    io_loop.start()
    return timer.verdict()


def on_gevent() -> Answer:
    import gevent
    from gevent.event import Event

    timer, stopped = PushedBack(), Event()
    watcher = gevent.get_hub().loop.timer(DELAY_S)

    def start() -> None:
        watcher.stop()
        watcher.start(timer.fired)

    timer.begin(start, gevent.spawn_later, stopped.set)
    stopped.wait()
    return timer.verdict()


def on_trio() -> Answer:
    """The deadline of a cancel scope, which is set again; what it cuts is a task that waits."""
    import trio

    timer = PushedBack()

    async def main() -> None:
        scope = trio.CancelScope()

        async def wait() -> None:
            with scope:
                await trio.sleep_forever()
            timer.fired()

        def start() -> None:
            scope.deadline = trio.current_time() + DELAY_S

        async def after(delay_s: float, callback: Callable[[], object]) -> None:
            await trio.sleep(delay_s)
            callback()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)

            def soon(delay_s: float, callback: Callable[[], object]) -> None:
                nursery.start_soon(after, delay_s, callback)

            timer.begin(start, soon, nursery.cancel_scope.cancel)

    trio.run(main)
    return timer.verdict()


def on_pyev() -> Answer:
    import pyev

    loop, timer, kept = pyev.Loop(), PushedBack(), list[pyev.Timer]()
    watcher = pyev.Timer(DELAY_S, 0.0, loop, timer.fired)

    def start() -> None:
        watcher.stop()
        watcher.start()

    def after(delay_s: float, callback: Callable[[], object]) -> None:
        kept.append(pyev.Timer(delay_s, 0.0, loop, lambda *_: callback()))
        kept[-1].start()

    timer.begin(start, after, loop.stop)
    loop.start()
    return timer.verdict()


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    timer = PushedBack()
    with EventBase() as base:
        event = Timer(base, timer.fired)

        def start() -> None:
            event.delete()
            event.add(DELAY_S)

        def after(delay_s: float, callback: Callable[[], object]) -> None:
            Timer(base, lambda *_: callback()).add(delay_s)

        timer.begin(start, after, base.loopbreak)
        base.run()
    return timer.verdict()


def on_readiness(adapter: Readiness) -> Answer:
    timer = PushedBack()
    handle = adapter.call_later(1000.0, timer.fired)

    def start() -> None:
        adapter.rearm(handle, DELAY_S, timer.fired)

    timer.begin(start, adapter.call_later, adapter.stop)
    adapter.run()
    return timer.verdict()


def on_twisted(reactor: Any) -> Answer:
    timer = PushedBack()
    handle = reactor.callLater(1000.0, timer.fired)
    timer.begin(lambda: handle.reset(DELAY_S), reactor.callLater, reactor.stop)
    reactor.run()
    return timer.verdict()


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.event import Event

    timer, stopped = PushedBack(), Event()
    handle = eventlet.spawn_after(1000.0, timer.fired)

    def start() -> None:
        nonlocal handle
        handle.cancel()
        handle = eventlet.spawn_after(DELAY_S, timer.fired)

    timer.begin(start, eventlet.spawn_after, stopped.send)
    stopped.wait()
    return timer.verdict()
