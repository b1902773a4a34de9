"""Promises of `Signals`: each arrival is heard, in the loop, and afterwards all is as it was."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from crossloop.api import Signals, UnsupportedError
from crossloop.contract.promise import WAIT_S, Aside, Promises, ViolationError, require_equal

SIGNALS = Promises(lambda subject: cast(Signals, subject.adapter))
MANY = 50
_HEARD = "each arrival is heard, by the loop"


def _number() -> int:
    """One that a program may use as it likes. Raises UnsupportedError where there is none: on Windows."""
    if sys.platform == "win32":
        raise UnsupportedError("Windows has no signal that a process can send to itself and survive")
    return signal.SIGUSR1


def _send() -> None:
    os.kill(os.getpid(), _number())


def _hear(signals: Signals, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
    """As `hear_signals`; what is heard of no more is given up: a signal from another thread ends it. Raises
    ViolationError then."""
    lost = False

    def give_up() -> None:
        nonlocal lost
        lost = True
        _send()

    guard = threading.Timer(WAIT_S, give_up)
    guard.daemon = True
    guard.start()
    try:
        signals.hear_signals(_number(), begin, lambda: lost or heard())
    finally:
        guard.cancel()
    if lost:
        raise ViolationError("each signal heard", f"one was not within {WAIT_S:g} s")


@SIGNALS.promise("signals-each", f"{MANY} signals, each sent when the one before it was heard", _HEARD)
def each(signals: Signals) -> None:
    threads: list[int] = []

    def heard() -> bool:
        threads.append(threading.get_ident())
        if len(threads) < MANY:
            _send()
        return len(threads) == MANY

    _hear(signals, _send, heard)
    require_equal(threads, [threading.get_ident()] * MANY, "threads in which the signals were heard")


@SIGNALS.promise("signals-while-idle", "a signal from another thread, to a loop with nothing else", _HEARD)
def while_idle(signals: Signals) -> None:
    begun = threading.Event()

    def send() -> None:
        begun.wait(WAIT_S)
        time.sleep(0.02)  # the loop sleeps by then
        _send()

    sent = Aside(send, "sender")
    sent.start()
    _hear(signals, begun.set, lambda: True)
    sent.join()


@SIGNALS.promise(
    "signals-exception", "what hears raises", "an exception ends the call and is raised; another call works"
)
def exception(signals: Signals) -> None:
    class OurOwnError(Exception):
        pass

    def fail() -> bool:
        raise OurOwnError("from what hears")

    try:
        _hear(signals, _send, fail)
    except OurOwnError as error:
        require_equal(str(error), "from what hears", "message of the error")
    else:
        raise ViolationError("hear_signals raises the error", "it returned")
    _hear(signals, _send, lambda: True)


@SIGNALS.promise(
    "signals-default-again", "the handling of the signal afterwards", "the system's default handling again"
)
def default_again(signals: Signals) -> None:
    """What the kernel would do: libraries in C have handlers that Python does not know of."""
    _hear(signals, _send, lambda: True)
    require_equal(signal.getsignal(_number()), signal.SIG_DFL, "Python's handler of the signal")
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        caught = int(line.split()[1], 16) >> (_number() - 1) & 1  # proc_pid_status(5)
        require_equal(caught, 0, "whether the process catches the signal")
