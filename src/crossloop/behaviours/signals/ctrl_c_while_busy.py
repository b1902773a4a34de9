"""Ctrl-C ends a loop whose callback computes: KeyboardInterrupt comes out of its run."""

import signal
import threading
import time
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.signals._sending import to_the_process

ABOUT = Behaviour(
    question="Does Ctrl-C (SIGINT) raise KeyboardInterrupt out of the run of a loop whose callback computes?",
    rule="KeyboardInterrupt is raised in whatever the main thread does. It is no error of the callback, to be "
    "printed or kept: it leaves the run.",
    source="https://docs.python.org/3/library/exceptions.html#KeyboardInterrupt",
    reports=(
        "https://github.com/gevent/gevent/issues/1815",
        "https://github.com/gevent/gevent/issues/461",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def press_and_compute() -> None:
    """Compute for a while, and have the signal come meanwhile."""
    until_s = time.monotonic() + 0.4
    threading.Timer(0.05, to_the_process, (signal.SIGINT,)).start()
    while time.monotonic() < until_s:
        pass


def on_loop(loop: PlainLoop) -> Answer:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    computed = list[str]()

    def compute() -> None:
        press_and_compute()
        computed.append("to the end")

    loop.after(0.0, compute)
    try:
        loop.run_for(0.5)
    except KeyboardInterrupt:
        return answered(not computed, "it comes out when the callback is done")
    return no("the loop runs on" if computed else "the callback ends, and the loop runs on")


def on_trio() -> Answer:
    import trio

    signal.signal(signal.SIGINT, signal.default_int_handler)
    computed = list[str]()

    async def compute() -> None:
        press_and_compute()
        computed.append("to the end")

    try:
        trio.run(compute)
    except KeyboardInterrupt:
        return answered(not computed, "it comes out when the callback is done")
    return no("the loop runs on" if computed else "the callback ends, and the loop runs on")


def on_twisted(reactor: Any) -> Answer:
    """Twisted takes the signal for itself, and `reactor.run` returns when the callback is done."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    computed = list[str]()

    def compute() -> None:
        press_and_compute()
        computed.append("to the end")

    reactor.callLater(0, compute)
    end = reactor.callLater(1.0, reactor.stop)
    try:
        reactor.run()
    except KeyboardInterrupt:
        return answered(not computed, "it comes out when the callback is done")
    return no("the run returns when the callback is done" if end.active() else "the loop runs on")
