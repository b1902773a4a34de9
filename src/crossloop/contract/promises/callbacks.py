"""Promises of `Callbacks`: the queue of what the loop calls next. It is run and stopped as `Readiness` is."""

import socket
import time
from typing import cast

from crossloop.api import Callbacks, Readiness
from crossloop.contract.promise import Promises, ViolationError, require_equal
from crossloop.contract.promises.readiness import Calls, on_pair, rest, turn
from crossloop.contract.promises.timers import require_quiet

CALLBACKS = Promises(lambda subject: cast(Callbacks, subject.adapter))
MANY = 1000
STARVED_S = 1.0
"""After this time a descriptor that is ready has not had its turn."""
_SOON = "each call leads to one run, in the order of the calls, in a coming turn and not at once"


@CALLBACKS.promise("callbacks-in-order", f"{MANY} callbacks, each with arguments of its own", _SOON)
def in_order(loop: Callbacks) -> None:
    """The first half before the run, the rest from within a callback."""
    seen: list[tuple[object, ...]] = []
    expected = [(number, str(number)) for number in range(MANY)]

    def take(*arguments: object) -> None:
        seen.append(arguments)

    def go_on() -> None:
        for arguments in expected[MANY // 2 :]:
            loop.call_soon(take, *arguments)
        loop.call_soon(loop.stop)

    for arguments in expected[: MANY // 2]:
        loop.call_soon(take, *arguments)
    loop.call_soon(go_on)
    require_equal(seen, [], "callbacks that ran before the loop did")
    turn(loop)
    rest(loop)
    require_equal(seen, expected, "arguments of the callbacks, in order")


@CALLBACKS.promise("callbacks-not-at-once", "a callback schedules another and goes on", _SOON)
def not_at_once(loop: Callbacks) -> None:
    seen: list[str] = []

    def inner() -> None:
        seen.append("inner")
        loop.stop()

    def outer() -> None:
        loop.call_soon(inner)
        seen.append("outer is done")

    loop.call_soon(outer)
    turn(loop)
    require_equal(seen, ["outer is done", "inner"], "order of the callbacks")


@CALLBACKS.promise("callbacks-same", "one callback, 100 calls", _SOON)
def same(loop: Callbacks) -> None:
    called = Calls(loop, 100)
    for _ in range(100):
        loop.call_soon(called)
    turn(loop)
    rest(loop)
    require_equal(len(called.seen), 100, "runs of one callback for 100 calls")


def _let_others_in(readiness: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    loop = cast(Callbacks, readiness)
    end_s = time.monotonic() + STARVED_S
    waiting = {"a descriptor", "a timer"}
    starved: set[str] = set()

    def again() -> None:
        if not waiting or time.monotonic() > end_s:
            starved.update(waiting)  # now: the loop may have its look at both before it ends
            loop.stop()
        else:
            loop.call_soon(again)

    def read(*_: object) -> None:
        ours.recv(100)
        waiting.discard("a descriptor")

    theirs.send(b"ready")
    loop.watch(ours.fileno(), read)
    loop.call_later(0.001, lambda *_: waiting.discard("a timer"))
    loop.call_soon(again)
    loop.run()
    require_equal(sorted(starved), [], "what had no turn beside the callback")


@CALLBACKS.promise(
    "callbacks-let-others-in",
    "a callback that schedules itself until a descriptor and a timer have had their turn",
    "descriptors and timers have their turn as well, however often a callback schedules itself",
)
def let_others_in(loop: Callbacks) -> None:
    on_pair(_let_others_in)(loop)


@CALLBACKS.promise(
    "callbacks-exceptions",
    "the second of three callbacks raises",
    "the exception leaves run; what was to come after it is called in that run or in the next",
)
def exceptions(loop: Callbacks) -> None:
    class OurOwnError(Exception):
        pass

    seen: list[str] = []

    def fail() -> None:
        raise OurOwnError("from a callback")

    loop.call_soon(seen.append, "first")
    loop.call_soon(fail)
    loop.call_soon(seen.append, "third")
    try:
        turn(loop)
    except OurOwnError as error:
        require_equal(str(error), "from a callback", "message of the error")
    else:
        raise ViolationError("run() raises the error of a callback", "run() returned")
    rest(loop)
    require_equal(seen, ["first", "third"], "callbacks that ran beside the one that failed")


@CALLBACKS.promise(
    "callbacks-idle",
    "a loop whose queue has been worked off",
    "it sleeps until there is something to do",
)
def idle(loop: Callbacks) -> None:
    """A loop that goes on looking into an empty queue does not."""
    for _ in range(10):
        loop.call_soon(str)
    rest(loop)
    require_quiet(lambda: rest(loop, 0.2), 0.03, "at most 30 ms of the waiting spent on the CPU", "200 ms")
