"""Ctrl-C ends a loop that sleeps: KeyboardInterrupt comes out of its run."""

import signal
import threading
import time
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.signals._sending import TRIES, prompt, to_the_process

ABOUT = Behaviour(
    question="Does Ctrl-C (SIGINT) raise KeyboardInterrupt out of the run of a loop that sleeps, at once?",
    rule="Python's handler of SIGINT raises KeyboardInterrupt in the main thread, and the program ends.",
    source="https://docs.python.org/3/library/signal.html#note-on-signal-handlers-and-exceptions",
    reports=(
        "https://github.com/gevent/gevent/issues/1815",
        "https://github.com/MagicStack/uvloop/issues/295",
        "https://github.com/gevent/gevent/issues/461",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    late_s, sent_s = list[float](), 0.0
    runs = threading.Event()

    def press_when_it_sleeps() -> None:
        nonlocal sent_s
        runs.wait()
        time.sleep(0.02)
        sent_s = time.monotonic()
        to_the_process(signal.SIGINT)

    for _ in range(TRIES):
        runs.clear()
        threading.Thread(target=press_when_it_sleeps, daemon=True).start()
        loop.after(0.0, runs.set)
        end = loop.after(1.0, loop.stop)
        try:
            loop.run()
        except KeyboardInterrupt:
            late_s.append(time.monotonic() - sent_s)
        else:
            return no("the loop runs on")
        end()
    return prompt(late_s)


def on_trio() -> Answer:
    import trio

    signal.signal(signal.SIGINT, signal.default_int_handler)
    late_s, sent_s = list[float](), 0.0
    runs = threading.Event()

    def press_when_it_sleeps() -> None:
        nonlocal sent_s
        runs.wait()
        time.sleep(0.02)
        sent_s = time.monotonic()
        to_the_process(signal.SIGINT)

    async def main() -> None:
        runs.set()
        await trio.sleep(1.0)

    for _ in range(TRIES):
        runs.clear()
        threading.Thread(target=press_when_it_sleeps, daemon=True).start()
        try:
            trio.run(main)
        except KeyboardInterrupt:
            late_s.append(time.monotonic() - sent_s)
        else:
            return no("the loop runs on")
    return prompt(late_s)


def on_twisted(reactor: Any) -> Answer:
    """Twisted takes the signal for itself, and `reactor.run` returns."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.05, to_the_process, (signal.SIGINT,)).start()
    end = reactor.callLater(1.0, reactor.stop)
    try:
        reactor.run()
    except KeyboardInterrupt:
        return yes()
    return no("the run returns" if end.active() else "the loop runs on")
