"""When the loop's signal handler is removed, the signal has its default effect again."""

from pathlib import Path
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.signals._sending import USER_1

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Has a signal its default effect again when the loop's handler for it is removed?",
    rule="A program that handles SIGTERM for a while can be ended by it afterwards: the handler is gone from the "
    "process.",
    source="https://man7.org/linux/man-pages/man2/sigaction.2.html",
    platforms=("linux",),
)


def verdict() -> Answer:
    """Whether the process catches the signal no more: SigCgt in /proc/PID/status (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _colon, mask = line.partition(":")
        if name == "SigCgt":
            return answered(
                not int(mask, 16) >> USER_1 - 1 & 1, "the process catches it still, and nobody is told"
            )
    raise RuntimeError("/proc/self/status has no SigCgt")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    loop.add_signal_handler(USER_1, lambda: None)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    loop.remove_signal_handler(USER_1)
    return verdict()


def on_tornado(io_loop: "IOLoop") -> Answer:
    return on_asyncio(lambda: io_loop.asyncio_loop)  # type: ignore[attr-defined]  # every IOLoop has one


def on_gevent() -> Answer:
    import gevent

    handler = gevent.signal_handler(USER_1, lambda: None)
    gevent.sleep(0.01)
    handler.cancel()
    gevent.sleep(0.01)
    return verdict()


def on_trio() -> Answer:
    import trio

    async def main() -> None:
        with trio.open_signal_receiver(USER_1):
            await trio.sleep(0.01)

    trio.run(main)
    return verdict()


def on_pyev() -> Answer:
    import pyev

    loop = pyev.Loop()
    handler = pyev.Signal(USER_1, loop, lambda *_: None)
    handler.start()
    end = pyev.Timer(0.01, 0.0, loop, lambda *_: loop.stop())
    end.start()
    loop.start()
    handler.stop()
    return verdict()


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, SignalEvent, Timer

    with EventBase() as base:
        handler = SignalEvent(base, USER_1, lambda *_: None)
        handler.add()
        Timer(base, lambda *_: base.loopbreak()).add(0.01)
        base.run()
        handler.delete()
        return verdict()
