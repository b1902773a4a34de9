"""Watchers one by one, on a loop without a hub."""

import contextlib
import gc
import itertools
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import weakref
from typing import Any

import pytest

from crossloop.bindings.libevent import LibeventError

READ, WRITE = 1, 2
LIMIT_S = 20.0


@pytest.fixture
def guarded(loop: Any) -> Any:
    """The loop, with a timer that ends it when a test does not."""
    guard = loop.timer(LIMIT_S, ref=False)
    guard.start(loop.break_)
    return loop


def note(seen: list[Any], what: object) -> bool:
    """`append` as an expression, for callbacks of one line."""
    seen.append(what)
    return True


# Descriptors


def test_stopping_and_starting_again_in_a_turn_calls_nothing_in_c(guarded: Any) -> None:
    left, right = socket.socketpair()
    calls: list[str] = []
    for name in ("_event_add", "_event_del"):
        original = getattr(guarded, name)

        def counted(*arguments: Any, name: str = name, original: Any = original) -> Any:
            calls.append(name)
            return original(*arguments)

        setattr(guarded, name, counted)
    with left, right:
        watcher = guarded.io(right.fileno(), READ)
        turns = []

        def readable() -> None:
            right.recv(1)
            watcher.stop()
            turns.append(1)
            if len(turns) < 50:
                watcher.start(readable)
                left.send(b"x")

        watcher.start(readable)
        left.send(b"x")
        guarded.run()
        assert (len(turns), calls) == (50, ["_event_add"])
        guarded.run(nowait=True)  # it stays stopped: now libevent is told
        assert calls == ["_event_add", "_event_del"]
        watcher.close()


def test_more_than_the_notes_have_room_for_are_called_in_one_turn(guarded: Any) -> None:
    """The part in C notes 256, and then hands them over. libevent asks epoll for 32 first, and for more each time."""
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(300)]
        called: list[int] = []
        for left, right in pairs:
            stack.enter_context(left)
            stack.enter_context(right)
            watcher = stack.enter_context(guarded.io(right.fileno(), READ))
            watcher.start(called.append, right.fileno())
            left.send(b"x")
        for _turn in range(8):
            called.clear()
            guarded.run(nowait=True)
        assert sorted(called) == sorted(right.fileno() for _left, right in pairs)


def test_a_loop_that_is_destroyed_in_a_round_calls_nothing_that_the_round_has_seen(guarded: Any) -> None:
    """Python is called for other threads and for signals in the middle of a round, and may do anything."""
    called: list[str] = []
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            left, right = map(stack.enter_context, socket.socketpair())
            guarded.io(right.fileno(), READ).start(called.append, "called")
            left.send(b"x")

        def end() -> None:
            with pytest.raises(LibeventError, match="the loop is running"):
                guarded.destroy()
            gc.collect()
            called.append("ended")

        base = guarded.base
        guarded.wake(end)
        guarded.run(nowait=True)
        assert called == ["ended"]
        base.close()


def new_pair_with(number: int) -> tuple[socket.socket, socket.socket]:
    """A pair of sockets whose second one has the descriptor *number*, which is free."""
    first, second = socket.socketpair()
    if first.fileno() == number:
        first, second = second, first
    assert second.fileno() == number
    return first, second


@pytest.mark.parametrize("how", ["stopped", "closed", "told", "under a started watcher"])
def test_a_number_that_comes_back_is_watched_anew(guarded: Any, how: str) -> None:
    """In one turn and across turns; each way in which a program lets go of a descriptor."""
    for across_turns in (False, True):
        for _ in range(20):
            left, right = socket.socketpair()
            number = right.fileno()
            old = guarded.io(number, READ)
            events: list[int] = []
            old.start(events.append, pass_events=True)
            guarded.run(nowait=True)
            if how == "told":
                assert guarded.closing_fd(number)
            elif how == "stopped":
                old.stop()
            elif how == "closed":
                old.close()
            right.close()
            if across_turns:
                guarded.run(nowait=True)
            left.close()  # only now: its number must not be the one that comes back
            first, second = new_pair_with(number) if right.fileno() == -1 else socket.socketpair()
            seen: list[int] = []
            new = guarded.io(number, READ)
            new.start(lambda: (note(seen, 1), new.stop()))  # noqa: B023  (called within this round)
            first.send(b"x")
            for _ in range(3):
                guarded.run(nowait=True)
            assert seen == [1], how
            if how != "under a started watcher":  # who does that may be called for the new file
                assert events == ([READ] if how == "told" else [])
            old.close()
            new.close()
            first.close()
            second.close()


