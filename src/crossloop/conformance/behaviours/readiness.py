"""Behaviours of `Readiness`: descriptors and stopping. Timers and wake-ups are in modules of their own.

Each runs the loop in the main thread; `turn` bounds it by a timer of the same loop, and where the loop
must be otherwise idle the process's own limit does.
"""

import os
import socket
import sys
from collections.abc import Callable

from crossloop.api import Readiness, UnsupportedError
from crossloop.conformance.behaviour import (
    QUIET_S,
    WAIT_S,
    Behaviour,
    Check,
    Level,
    Subject,
    ViolationError,
    require,
    require_equal,
)


def on_loop(check: Callable[[Readiness], None]) -> Check:
    """A check of a `Readiness` as a check of a subject."""

    def run(subject: Subject) -> None:
        assert isinstance(subject.adapter, Readiness)
        check(subject.adapter)

    return run


def turn(loop: Readiness) -> None:
    """Run until a callback stops the loop. Raises ViolationError when none does."""
    expired = []

    def expire(*_: object) -> None:
        expired.append(True)
        loop.stop()

    guard = loop.call_later(WAIT_S, expire)
    try:
        loop.run()
    finally:
        loop.cancel(guard)
    if expired:
        raise ViolationError(f"what stops the loop happened within {WAIT_S:g} s", "it never did")


def rest(loop: Readiness, duration_s: float = QUIET_S) -> None:
    """Run for a while, so that what must not happen could."""
    loop.call_later(duration_s, lambda *_: loop.stop())
    loop.run()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets, non-blocking."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


# Reading ------------------------------------------------------------------------------------------


