"""Promises of `Readiness`: how it is run here, and stopping. Descriptors, timers and wake-ups are in modules
of their own.

Each runs the loop in the main thread; `turn` bounds it by a timer of the same loop, and where the loop
must be otherwise idle the process's own limit does.
"""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from crossloop.api import Callback, Readiness
from crossloop.contract.promise import (
    QUIET_S,
    WAIT_S,
    Aside,
    Check,
    Promises,
    Subject,
    ViolationError,
    require,
    require_equal,
)


def loop_of(subject: Subject) -> Readiness:
    """What the promises of `Readiness` are given."""
    return cast(Readiness, subject.adapter)


STOPPING = Promises(loop_of)


class Calls:
    """A callback that keeps what *take* returns at each call. From the call number *last* on it stops the loop."""

    def __init__(self, loop: Readiness, last: int = 1, take: Callable[[], Any] = time.monotonic) -> None:
        """*last*: counted from 1; 0: it never stops the loop."""
        self.seen: list[Any] = []
        self._loop, self._last, self._take = loop, last, take

    def __call__(self, *_: object) -> None:
        self.seen.append(self._take())
        if 0 < self._last <= len(self.seen):
            self._loop.stop()


def turn(loop: Readiness, limit_s: float = WAIT_S) -> None:
    """Run until a callback stops the loop. Raises ViolationError when none does within *limit_s*."""
    expired = Calls(loop)
    guard = loop.call_later(limit_s, expired)
    try:
        loop.run()
    finally:
        loop.cancel(guard)
    if expired.seen:
        raise ViolationError(f"what stops the loop happened within {limit_s:g} s", "it never did")


def rest(loop: Readiness, duration_s: float = QUIET_S) -> None:
    """Run for a while, so that what must not happen could."""
    loop.call_later(duration_s, lambda *_: loop.stop())
    loop.run()


def woken_by_thread(loop: Readiness, callback: Callback, after_s: float = 0.0) -> None:
    """Run without a timer until *callback* stops the loop: another thread wakes it, *after_s* after it has begun."""
    running = threading.Event()

    def wake() -> None:
        require(running.wait(WAIT_S), "the loop running", "it never ran its first callback")
        time.sleep(after_s)
        loop.wake(callback)

    aside = Aside(wake, "waker")
    aside.start()
    loop.call_later(0, lambda *_: running.set())
    loop.run()
    aside.join()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets, non-blocking."""
    first, second = socket.socketpair()
    first.setblocking(False)
    second.setblocking(False)
    return first, second


def on_pair(check: Callable[[Readiness, socket.socket, socket.socket], None]) -> Check[Readiness]:
    """A check that is given two connected sockets as well. In the end the first is unwatched, and both are closed."""

    def run(loop: Readiness) -> None:
        ours, theirs = pair()
        with ours, theirs:
            check(loop, ours, theirs)
            loop.unwatch(ours.fileno())

    return run


# Stopping -----------------------------------------------------------------------------------------


@STOPPING.promise(
    "readiness-runs-again",
    "stop and run, five times",
    "run may be called again; what is watched stays watched",
)
@on_pair
def runs_again(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        loop.stop()

    loop.watch(ours.fileno(), read)
    for number in range(5):
        theirs.send(b"%d" % number)
        turn(loop)
    require_equal(seen, [b"%d" % number for number in range(5)], "data, one run each")


@STOPPING.promise(
    "readiness-stop-twice",
    "a callback that leaves its data unread stops twice; then another run",
    "let `run` return soon; run may be called again afterwards",
)
@on_pair
def stops_add_up_to_one(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    """A stop that is left over ends the next run before anything happened in it.

    Stops come twice from one callback, and from a level-triggered callback that leaves its data unread and
    so may be called again in the loop's last turn.
    """

    def stop_twice(*_: object) -> None:
        loop.stop()
        loop.stop()

    theirs.send(b"left unread")
    loop.watch(ours.fileno(), stop_twice)
    turn(loop)
    loop.unwatch(ours.fileno())
    late = Calls(loop)
    loop.call_later(0.02, late)
    loop.run()
    require_equal(len(late.seen), 1, "callbacks that stop the second run")


@STOPPING.promise(
    "readiness-exceptions",
    "callbacks of watch, call_later and wake raise",
    "the exception reaches the caller of run, unchanged; nothing goes to stderr; the loop runs again",
)
@on_pair
def exceptions(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
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
        loop.unwatch(ours.fileno())
    after = Calls(loop)
    loop.call_later(0.001, after)
    turn(loop)
    require_equal(len(after.seen), 1, "timers that fire in a run after the errors")