def test_readers_and_writers_of_one_descriptor_are_apart(guarded: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        seen: list[str] = []
        reader, writer = guarded.io(right.fileno(), READ), guarded.io(right.fileno(), WRITE)
        reader.start(lambda: (note(seen, "read"), reader.stop()))
        writer.start(lambda: (note(seen, "write"), writer.stop(), left.send(b"x")))
        guarded.run()
        assert seen == ["write", "read"]
        both = guarded.io(right.fileno(), READ | WRITE)
        both.start(lambda events: (note(seen, str(events)), both.stop()), pass_events=True)
        guarded.run()
        assert seen[-1] == "3"


@pytest.mark.skipif(sys.platform == "win32", reason="select there takes sockets alone")
def test_a_regular_file_is_always_ready(guarded: Any) -> None:
    with tempfile.TemporaryFile() as file:
        seen: list[int] = []
        watcher = guarded.io(file.fileno(), READ)
        watcher.start(lambda: (note(seen, 1), len(seen) == 3 and watcher.stop()))
        guarded.run()
        assert len(seen) == 3
        watcher.close()
    assert guarded.always_ready == {}


def test_what_is_no_descriptor_is_refused(guarded: Any) -> None:
    with pytest.raises(ValueError, match="negative"):
        guarded.io(-1, READ)
    with pytest.raises(ValueError, match="illegal event mask 4"):
        guarded.io(0, 4)
    if sys.platform != "win32":
        left, right = socket.socketpair()
        number = left.fileno()
        left.close()
        right.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            guarded.io(number, READ)


# Timers


def test_a_storm_of_timers(guarded: Any) -> None:
    """20,000 of them, a half is stopped again: each of the others fires once, none early, in order of due times."""
    chance = random.Random(1)
    fired: list[tuple[float, float, float]] = []
    timers = []
    for _ in range(20_000):
        delay_s = chance.random() * 0.2
        timer = guarded.timer(delay_s)
        earliest_s = time.monotonic() + delay_s
        timer.start(lambda: None)
        latest_s = time.monotonic() + delay_s
        timer.callback = lambda earliest=earliest_s, latest=latest_s: fired.append(
            (earliest, latest, time.monotonic())
        )
        timers.append(timer)
    for timer in timers[::2]:
        timer.close()
    assert fired == []
    guarded.run()
    assert len(fired) == 10_000
    assert all(at_s >= earliest_s for earliest_s, _, at_s in fired)
    assert all(before[0] <= after[1] for before, after in itertools.pairwise(fired))


def test_repeating_pushing_back_and_stopping(guarded: Any) -> None:
    fired: list[str] = []
    repeating = guarded.timer(0.0, 0.001)
    repeating.start(lambda: (note(fired, "r"), fired.count("r") == 5 and repeating.stop()))
    pushed = guarded.timer(0.002, 0.02)
    pushed.again(lambda: (note(fired, "p"), pushed.stop()))
    guarded.run()
    assert "".join(sorted(fired)) == "prrrrr"
    once = guarded.timer(0.001)
    again: list[bool] = []
    once.start(lambda: (note(again, once.active), len(again) < 3 and once.start(once_more)))

    def once_more() -> None:
        again.append(once.active)
        if len(again) < 3:
            once.start(once_more)

    guarded.run()
    assert again == [False, False, False]
    with pytest.raises(ValueError, match="repeat"):
        guarded.timer(1, -1)


# Turns


def test_the_order_of_a_turn(guarded: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        seen: list[str] = []
        watchers = {
            "idle": guarded.idle(),
            "prepare": guarded.prepare(),
            "check": guarded.check(),
            "late": guarded.io(right.fileno(), READ, priority=-1),
            "io": guarded.io(right.fileno(), READ),
            "urgent": guarded.io(right.fileno(), READ, priority=2),
        }
        for name, watcher in watchers.items():
            watcher.start(lambda name=name, watcher=watcher: (note(seen, name), watcher.stop()))
        fed = guarded.timer(LIMIT_S)
        fed.feed(1, lambda: (note(seen, "fed"), fed.stop()))
        left.send(b"x")
        guarded.run_callback(seen.append, "call")
        guarded.run()
        assert seen == ["prepare", "call", "check", "urgent", "fed", "io", "late", "idle"]


def test_a_watcher_that_is_stopped_in_the_same_turn_is_not_called(guarded: Any) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    seen: list[int] = []
    watchers = [guarded.io(right.fileno(), READ) for _, right in pairs]

    def first_come() -> None:
        seen.append(1)
        for watcher in watchers:
            watcher.stop()

    for watcher, (left, _) in zip(watchers, pairs, strict=True):
        watcher.start(first_come)
        left.send(b"x")
    guarded.run()
    assert seen == [1]
    for pair in pairs:
        for sock in pair:
            sock.close()


def test_what_was_seen_before_a_stop_is_not_told_after_a_new_start(guarded: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        turns: list[int] = []
        second = guarded.io(right.fileno(), READ)

        def restart() -> None:
            first.stop()
            second.stop()
            second.start(lambda: (note(turns, guarded.iteration), second.stop()))
            note(turns, guarded.iteration)

        first = guarded.io(right.fileno(), READ, priority=1)
        first.start(restart)
        second.start(print)
        left.send(b"x")
        guarded.run()
        assert turns[1] == turns[0] + 1


def test_a_started_watcher_lives_and_a_stopped_one_goes(guarded: Any) -> None:
    seen: list[int] = []
    guarded.timer(0.001).start(seen.append, 1)
    gc.collect()
    guarded.run()
    assert seen == [1]
    left, right = socket.socketpair()
    with left, right:
        watcher = guarded.io(right.fileno(), READ)
        watcher.start(print)
        watcher.stop()
        gone = weakref.ref(watcher)
        del watcher
        guarded.run(nowait=True)
        gc.collect()
        assert gone() is None


def test_references_decide_when_run_ends(guarded: Any) -> None:
    unreferenced = guarded.timer(LIMIT_S, ref=False)
    unreferenced.start(print)
    began = time.monotonic()
    guarded.run()
    unreferenced.ref = True
    assert guarded.activecnt == 1
    unreferenced.ref = False
    guarded.run()
    assert time.monotonic() - began < LIMIT_S / 2


@pytest.mark.parametrize("kind", ["io", "timer", "check", "call"])
def test_a_callback_that_raises_is_reported_and_the_loop_goes_on(guarded: Any, kind: str) -> None:
    reports: list[tuple[str, str]] = []
    guarded.error_handler = lambda context, kind, value, tb: reports.append(
        (type(context).__name__, repr(value))
    )
    left, right = socket.socketpair()

    def fail() -> None:
        raise RuntimeError(kind)

    with left, right:
        left.send(b"x")
        if kind == "call":
            guarded.run_callback(fail)
        else:
            watcher = {"io": lambda: guarded.io(right.fileno(), READ), "timer": lambda: guarded.timer(0)}.get(
                kind, guarded.check
            )()
            watcher.start(fail)
        later: list[int] = []
        guarded.timer(0.005).start(lambda: (note(later, 1), guarded.break_()))
        guarded.run()
    assert later == [1]
    assert reports[0][1] == f"RuntimeError('{kind}')"
    if kind == "io":
        assert len(reports) == 1  # it is stopped: it would fail again in every turn


def test_an_error_handler_that_fails_ends_nothing(guarded: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError("the handler fails, too")

    guarded.error_handler = fail
    guarded.run_callback(fail)
    done: list[int] = []
    guarded.timer(0.001).start(done.append, 1)
    guarded.run()
    assert done == [1]
    assert "the handler fails, too" in capfd.readouterr().err


def test_async_from_many_threads(guarded: Any) -> None:
    seen: list[int] = []
    senders = 4
    left = [senders]
    watcher = guarded.async_()

    def sent() -> None:
        seen.append(1)
        if not left[0] and not watcher.pending:
            watcher.stop()

    def send() -> None:
        for _ in range(200):
            watcher.send()

    def finish() -> None:
        for thread in threads:
            thread.join()
        left[0] = 0
        watcher.send()

    watcher.start(sent)
    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    finisher = threading.Thread(target=finish)
    finisher.start()
    guarded.run()
    finisher.join()
    assert 1 <= len(seen) <= senders * 200 + 1
    calls: list[int] = []
    caller = threading.Thread(target=guarded.run_callback_threadsafe, args=(calls.append, 1))
    keeping = guarded.async_()
    keeping.start(print)
    caller.start()
    guarded.run(once=True)
    caller.join()
    guarded.run(nowait=True)
    assert calls == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="gevent has no child watchers there")
def test_children_are_for_the_default_loop(guarded: Any) -> None:
    with pytest.raises(TypeError, match="default loop"):
        guarded.child(1)


def test_a_file_that_changes_is_noticed(guarded: Any, tmp_path: Any) -> None:
    path = tmp_path / "watched"
    path.write_text("one")
    watcher = guarded.stat(str(path), interval=0.1)
    states: list[tuple[int | None, int | None]] = []

    def changed() -> None:
        states.append(tuple(state and state.st_size for state in (watcher.prev, watcher.attr)))
        if len(states) == 1:
            path.unlink()
        else:
            watcher.stop()

    watcher.start(changed)
    guarded.timer(0.001).start(path.write_text, "two, and longer")
    guarded.run()
    assert states == [(3, 15), (15, None)]


# Life


def test_a_loop_may_be_destroyed_by_its_own_callback(guarded: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        watcher = guarded.io(right.fileno(), READ)
        watcher.start(guarded.destroy)
        left.send(b"x")
        guarded.run()
        assert guarded.destroyed
        assert "destroyed" in repr(guarded)
        watcher.stop()
        watcher.close()
        with pytest.raises(ValueError, match="destroyed"):
            guarded.run()


def test_mechanisms_can_be_chosen(guarded: Any) -> None:
    from crossloop.bindings import gevent_libevent
    from crossloop.bindings.gevent_libevent.core import supported_backends

    assert guarded.backend == supported_backends()[0]
    for name in supported_backends():
        loop = gevent_libevent.loop(flags=name, default=False)
        assert (loop.backend, loop.backend_int) == (name, supported_backends().index(name) + 1)
        loop.destroy()
    with pytest.raises(ValueError, match="no mechanism 'pool'"):
        gevent_libevent.loop(flags=["pool"], default=False)


def test_a_second_loop_with_signals_is_refused(guarded: Any) -> None:
    if sys.platform == "win32":
        pytest.skip("no signals between processes")
    from crossloop.bindings import gevent_libevent

    watcher = guarded.signal(signal.SIGUSR2)
    watcher.start(print)
    other_loop = gevent_libevent.loop(default=False)
    other = other_loop.signal(signal.SIGUSR2)
    with pytest.raises(RuntimeError, match="one loop of a process"):
        other.start(print)
    assert not other.active
    watcher.close()
    guarded.destroy()
    other.start(print)
    other_loop.destroy()
