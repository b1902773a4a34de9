"""The event base: rounds, breaks, and exceptions on their way to the caller."""

import itertools
import socket
import threading
from collections.abc import Callable

import pytest

from crossloop.bindings import libevent
from crossloop.bindings.libevent import (
    READ,
    EventBase,
    IoEvent,
    LibeventError,
    PersistentTimer,
    Wakeup,
)
from tests.libevent_binding.callbacks import LIMIT_S, DeliberateError, fail, later


def test_every_method_delivers(method: str, pair: tuple[socket.socket, socket.socket]) -> None:
    others = [name for name in libevent.load().methods if name != method]
    left, right = pair
    got: list[tuple[int, int]] = []
    with EventBase(avoid=others) as base:
        assert base.method == method
        IoEvent(base, left.fileno(), READ, lambda fd, what: got.append((fd, what))).add(LIMIT_S)
        right.send(b"x")
        base.loop()
    assert got == [(left.fileno(), READ)]


def test_no_method_left_is_an_error() -> None:
    with pytest.raises(LibeventError, match="event_base_new_with_config") as caught:
        EventBase(avoid=libevent.load().methods)
    assert caught.value.call == "event_base_new_with_config"


def test_loop_reports_whether_anything_is_pending() -> None:
    with EventBase() as base:
        assert base.loop(block=False) is False
        timer = later(base, lambda *_: None, LIMIT_S)
        assert base.loop(block=False) is True
        assert timer.pending
        timer.delete()
        assert base.loop(block=False) is False


def test_non_blocking_round_ends_although_a_callback_makes_more_work(base: EventBase) -> None:
    """With EVLOOP_NONBLOCK alone libevent would go on here for as long as the timer is restarted."""
    runs = itertools.count()

    def again(*_: object) -> None:
        next(runs)
        timer.add(0)

    timer = later(base, again)
    for _ in range(5):
        base.loop(block=False)
    assert next(runs) == 5


def test_run_waits_although_nothing_is_pending() -> None:
    with EventBase() as base:
        wakeup = Wakeup(base)
        thread = threading.Timer(0.01, wakeup.wake, [base.loopbreak])
        thread.start()
        base.run()
        thread.join()


def test_break_leaves_the_rest_for_the_next_run(base: EventBase) -> None:
    seen: list[int] = []

    def note_and_break(*_: object) -> None:
        seen.append(len(seen))
        base.loopbreak()

    for _ in range(3):
        later(base, note_and_break)
    for expected in ([0], [0, 1], [0, 1, 2]):
        base.run()
        assert seen == expected


def test_loop_within_the_loop_is_refused(base: EventBase) -> None:
    later(base, lambda *_: base.loop())
    with pytest.raises(LibeventError, match="reentrant"):
        base.run()


def test_close_within_the_loop_is_refused_and_harmless(base: EventBase) -> None:
    later(base, lambda *_: base.close())
    with pytest.raises(LibeventError, match="running"):
        base.run()
    assert not base.closed
    assert base.loop(block=False)


@pytest.mark.parametrize("drive", [EventBase.run, EventBase.loop], ids=["run", "loop"])
def test_exception_reaches_the_caller_once_and_nothing_is_printed(
    base: EventBase, drive: Callable[[EventBase], object], capfd: pytest.CaptureFixture[str]
) -> None:
    after: list[int] = []
    later(base, fail)
    later(base, lambda *_: after.append(1))
    with pytest.raises(DeliberateError) as caught:
        drive(base)
    assert [entry.name for entry in caught.traceback][-1] == "fail"
    assert after == []
    base.loop(block=False)
    assert after == [1]
    assert capfd.readouterr() == ("", "")


def test_exception_of_a_persistent_event_leaves_it_added(base: EventBase) -> None:
    timer = PersistentTimer(base, fail)
    timer.add(0.001)
    for _ in range(3):
        with pytest.raises(DeliberateError):
            base.run()
    assert timer.pending


def test_system_exit_and_keyboard_interrupt_pass(base: EventBase) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(7)

    later(base, leave)
    with pytest.raises(SystemExit) as caught:
        base.run()
    assert caught.value.code == 7
