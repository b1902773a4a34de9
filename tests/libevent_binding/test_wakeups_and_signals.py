"""Ways into a running loop: threads, libevent's signals and Python's."""

import itertools
import os
import signal
import socket
import sys
import threading
import time

import pytest

from crossloop.bindings.libevent import (
    EventBase,
    LibeventError,
    PythonSignals,
    SignalEvent,
    Wakeup,
)
from tests.libevent_binding.callbacks import LIMIT_S, DeliberateError, fail, later


def test_wake_ups_from_four_threads_run_once_each_and_in_order(base: EventBase) -> None:
    each, threads = 5000, 4
    seen: list[list[int]] = [[] for _ in range(threads)]
    total = itertools.count(1)
    wakeup = Wakeup(base)

    def arrive(thread: int, number: int) -> None:
        seen[thread].append(number)
        if next(total) == each * threads:
            base.loopbreak()

    def call(thread: int) -> None:
        for number in range(each):
            wakeup.wake(lambda thread=thread, number=number: arrive(thread, number))

    workers = [threading.Thread(target=call, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    base.run()
    for worker in workers:
        worker.join()
    assert seen == [list(range(each))] * threads


def test_wake_up_thatfails_loses_none_behind_it(base: EventBase) -> None:
    wakeup = Wakeup(base)
    seen: list[int] = []
    wakeup.wake(lambda: seen.append(1))
    wakeup.wake(fail)
    wakeup.wake(lambda: seen.append(2))
    wakeup.wake(base.loopbreak)
    with pytest.raises(DeliberateError):
        base.run()
    base.run()
    assert seen == [1, 2]
    wakeup.close()
    with pytest.raises(LibeventError, match="closed"):
        wakeup.wake(print)


def test_wake_up_from_its_own_callback_lets_others_run(base: EventBase) -> None:
    wakeup = Wakeup(base)
    calls = itertools.count()

    def again() -> None:
        next(calls)
        wakeup.wake(again)

    wakeup.wake(again)
    later(base, lambda *_: base.loopbreak(), 0.01)
    base.run()
    assert next(calls) > 1


NO_SIGNALS = "Windows has no signals between processes"


def test_signal_event_counts_and_gives_the_handler_back(base: EventBase) -> None:
    if sys.platform == "win32":
        pytest.skip(NO_SIGNALS)
    got: list[tuple[int, int]] = []
    before = signal.getsignal(signal.SIGUSR1)
    event = SignalEvent(base, signal.SIGUSR1, lambda number, what: got.append((number, what)))
    event.add()
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGUSR1)
        base.loop()
    event.delete()
    assert got == [(signal.SIGUSR1, 8)] * 3
    assert signal.getsignal(signal.SIGUSR1) is before


def test_keyboard_interrupt_ends_an_idle_loop(base: EventBase, capfd: pytest.CaptureFixture[str]) -> None:
    """libevent waits again after EINTR; without the wake-up descriptor this would take `LIMIT_S`."""
    if sys.platform == "win32":
        pytest.skip(NO_SIGNALS)
    began = time.monotonic()
    killer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        base.run()
    killer.join()
    assert time.monotonic() - began < LIMIT_S / 2
    assert capfd.readouterr() == ("", "")


def test_python_handler_runs_while_idle_and_wakeup_descriptor_is_given_back(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    if sys.platform == "win32":
        pytest.skip(NO_SIGNALS)
    before = signal.set_wakeup_fd(pair[0].fileno())
    previous = signal.signal(signal.SIGUSR2, lambda *_: base.loopbreak())
    began = time.monotonic()
    killer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR2))
    killer.start()
    try:
        base.run()
        killer.join()
        assert time.monotonic() - began < LIMIT_S / 2
        assert signal.set_wakeup_fd(before) == pair[0].fileno()
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGUSR2, previous)


def test_python_signals_are_left_alone_in_threads() -> None:
    outcome: list[object] = []

    def work() -> None:
        with EventBase() as base:
            outcome.append(PythonSignals(base).add())
            later(base, lambda *_: base.loopbreak())
            base.run()
            outcome.append("ran")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(LIMIT_S)
    assert outcome == [False, "ran"]
