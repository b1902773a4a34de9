"""Children that `subprocess` starts, for loops which hear of their ends and read their pipes, and start nothing."""

import os
import subprocess
from collections.abc import Sequence
from subprocess import DEVNULL, Popen


class Children:
    """Some commands, so many at a time. The loop calls `start` and, for each end, `ended`."""

    def __init__(self, commands: Sequence[Sequence[str]], output: int = DEVNULL) -> None:
        """*output*: their standard output, as `subprocess` takes it."""
        self.living: dict[int, Popen[bytes]] = {}
        """By process id; started and not waited for."""
        self._places: dict[int, int] = {}
        self._todo = list(enumerate(commands))[::-1]
        self._output = output
        self._statuses = [0] * len(commands)

    def start(self) -> Popen[bytes] | None:
        """Start the next one; None where there is none. Raises OSError."""
        if not self._todo:
            return None
        place, command = self._todo.pop()
        child = subprocess.Popen(command, stdin=DEVNULL, stdout=self._output, bufsize=0)
        self._places[child.pid] = place
        self.living[child.pid] = child
        return child

    def ended(self, pid: int, wait_status: int) -> None:
        """Somebody has waited for the child *pid*; *wait_status* is that of waitpid(2)."""
        status = os.waitstatus_to_exitcode(wait_status)
        self._statuses[self._places[pid]] = status
        self.living.pop(pid).returncode = status  # so that it is not waited for again

    def close(self) -> None:
        """End those that live, and wait for them. None do when all went well."""
        for child in self.living.values():
            child.kill()
            child.wait()

    @property
    def statuses(self) -> Sequence[int]:
        """Exit statuses in the order of the commands; complete when none lives and none is left to start."""
        return self._statuses
