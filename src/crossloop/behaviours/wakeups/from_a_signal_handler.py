"""A signal's handler may hand a call to the loop."""

import signal
from functools import partial
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, not_there
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.signals._sending import USER_1, Sent, to_the_process
from crossloop.behaviours.trio_run import TrioRun

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a call run that a signal's handler hands to the loop while it sleeps?",
    rule="call_soon_threadsafe may be called from a signal's handler, and wakes the loop.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    reports=(
        "https://github.com/MagicStack/uvloop/pull/421",
        "https://github.com/gevent/gevent/issues/790",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    sent = Sent(USER_1)
    waker = loop.waker(sent.arrived)
    signal.signal(USER_1, lambda *_: waker())
    return sent.while_idle(lambda: loop.run_for(WAIT_S), loop.waker(loop.stop))


def on_tornado(io_loop: "IOLoop") -> Answer:
    sent = Sent(USER_1)
    signal.signal(USER_1, lambda *_: io_loop.add_callback_from_signal(sent.arrived))
    return sent.while_idle(io_loop.start, partial(io_loop.add_callback, io_loop.stop))


def on_trio() -> Answer:
    trio_run = TrioRun()

    def send(number: signal.Signals) -> None:
        trio_run.wait_until_it_runs()
        to_the_process(number)

    sent = Sent(USER_1, send)
    signal.signal(USER_1, lambda *_: trio_run.soon(sent.arrived))
    return sent.while_idle(trio_run.run, trio_run.stop)


def on_eventlet() -> Answer:
    return not_there("nothing of eventlet's hub may be called from a signal's handler")
