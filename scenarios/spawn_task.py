"""Spawning tasks: what does it cost to start a task that does almost nothing, and to wait for its end?

A task for each connection, for each request, for each message: tasks are made for that, and the question is whether a
program can afford it. asyncio makes a `Task`, a context and a callback for its end; gevent a greenlet with a stack of
its own; threads ask the kernel for a thread. `tasks` of them are started by one, each counts, and ends.

The adapter does what a careful program does: it keeps each task, and learns of its end and of its exception (as
`asyncio.TaskGroup` and `gevent.pool.Group` do).

Timed region: from entering the loop until all tasks have ended.

Check: each task ran, once.

What this does not say: what a task costs while it lives. `task-switch` has that, and `c10k` its memory.
"""

from typing import cast

from crossloop.api import Adapter, CheckFailedError, Parameters, ScenarioAbout, Tasks, Workload

ABOUT = ScenarioAbout(
    levels=("Tasks",),
    drive="work",
    title="Spawning tasks",
    short_title="Spawn",
    question="What does it cost to start a task that does almost nothing, and to wait for its end?",
    group="loop",
    unit="task",
    sets=(
        ("smoke", {"tasks": 100}),
        ("standard", {"tasks": 1000}),
        ("full", {"tasks": 10000}),
    ),
    limits={"tasks": (1, 10000)},
    brief=True,
)


class Scenario(Workload):
    """One task that starts all others."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        super().__init__(adapter, style, parameters, server)
        self._adapter = cast(Tasks, adapter)
        self._expected = list(range(parameters["tasks"]))
        self._seen: list[int] = []

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._seen.clear()

    def run(self) -> int:
        """One repetition; returns the tasks that ran."""
        self._adapter.run_main(self._main())
        return len(self._seen)

    async def _main(self) -> None:
        spawn, task = self._adapter.spawn, self._task
        for number in self._expected:
            spawn(task(number))

    async def _task(self, number: int) -> None:
        self._seen.append(number)

    def verify(self) -> None:
        """Each task ran, once; threads may run in any order."""
        if sorted(self._seen) == self._expected:
            return
        expected, once = len(self._expected), len(set(self._seen))
        raise CheckFailedError(
            f"of {expected} tasks {once} ran, {len(self._seen) - once} of them once more than asked for"
        )

    def close(self) -> None:
        """Nothing stays open: all tasks have ended."""
