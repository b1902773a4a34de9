"""A signal that another thread receives is heard by a loop that sleeps."""

import signal

from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.signals._sending import USER_1, Sent
from crossloop.behaviours.trio_run import TrioRun

ABOUT = Behaviour(
    question="Does a handler run at once when the kernel gives the signal to another thread while the loop sleeps?",
    rule="Handlers run in the main thread, whichever thread the signal is given to. The main thread's system call "
    "is not interrupted then; what is written to the wakeup descriptor (set_wakeup_fd) wakes a loop that watches "
    "it.",
    source="https://docs.python.org/3/library/signal.html#signals-and-threads",
    reports=(
        "https://github.com/dabeaz/curio/issues/118",
        "https://github.com/python/cpython/issues/85300",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    sent = Sent(USER_1, signal.raise_signal)  # to the thread that calls
    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(lambda: loop.run_for(WAIT_S), loop.waker(loop.stop))


def on_trio() -> Answer:
    sent, trio_run = Sent(USER_1, signal.raise_signal), TrioRun()
    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(trio_run.run, trio_run.stop)


def on_curio() -> Answer:
    import curio

    sent, stopped = Sent(USER_1, signal.raise_signal), curio.UniversalEvent()

    async def main() -> None:
        await stopped.wait()

    signal.signal(USER_1, sent.arrived)
    return sent.while_idle(lambda: curio.run(main), stopped.set)
