"""A thousand signals of one kind do not cost one of another."""

import os
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.signals._sending import USER_1, USER_2

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is a signal delivered that comes after a thousand of another number, while the loop is busy?",
    rule="Signals of one kind may be heard as one, but one of each kind that came is heard. A pipe of signal "
    "numbers is full after some hundreds; what the handler cannot write is to be kept elsewhere.",
    source="https://man7.org/linux/man-pages/man7/signal.7.html",
    reports=(
        "https://github.com/python/cpython/issues/74224",
        "https://github.com/MagicStack/uvloop/pull/154",
        "https://github.com/dabeaz/curio/issues/118",
    ),
    platforms=("linux", "darwin", "bsd"),
)
LOST = "it is lost"


def send_all() -> None:
    """From within a callback: the loop is busy meanwhile."""
    for _ in range(1000):
        os.kill(os.getpid(), USER_1)
    os.kill(os.getpid(), USER_2)


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, heard = new_loop(), list[str]()
    loop.add_signal_handler(USER_1, lambda: None)
    loop.add_signal_handler(USER_2, heard.append, "the rare one")
    loop.call_soon(send_all)
    loop.call_later(QUIET_S, loop.stop)
    loop.run_forever()
    return answered(bool(heard), LOST)


def on_tornado(io_loop: "IOLoop") -> Answer:
    heard = list[str]()
    loop = io_loop.asyncio_loop  # type: ignore[attr-defined]  # every IOLoop has one
    loop.add_signal_handler(USER_1, lambda: None)
    loop.add_signal_handler(USER_2, heard.append, "the rare one")
    io_loop.add_callback(send_all)
    io_loop.call_later(QUIET_S, io_loop.stop)
    io_loop.start()
    return answered(bool(heard), LOST)


def on_gevent() -> Answer:
    import gevent

    heard = list[str]()
    gevent.signal_handler(USER_1, lambda: None)
    gevent.signal_handler(USER_2, heard.append, "the rare one")
    gevent.spawn(send_all)
    gevent.sleep(QUIET_S)
    return answered(bool(heard), LOST)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.open_signal_receiver(USER_1, USER_2) as signals:
            send_all()
            with trio.move_on_after(QUIET_S):
                async for number in signals:
                    if number == USER_2:
                        return answered(True, "")
        return answered(False, LOST)

    return trio.run(main)


def on_pyev() -> Answer:
    import pyev

    loop, heard = pyev.Loop(), list[str]()
    watchers = (
        pyev.Signal(USER_1, loop, lambda *_: None),
        pyev.Signal(USER_2, loop, lambda *_: heard.append("the rare one")),
        pyev.Timer(0.0, 0.0, loop, lambda *_: send_all()),
        pyev.Timer(QUIET_S, 0.0, loop, lambda *_: loop.stop()),
    )
    for watcher in watchers:
        watcher.start()
    loop.start()
    return answered(bool(heard), LOST)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, SignalEvent, Timer

    heard = list[str]()
    with EventBase() as base:
        SignalEvent(base, USER_1, lambda *_: None).add()
        SignalEvent(base, USER_2, lambda *_: heard.append("the rare one")).add()
        Timer(base, lambda *_: send_all()).add(0.0)
        Timer(base, lambda *_: base.loopbreak()).add(QUIET_S)
        base.run()
    return answered(bool(heard), LOST)
