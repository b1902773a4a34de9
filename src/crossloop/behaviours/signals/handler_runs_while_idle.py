"""A handler that `signal.signal` has set runs at once, though the loop sleeps."""

import signal

from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.signals._sending import USER_1, Sent
from crossloop.behaviours.trio_run import TrioRun

ABOUT = Behaviour(
    question="Does a handler that signal.signal has set run at once while the loop sleeps?",
    rule="A signal ends the system call that the main thread waits in, and Python's handler runs before that waits "
    "again (PEP 475). A C library that waits again by itself keeps the handler waiting, too.",
    source="https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers",
    reports=(
        "https://github.com/gevent/gevent/issues/790",
        "https://github.com/gevent/gevent/issues/1112",
        "https://github.com/joyent/libuv/issues/671",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    sent = Sent(USER_1)
    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(lambda: loop.run_for(WAIT_S), loop.waker(loop.stop))


def on_trio() -> Answer:
    sent, trio_run = Sent(USER_1), TrioRun()
    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(trio_run.run, trio_run.stop)


def on_curio() -> Answer:
    import curio

    sent, stopped = Sent(USER_1), curio.UniversalEvent()

    async def main() -> None:
        await stopped.wait()

    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(lambda: curio.run(main), stopped.set)
