"""Promises of `Turns`: tasks that give way to each other. What they do besides is asked by the promises of `Tasks`."""

import socket
import time
from typing import cast

from crossloop.api import Turns
from crossloop.contract.promise import Promises, require_equal
from crossloop.contract.promises.callbacks import STARVED_S
from crossloop.contract.promises.readiness import pair

TURNS = Promises(lambda subject: cast(Turns, subject.adapter))
TASKS, STEPS = 5, 20
_TURN = "give way to the tasks that are ready; none is more than one turn ahead of another"


@TURNS.promise("turns-one-by-one", f"{TASKS} tasks, {STEPS} turns each", _TURN)
def one_by_one(tasks: Turns) -> None:
    steps = [0] * TASKS
    furthest_ahead = 0

    async def step(place: int) -> None:
        nonlocal furthest_ahead
        for _ in range(STEPS):
            steps[place] += 1
            furthest_ahead = max(furthest_ahead, steps[place] - min(steps))
            await tasks.turn()

    async def main() -> None:
        for place in range(TASKS):
            tasks.spawn(step(place))

    tasks.run_main(main())
    require_equal(steps, [STEPS] * TASKS, "turns of each task")
    require_equal(furthest_ahead, 1, "turns that one task was ahead of another, at the most")


@TURNS.promise(
    "turns-let-others-in",
    "a task that gives way until a socket and a timer have had their turn",
    "sockets and timers have their turn as well, however often a task gives way",
)
def let_others_in(tasks: Turns) -> None:
    ours, theirs = pair()
    served: set[str] = set()
    end_s = time.monotonic() + STARVED_S

    async def receive(sock: socket.socket) -> None:
        await tasks.receive(sock, 100)
        served.add("a socket")

    async def sleep() -> None:
        await tasks.sleep(0.001)
        served.add("a timer")

    async def main() -> None:
        tasks.spawn(receive(ours))
        tasks.spawn(sleep())
        await tasks.turn()  # both wait now
        theirs.send(b"ready")
        while len(served) < 2 and time.monotonic() < end_s:
            await tasks.turn()
        starved = {"a socket", "a timer"} - served
        require_equal(sorted(starved), [], "what had no turn beside the task")

    with ours, theirs:
        tasks.run_main(main())
