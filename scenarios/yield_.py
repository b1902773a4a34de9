"""Yield: what does it cost a task to let other tasks run?

`await asyncio.sleep(0)`, `gevent.sleep(0)`, `trio.lowlevel.checkpoint()`: a task with much work yields by the call that
its library's documentation names, so that other tasks have their turns. No socket and no timer take part. The cost is a
step of the coroutine or a switch of the greenlet, a place in the loop's queue, and a part of the loop's turn.

`tasks` of them yield to each other. A single task pays for a whole turn of the loop each time. Many tasks share the
turns, and the rest is the price of a switch.

Timed region: from entering the loop with nothing in it until all tasks have ended. Of 1,000 turns in a repetition all
are made by one task, or 10 by each of 100; in the second the making of the tasks (`spawn-task`) is a part.

Check: each task had all its turns, and none was ever more than one ahead of another: a task that does not really yield
fails.

What this does not say: anything about threads. They take no turns; the kernel and the interpreter's lock decide which
thread runs.
"""

from typing import cast

from crossloop.api import Adapter, CheckFailedError, Parameters, ScenarioAbout, Turns, Workload

ABOUT = ScenarioAbout(
    levels=("Turns",),
    drive="work",
    title="Yielding",
    short_title="Yield",
    question="What does it cost a task to let other tasks run, alone and among a hundred?",
    group="loop",
    place=30,
    unit="turn",
    sets=(
        ("smoke", {"tasks": 1}),
        ("standard", {"tasks": 100}),
        ("full", {"tasks": 1000}),
    ),
    limits={"tasks": (1, 10000)},
    brief=True,
)

_LEAST_TURNS, _TURNS_A_TASK = 1000, 10


class Scenario(Workload):
    """Tasks that do nothing but give way."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        super().__init__(adapter, style, parameters, server)
        self._adapter = cast(Turns, adapter)
        self._tasks: int = parameters["tasks"]
        self._turns = max(_LEAST_TURNS, _TURNS_A_TASK * self._tasks) // self._tasks
        self._seen: list[int] = []

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._seen.clear()

    def run(self) -> int:
        """One repetition; returns the turns that were had."""
        self._adapter.run_main(self._main())
        return len(self._seen)

    async def _main(self) -> None:
        for place in range(self._tasks):
            self._adapter.spawn(self._take_turns(place))

    async def _take_turns(self, place: int) -> None:
        turn, append = self._adapter.turn, self._seen.append
        for _ in range(self._turns):
            append(place)
            await turn()

    def verify(self) -> None:
        """Of each round of turns every task has one; within a round a library may choose the order."""
        tasks, expected = self._tasks, self._tasks * self._turns
        if len(self._seen) != expected:
            raise CheckFailedError(f"{len(self._seen)} turns were had by {tasks} tasks, expected {expected}")
        every = set(range(tasks))
        for first in range(0, expected, tasks):
            if (had := set(self._seen[first : first + tasks])) != every:
                raise CheckFailedError(
                    f"in round {first // tasks + 1} only {len(had)} of {tasks} tasks had their turn: "
                    "another went on without giving way"
                )

    def close(self) -> None:
        """Nothing stays open: all tasks have ended."""
