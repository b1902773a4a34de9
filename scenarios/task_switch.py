"""Switching between tasks: what does it cost to hand a message from one coroutine, greenlet or thread to the next?

Sequential code, many at a time, is how most programs use these libraries: a task waits for its socket, goes on when
there is something to read, and waits again. Here `tasks` of them stand in a ring. Each reads a message of 16
bytes from its left neighbour and writes it to its right one, over a socket pair; the message
counts down its hops, and the task that reads the last one ends it. With `messages` 1 exactly one task can
run at any time: every hop is a sleep of one task and the waking of another. With more of them some turns of the
loop find several tasks ready.

A hop is one `receive`, one `send_all` and one switch: for asyncio a future, a call of `loop.add_reader` or a repeated
attempt, and a step of the coroutine; for gevent a switch of the hub and a watcher; for threads the kernel's scheduler
and the interpreter's lock. The scenario is one text for all: it awaits, and a library without coroutines blocks inside
the call.

Timed region: from entering the loop with nothing in it until all tasks have ended. Making the tasks is in it
(`spawn`), and so is their end. Of 1,000 hops in a repetition 100 come to each of 10 tasks, and its making is a small
part; of 100 tasks and more each has 10, and the making is a part to reckon with.

Check: every message made all its hops, each task got exactly the messages that its place in the ring says, and nothing
is left in a socket. A message carries its number and the hops before it. A guard of 10 s, in a thread that sleeps,
shuts the sockets down, so a lost message is a failure and no hang.

What this does not say: the price of a switch without a socket, such as a queue between two tasks; that needs no loop.
"""

import contextlib
import select
import socket
import struct
import threading
from collections import Counter
from typing import cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    Parameters,
    ScenarioAbout,
    Tasks,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("Tasks",),
    drive="work",
    title="Task switches",
    short_title="Switch",
    question="What does it cost to hand a message from one task to the next?",
    group="loop",
    unit="hop",
    sets=(
        ("smoke", {"tasks": 10, "messages": 1}),
        ("standard", {"tasks": 100, "messages": 10}),
        ("standard", {"tasks": 100, "messages": 1}),
        ("standard", {"tasks": 100, "messages": 100}),
        ("full", {"tasks": 400, "messages": 1}),
        ("full", {"tasks": 2, "messages": 1}),
    ),
    limits={"tasks": (2, 400), "messages": (1, 100)},
    brief=True,
    primary_styles_only_beyond=0,
)

_MESSAGE = struct.Struct("=QQ")
"""Number of the message, and the hops before it, this one included."""
_LEAST_HOPS, _HOPS_A_TASK = 1000, 10
"""Of all messages together in one repetition: some 10 to 50 ms, so that the one that runs in is not long either."""
_LIMIT_S = 10.0


class Scenario(Workload):
    """A ring of tasks. Message *m* starts at task *m*; each task reads one end of its pair and writes the next pair."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Make the pairs; 400 of them stay below the usual limit of 1,024 descriptors."""
        super().__init__(adapter, style, parameters, server)
        self._tasks = cast(Tasks, adapter)
        tasks, messages = parameters["tasks"], parameters["messages"]
        hops = max(_LEAST_HOPS, _HOPS_A_TASK * tasks) // messages
        self._expected = _plan(tasks, messages, hops)
        self._first = [_MESSAGE.pack(number, hops) for number in range(messages)]
        self._got: list[list[bytes]] = []
        self._pairs = [socket.socketpair() for _ in range(tasks)]
        for end in self._ends():
            end.setblocking(False)
        self._guard: threading.Timer | None = None

    def _ends(self) -> list[socket.socket]:
        return [end for pair in self._pairs for end in pair]

    def prepare(self) -> None:
        """Forget the repetition before, and start the guard."""
        self._got = [[] for _ in self._pairs]
        self._guard = threading.Timer(_LIMIT_S, self._shut_down)
        self._guard.daemon = True
        self._guard.start()

    def run(self) -> int:
        """One repetition; returns the hops that were made."""
        self._tasks.run_main(self._main())
        return sum(map(len, self._got))

    async def _main(self) -> None:
        for place, messages in enumerate(self._expected):
            self._tasks.spawn(self._pass_on(place, len(messages)))
        for number, message in enumerate(self._first):
            await self._tasks.send_all(self._pairs[number % len(self._pairs)][0], message)

    async def _pass_on(self, place: int, count: int) -> None:
        """One task: so many messages from the left, each with one hop less to the right."""
        receive, send_all, got = self._tasks.receive, self._tasks.send_all, self._got[place].append
        left, right = self._pairs[place][1], self._pairs[(place + 1) % len(self._pairs)][0]
        for _ in range(count):
            message = b""
            while len(message) < _MESSAGE.size:
                piece = await receive(left, _MESSAGE.size - len(message))
                if not piece:
                    raise self._stuck(place)
                message += piece
            got(message)
            number, hops = _MESSAGE.unpack(message)
            if hops > 1:
                await send_all(right, _MESSAGE.pack(number, hops - 1))

    def verify(self) -> None:
        """Each task got its messages, each once, and no socket holds another."""
        self._end_guard()
        for place, (got, expected) in enumerate(zip(self._got, self._expected, strict=True)):
            if sorted(got) != expected:
                odd = next(iter({*got} - {*expected}), got[0] if got else b"")
                raise CheckFailedError(
                    f"task {place} got {len(got)} messages, expected {len(expected)}; "
                    f"not expected, or more than once: {odd.hex()}"
                )
        for place, (_writing, reading) in enumerate(self._pairs):
            if select.select([reading], [], [], 0)[0]:
                raise CheckFailedError(f"the socket of task {place} holds a message more than were sent")

    def _stuck(self, place: int) -> CheckFailedError:
        """The error of a task whose sockets were shut down. One message too many ends a task before its last one."""
        twice = [message for got in self._got for message, count in Counter(got).items() if count > 1]
        why = f"{twice[0].hex()} came more than once" if twice else "one is lost"
        return CheckFailedError(f"task {place} waited {_LIMIT_S:g} s for a message; {why}")

    def _shut_down(self) -> None:
        for end in self._ends():
            with contextlib.suppress(OSError):  # its other end is shut already (macOS)
                end.shutdown(socket.SHUT_RDWR)

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard.join()
            self._guard = None

    def close(self) -> None:
        """End the guard and close the pairs."""
        self._end_guard()
        for end in self._ends():
            end.close()


def _plan(tasks: int, messages: int, hops: int) -> list[list[bytes]]:
    """For each task what it must get, sorted."""
    expected: list[list[bytes]] = [[] for _ in range(tasks)]
    for number in range(messages):
        for hop in range(hops):
            expected[(number + hop) % tasks].append(_MESSAGE.pack(number, hops - hop))
    return [sorted(each) for each in expected]
