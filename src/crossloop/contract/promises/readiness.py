"""Promises of `Readiness`: how it is run here, and stopping. Descriptors, timers and wake-ups are in modules
of their own.

Each runs the loop in the main thread; `turn` bounds it by a timer of the same loop, and where the loop
must be otherwise idle the process's own limit does.
"""

import socket
from collections.abc import Callable

from crossloop.api import Readiness
from crossloop.contract.promise import (
    QUIET_S,
    WAIT_S,
    Check,
    Level,
    Promise,
    Subject,
    ViolationError,
    require_equal,
)


def on_loop(check: Callable[[Readiness], None]) -> Check:
    """A check of a `Readiness` as a check of a subject."""

    def run(subject: Subject) -> None:
        assert isinstance(subject.adapter, Readiness)
        check(subject.adapter)

    return run


def turn(loop: Readiness, limit_s: float = WAIT_S) -> None:
    """Run until a callback stops the loop. Raises ViolationError when none does within *limit_s*."""
    expired = []

    def expire(*_: object) -> None:
        expired.append(True)
        loop.stop()

    guard = loop.call_later(limit_s, expire)
    try:
        loop.run()
    finally:
        loop.cancel(guard)
    if expired:
        raise ViolationError(f"what stops the loop happened within {limit_s:g} s", "it never did")


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


STOPPING = (
    Promise(
        "readiness-runs-again",
        on_loop(runs_again),
        "stop and run, five times",
        "run may be called again; what is watched stays watched",
    ),
    Promise(
        "readiness-stop-twice",
        on_loop(stops_add_up_to_one),
        "a callback that leaves its data unread stops twice; then another run",
        "let `run` return soon; run may be called again afterwards",
    ),
    Promise(
        "readiness-exceptions",
        on_loop(exceptions),
        "callbacks of watch, call_later and wake raise",
        "the exception reaches the caller of run, unchanged; nothing goes to stderr; the loop runs again",
    ),
)


def readiness(*parts: tuple[Promise, ...]) -> Level:
    """The level, from the parts that its modules hold."""
    return Level("Readiness", tuple(promise for part in parts for promise in part))
