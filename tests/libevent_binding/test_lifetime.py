"""Who lives how long: events, bases, descriptors, and a base in the child of a fork."""

import gc
import os
import signal
import socket
import sys
import weakref
from pathlib import Path

import pytest

from crossloop.bindings.libevent import (
    PERSIST,
    READ,
    BufferEvent,
    EventBase,
    IoEvent,
    LibeventError,
    Timer,
    Wakeup,
)
from tests.libevent_binding.callbacks import LIMIT_S, fail, later


def test_pending_event_lives_without_a_reference(base: EventBase) -> None:
    fired: list[int] = []
    alive = weakref.ref(later(base, lambda *_: fired.append(1), 0.005))
    gc.collect()
    assert alive() is not None
    while not fired:
        base.loop()
    gc.collect()
    assert alive() is None


def test_base_closed_with_live_events_calls_none_and_refuses_more(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    base = EventBase()
    wakeup = Wakeup(base)
    event = IoEvent(base, left.fileno(), READ | PERSIST, fail)
    event.add()
    timer = later(base, fail)
    buffered = BufferEvent(base, right.fileno(), print, print)
    wakeup.wake(fail)
    right.send(b"x")
    base.close()
    base.close()
    assert (base.closed, event.pending, timer.pending, buffered.closed, base.live) == (
        True,
        False,
        False,
        True,
        {},
    )
    timer.delete()
    for call in (timer.add, event.add, base.run, base.loopbreak, base.reinit, lambda: Timer(base, print)):
        with pytest.raises(LibeventError, match="closed"):
            call()


def test_forgotten_base_is_freed_with_its_cycle_and_warns() -> None:
    base = EventBase()
    wakeup = Wakeup(base)
    wakeup.wake(print)
    later(base, base.loopbreak, LIMIT_S)  # the callback refers to the base, the base to the event
    alive = weakref.ref(base)
    del base, wakeup
    with pytest.warns(ResourceWarning, match="unclosed <EventBase"):
        gc.collect()
    assert alive() is None


def test_two_hundred_bases_leave_no_descriptor() -> None:
    def open_descriptors() -> int:
        folder = Path("/proc/self/fd")
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    before = open_descriptors()
    for _ in range(200):
        with EventBase() as base:
            Wakeup(base)
            later(base, lambda *_, base=base: base.loopbreak())
            base.run()
    assert open_descriptors() == before


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("within_callback", [False, True], ids=["outside", "within-a-callback"])
def test_child_of_a_fork_goes_on_and_takes_nothing_from_its_parent(
    base: EventBase, pair: tuple[socket.socket, socket.socket], within_callback: bool
) -> None:
    """The child deletes the descriptor that the parent watches: with a shared epoll set it would be gone."""
    if sys.platform == "win32":
        pytest.skip("Windows has no fork")
    left, right = pair
    wakeup = Wakeup(base)
    got: list[bytes] = []

    def on_readable(*_: object) -> None:
        got.append(left.recv(100))
        base.loopbreak()

    event = IoEvent(base, left.fileno(), READ | PERSIST, on_readable)
    event.add()
    # The child hears its copy of this without taking the parent's ring.
    wakeup.wake(lambda: got.append(b"woken"))
    children: list[int] = []

    def fork(*_: object) -> None:
        child = os.fork()
        if child == 0:
            signal.alarm(int(LIMIT_S))
            os._exit(_child(base, event, wakeup, within_callback))
        children.append(child)
        base.loopbreak()

    if within_callback:
        later(base, fork)
        base.run()
    else:
        fork()
    assert os.waitpid(children[0], 0)[1] == 0
    right.send(b"for the parent")
    base.run()
    wakeup.wake(base.loopbreak)
    base.run()
    assert sorted(got) == [b"for the parent", b"woken"]


def _child(base: EventBase, event: IoEvent, wakeup: Wakeup, within_callback: bool) -> int:
    """In the child: exit status 0 if its copy of the base works on its own."""
    try:
        base.reinit()
        event.delete()
        if within_callback:
            return 0  # the loop that forked is still on the stack
        seen: list[int] = []
        wakeup.wake(lambda: seen.append(1))
        later(base, lambda *_: seen.append(2), 0.01)
        while len(seen) < 2:
            base.loop()
        return 0 if sorted(seen) == [1, 2] else 3
    except BaseException:
        return 4
