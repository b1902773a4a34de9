"""Child processes: what does it cost to start a child and to learn of its end?

The kernel's part is large and the same for all: a process is made, a program loaded, and taken down. What differs is
around it. asyncio starts children by `subprocess` (vfork where it can), uvloop and gevent by a fork in C or in Python,
whose price grows with the memory of the program. Libraries learn of the end by a thread that waits for one child
(asyncio up to 3.11), by a descriptor of the process (pidfd, from 3.12 on), or by SIGCHLD and a look at all children.

`at_a_time` children are alive at most; each is the system's shell, which ends at once with a status of its own.

Timed region: from entering the loop until all have ended and were waited for. CPU time is that of the children, too:
what a library does between fork and exec is done there.

Check: the status of each child is the one that it was started with.

What this does not say: what a child of a large program costs. This one has the memory of a test: some 40 MB.
"""

import os
import sys
from collections.abc import Sequence
from typing import ClassVar, cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    ChildProcesses,
    Parameters,
    ScenarioAbout,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("ChildProcesses",),
    drive="work",
    title="Child processes",
    short_title="Child",
    question="What does it cost to start a child process and to learn of its end?",
    group="system",
    place=20,
    unit="child",
    sets=(
        ("smoke", {"at_a_time": 1}),
        ("standard", {"at_a_time": 10}),
        ("full", {"at_a_time": 100}),
    ),
    limits={"at_a_time": (1, 200)},
    brief=True,
)

_CHILDREN = 20
"""At least so many in one repetition."""
_STATUSES = 100


class Scenario(Workload):
    """Children with statuses that tell one from another."""

    counts_children: ClassVar[bool] = True

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        super().__init__(adapter, style, parameters, server)
        self._children = cast(ChildProcesses, adapter)
        self._at_a_time: int = parameters["at_a_time"]
        self._expected = [number % _STATUSES for number in range(max(_CHILDREN, 2 * self._at_a_time))]
        self._commands = [_ending_with(status) for status in self._expected]
        self._statuses: Sequence[int] = ()

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._statuses = ()

    def run(self) -> int:
        """One repetition; returns the children that ended."""
        self._statuses = self._children.run_children(self._commands, self._at_a_time)
        return len(self._statuses)

    def verify(self) -> None:
        """Each child ended with its status."""
        statuses = list(self._statuses)
        if statuses != self._expected:
            wrong = [
                place
                for place, status in enumerate(statuses)
                if self._expected[place : place + 1] != [status]
            ]
            raise CheckFailedError(
                f"{len(statuses)} of {len(self._expected)} children ended"
                + (f"; number {wrong[0]} with status {statuses[wrong[0]]}, expected another" if wrong else "")
            )

    def close(self) -> None:
        """Nothing stays open: all children were waited for."""


def _ending_with(status: int) -> Sequence[str]:
    if sys.platform == "win32":
        return (os.environ.get("COMSPEC", "cmd.exe"), "/c", f"exit {status}")
    return ("/bin/sh", "-c", f"exit {status}")
