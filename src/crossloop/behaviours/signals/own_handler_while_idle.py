"""What the loop itself offers for signals calls back at once, though the loop sleeps."""

from functools import partial
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.signals._sending import USER_1, Sent
from crossloop.behaviours.trio_run import TrioRun

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is the loop's own signal handler called at once while the loop sleeps?",
    rule="A callback for a signal (add_signal_handler, gevent.signal_handler, ev_signal, evsignal_new) is called by "
    "the loop as other callbacks are, and wakes it.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_signal_handler",
    platforms=("linux", "darwin", "bsd"),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, sent = new_loop(), Sent(USER_1)
    loop.add_signal_handler(USER_1, sent.arrived)
    return sent.while_idle(loop.run_forever, partial(loop.call_soon_threadsafe, loop.stop))


def on_tornado(io_loop: "IOLoop") -> Answer:
    sent = Sent(USER_1)
    io_loop.asyncio_loop.add_signal_handler(USER_1, sent.arrived)  # type: ignore[attr-defined]  # every IOLoop has one
    return sent.while_idle(io_loop.start, partial(io_loop.add_callback, io_loop.stop))


def on_gevent() -> Answer:
    import gevent
    from gevent.event import Event

    sent, ended = Sent(USER_1), Event()
    gevent.signal_handler(USER_1, sent.arrived)
    stop = partial(gevent.get_hub().loop.run_callback_threadsafe, ended.set)
    return sent.while_idle(lambda: ended.wait(WAIT_S), stop)


def on_trio() -> Answer:
    import trio

    sent = Sent(USER_1)

    async def hear() -> None:
        with trio.open_signal_receiver(USER_1) as signals:
            async for _number in signals:
                sent.arrived()

    trio_run = TrioRun(hear)
    return sent.while_idle(trio_run.run, trio_run.stop)


def on_pyev() -> Answer:
    import pyev

    loop, sent = pyev.Loop(), Sent(USER_1)
    handler = pyev.Signal(USER_1, loop, sent.arrived)
    handler.start()
    stop = pyev.Async(loop, lambda *_: loop.stop())
    stop.start()
    return sent.while_idle(loop.start, stop.send)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, SignalEvent, Wakeup

    sent = Sent(USER_1)
    with EventBase() as base:
        SignalEvent(base, USER_1, sent.arrived).add()
        return sent.while_idle(base.run, partial(Wakeup(base).wake, base.loopbreak))