def readable(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        if len(seen) == 3:
            loop.stop()
        else:
            theirs.send(b"%d" % len(seen))

    with ours, theirs:
        loop.watch(ours.fileno(), read)
        loop.call_later(0.005, lambda *_: theirs.send(b"0"))
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(seen, [b"0", b"1", b"2"], "data of the callbacks")


def level_triggered(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = 0

    def look(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            ours.recv(100)
            loop.stop()

    with ours, theirs:
        loop.watch(ours.fileno(), look)
        theirs.send(b"unread twice")
        turn(loop)
        rest(loop)
        loop.unwatch(ours.fileno())
    require_equal(calls, 3, "calls, of which the third reads")


def part_read(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read_one(*_: object) -> None:
        seen.append(ours.recv(1))
        if len(seen) == 5:
            loop.stop()

    with ours, theirs:
        theirs.send(b"12345")
        loop.watch(ours.fileno(), read_one)
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(b"".join(seen), b"12345", "bytes read one a call")


def peer_closes(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        loop.unwatch(ours.fileno())
        loop.stop()

    with ours:
        loop.watch(ours.fileno(), read)
        loop.call_later(0.005, lambda *_: theirs.close())
        turn(loop)
    require_equal(seen, [b""], "data after the peer closed")


def pipes(loop: Readiness) -> None:
    if sys.platform == "win32":
        raise UnsupportedError("Windows reports readiness of sockets alone; a pipe is none")
    reading, writing = os.pipe()
    seen = []

    def read(*_: object) -> None:
        seen.append(os.read(reading, 100))
        if seen[-1]:
            os.close(writing)
        else:
            loop.unwatch(reading)
            loop.stop()

    os.set_blocking(reading, False)
    loop.watch(reading, read)
    os.write(writing, b"through a pipe")
    turn(loop)
    os.close(reading)
    require_equal(seen, [b"through a pipe", b""], "data of the callbacks")


def hundred_descriptors(loop: Readiness) -> None:
    pairs = [pair() for _ in range(100)]
    seen: list[int] = []

    def reader(number: int) -> Callable[..., None]:
        def read(*_: object) -> None:
            seen.append(int(pairs[number][0].recv(100)))
            if len(seen) == len(pairs):
                loop.stop()

        return read

    for number, (ours, theirs) in enumerate(pairs):
        loop.watch(ours.fileno(), reader(number))
        theirs.send(b"%d" % number)
    turn(loop)
    for ours, theirs in pairs:
        loop.unwatch(ours.fileno())
        ours.close()
        theirs.close()
    require_equal(sorted(seen), list(range(100)), "descriptors reported, each once")


# Unwatching ---------------------------------------------------------------------------------------


def unwatch(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []
    with ours, theirs:
        theirs.send(b"pending")
        loop.watch(ours.fileno(), lambda *_: calls.append(1))
        loop.unwatch(ours.fileno())
        rest(loop)
        require_equal(len(calls), 0, "calls after unwatch")

        def read(*_: object) -> None:
            ours.recv(100)
            loop.stop()

        loop.watch(ours.fileno(), read)
        turn(loop)
        loop.unwatch(ours.fileno())


def unwatch_itself(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []

    def leave(*_: object) -> None:
        calls.append(1)
        loop.unwatch(ours.fileno())

    with ours, theirs:
        theirs.send(b"never read")
        loop.watch(ours.fileno(), leave)
        rest(loop)
    require_equal(len(calls), 1, "calls of a callback that unwatches itself")


def unwatch_another(loop: Readiness) -> None:
    pairs = [pair(), pair()]
    calls = []

    def leave_both(*_: object) -> None:
        calls.append(1)
        for ours, _theirs in pairs:
            loop.unwatch(ours.fileno())

    for ours, theirs in pairs:
        loop.watch(ours.fileno(), leave_both)
        theirs.send(b"both are ready at once")
    rest(loop)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    require_equal(len(calls), 1, "calls when the first ends both watches")


def reused_number(loop: Readiness) -> None:
    seen: list[tuple[int, bytes]] = []
    numbers: set[int] = set()
    for round_ in range(20):
        ours, theirs = pair()
        numbers.add(ours.fileno())

        def read(*_: object, name: int = round_, ours: socket.socket = ours) -> None:
            seen.append((name, ours.recv(100)))
            loop.unwatch(ours.fileno())
            ours.close()
            loop.stop()

        loop.watch(ours.fileno(), read)
        theirs.send(b"%d" % round_)
        turn(loop)
        theirs.close()
    require_equal(seen, [(number, b"%d" % number) for number in range(20)], "callbacks and their data")
    require(
        sys.platform == "win32" or len(numbers) < 20,  # there a handle may stay unused for long
        "a number given out twice",
        f"20 different ones, {sorted(numbers)}",
    )


def reused_in_callback(loop: Readiness) -> None:
    """The old watch ends and the number is watched again, for another file, within one callback."""
    first = pair()
    seen = []
    kept: list[socket.socket] = []

    def on_second(*_: object) -> None:
        seen.append(kept[0].recv(100))
        loop.stop()

    def on_first(*_: object) -> None:
        seen.append(first[0].recv(100))
        number = first[0].fileno()
        loop.unwatch(number)
        first[0].close()
        ours, theirs = pair()
        if ours.fileno() != number:
            ours, theirs = theirs, ours
        kept.extend((ours, theirs))
        loop.watch(ours.fileno(), on_second)
        theirs.send(b"second")

    loop.watch(first[0].fileno(), on_first)
    first[1].send(b"first")
    turn(loop)
    loop.unwatch(kept[0].fileno())
    for one in (*kept, first[1]):
        one.close()
    require_equal(seen, [b"first", b"second"], "data by callback")


# Writing ------------------------------------------------------------------------------------------


def writable(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []

    def write(*_: object) -> None:
        calls.append(1)
        loop.unwatch_write(ours.fileno())
        ours.send(b"now")
        loop.stop()

    with ours, theirs:
        loop.watch_write(ours.fileno(), write)
        turn(loop)
        rest(loop)
        require_equal(theirs.recv(100), b"now", "data written from the callback")
    require_equal(len(calls), 1, "calls of a callback that unwatches itself")


def writable_again(loop: Readiness) -> None:
    ours, theirs = pair()
    with ours, theirs:
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass
        calls = []

        def room(*_: object) -> None:
            calls.append(1)
            loop.unwatch_write(ours.fileno())
            loop.stop()

        loop.watch_write(ours.fileno(), room)
        rest(loop)
        require_equal(len(calls), 0, "calls while the buffer is full")

        def drain(*_: object) -> None:
            try:
                while theirs.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass

        loop.call_later(0, drain)
        turn(loop)
    require_equal(len(calls), 1, "calls once there is room")


def both_directions(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def write(*_: object) -> None:
        seen.append("write")
        loop.unwatch_write(ours.fileno())
        theirs.send(b"after the writing ended")

    def read(*_: object) -> None:
        seen.append("read")
        ours.recv(100)
        if seen.count("read") == 1:
            loop.watch_write(ours.fileno(), again)
        else:
            loop.stop()

    def again(*_: object) -> None:
        seen.append("again")
        loop.unwatch_write(ours.fileno())
        theirs.send(b"and reading goes on")

    with ours, theirs:
        loop.watch(ours.fileno(), read)
        loop.watch_write(ours.fileno(), write)
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(seen, ["write", "read", "again", "read"], "order of the callbacks")


def reading_ends_first(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def write(*_: object) -> None:
        seen.append("write")
        if len(seen) == 3:
            loop.unwatch_write(ours.fileno())
            loop.stop()

    with ours, theirs:
        theirs.send(b"pending")
        loop.watch(ours.fileno(), lambda *_: seen.append("read"))
        loop.watch_write(ours.fileno(), write)
        loop.unwatch(ours.fileno())
        turn(loop)
    require_equal(seen, ["write"] * 3, "callbacks once reading is not watched any more")


# Stopping -----------------------------------------------------------------------------------------


def runs_again(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        loop.stop()

    with ours, theirs:
        loop.watch(ours.fileno(), read)
        for number in range(5):
            theirs.send(b"%d" % number)
            turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(seen, [b"%d" % number for number in range(5)], "data, one run each")


def stops_add_up_to_one(loop: Readiness) -> None:
    """A stop that is left over ends the next run before anything happened in it.

    Stops come twice from one callback, and from a level-triggered callback that leaves its data unread and
    so may be called again in the loop's last turn.
    """
    ours, theirs = pair()
    seen: list[int] = []

    def stop_twice(*_: object) -> None:
        loop.stop()
        loop.stop()

    def late(*_: object) -> None:
        seen.append(1)
        loop.stop()

    with ours, theirs:
        theirs.send(b"left unread")
        loop.watch(ours.fileno(), stop_twice)
        turn(loop)
        loop.unwatch(ours.fileno())
    loop.call_later(0.02, late)
    loop.run()
    require_equal(len(seen), 1, "callbacks that stop the second run")


def exceptions(loop: Readiness) -> None:
    ours, theirs = pair()

    class OurOwnError(Exception):
        pass

    def fail(*_: object) -> None:
        raise OurOwnError("from a callback")

    def read_and_fail(*_: object) -> None:
        ours.recv(100)
        fail()

    def arm_watch() -> None:
        theirs.send(b"ready")
        loop.watch(ours.fileno(), read_and_fail)

    with ours, theirs:
        for name, arm in (
            ("watch", arm_watch),
            ("call_later", lambda: loop.call_later(0.001, fail)),
            ("wake", lambda: loop.wake(fail)),
        ):
            arm()
            try:
                turn(loop)
            except OurOwnError as error:
                require_equal(str(error), "from a callback", f"message of the error in {name}")
            else:
                raise ViolationError(f"run() raises the error of a callback of {name}", "run() returned")
            if name == "watch":
                loop.unwatch(ours.fileno())
    after: list[int] = []

    def fire(*_: object) -> None:
        after.append(1)
        loop.stop()

    loop.call_later(0.001, fire)
    turn(loop)
    require_equal(len(after), 1, "timers that fire in a run after the errors")


_WATCH = "call back whenever the descriptor is readable, level-triggered, until unwatch"
_UNWATCH = "unwatch(fd): stop watching for reading"
_WRITE = "as watch, for writability; both may be on for one descriptor"

DESCRIPTORS = (
    Behaviour("readiness-readable", on_loop(readable), "data arrives three times", _WATCH),
    Behaviour("readiness-level-triggered", on_loop(level_triggered), "data left unread twice", _WATCH),
    Behaviour("readiness-part-read", on_loop(part_read), "five bytes read one a call", _WATCH),
    Behaviour("readiness-peer-closes", on_loop(peer_closes), "the peer closes", _WATCH),
    Behaviour("readiness-pipe", on_loop(pipes), "a pipe instead of a socket", "fd is an int"),
    Behaviour("readiness-100-descriptors", on_loop(hundred_descriptors), "100 ready at once", _WATCH),
    Behaviour("readiness-unwatch", on_loop(unwatch), "unwatch with data pending, then watch again", _UNWATCH),
    Behaviour("readiness-unwatch-itself", on_loop(unwatch_itself), "unwatch in its own callback", _UNWATCH),
    Behaviour(
        "readiness-unwatch-another", on_loop(unwatch_another), "of two that are ready one ends both", _UNWATCH
    ),
    Behaviour(
        "readiness-number-reused", on_loop(reused_number), "unwatch, close, same number anew", _UNWATCH
    ),
    Behaviour(
        "readiness-number-reused-at-once",
        on_loop(reused_in_callback),
        "the same within one callback, with nothing polled between",
        _UNWATCH,
    ),
    Behaviour("readiness-writable", on_loop(writable), "a socket with room", _WRITE),
    Behaviour("readiness-writable-again", on_loop(writable_again), "a full socket is drained", _WRITE),
    Behaviour(
        "readiness-both-directions", on_loop(both_directions), "watch and watch_write on one fd", _WRITE
    ),
    Behaviour(
        "readiness-reading-ends-first", on_loop(reading_ends_first), "unwatch leaves watch_write on", _WRITE
    ),
)

STOPPING = (
    Behaviour(
        "readiness-runs-again",
        on_loop(runs_again),
        "stop and run, five times",
        "run may be called again; what is watched stays watched",
    ),
    Behaviour(
        "readiness-stop-twice",
        on_loop(stops_add_up_to_one),
        "a callback that leaves its data unread stops twice; then another run",
        "let `run` return soon; run may be called again afterwards",
    ),
    Behaviour(
        "readiness-exceptions",
        on_loop(exceptions),
        "callbacks of watch, call_later and wake raise",
        "the exception reaches the caller of run, unchanged; nothing goes to stderr; the loop runs again",
    ),
)


def readiness(*parts: tuple[Behaviour, ...]) -> Level:
    """The level, from the parts that its modules hold."""
    return Level("Readiness", tuple(behaviour for part in parts for behaviour in part))
