"""A child process and all that it starts, in one place: how a platform starts, stops, weighs and ends a family.

POSIX: the child leads a process group. What it forks is found below it; whatever stays behind when it ends is in
its group still, unless it made a session of its own (setsid(2)), as a process does that forks twice to become a
daemon. On Linux those come back too: this process is the reaper of its descendants (prctl(2),
PR_SET_CHILD_SUBREAPER), so the kernel hands it each that loses its parent; and they carry the family's mark in the
environment that they were started with (proc_pid_environ(5)), by which they are told from another family's.

Windows: the child leads a process group, which CTRL_BREAK reaches, and is in a job with all that it starts (`jobs`),
suspended or not. The job knows who belongs to it, and ends with this process.

A signal goes to a process by its pid alone, and only to one that is below this process, or in the group of a child
of this one: nobody else's process is reached.
"""

import contextlib
import functools
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from crossloop.measure import clocks
from crossloop.supervise.jobs import Job, start_in_job

MARK = "CROSSLOOP_FAMILY"
"""Environment variable that names the family of a process."""
END_S = 5.0
"""Longest that is waited for processes that were sent SIGKILL; a family that goes on forking is left after it."""
LOOKS = 20
"""How often at most those that lost their parent are listed again because one of them has ended."""

_numbers = itertools.count()
_leaders: set[int] = set()
"""Children that lead a family of this process and were not waited for yet: nobody's orphans."""


class Family:
    """A child process, and what it started."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, job: Job | None = None):
        self.process = process
        self.pid = process.pid
        self._mark = f"{MARK}={mark}".encode()
        _leaders.add(self.pid)
        self._job = job
        self._stopped: list[psutil.Process] = []

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Start *command*, with pipes for its input, output and errors. Raises OSError."""
        _adopts_orphans()
        mark = f"{os.getpid()}-{next(_numbers)}"
        if sys.platform == "win32":
            started, job = start_in_job(command, {**environment, MARK: mark}, pipe=subprocess.PIPE)
            return cls(started, mark, job)
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, MARK: mark},
            process_group=0,
        )
        return cls(process, mark)

    def leads(self) -> bool:
        """Whether the child itself still runs; what it started may be there without it."""
        return self.process.poll() is None

    def suspend(self) -> None:
        """Take all of it off the CPU (SIGSTOP, or the platform's like)."""
        self._stopped = _alive(reversed(self._pids()))
        for member in self._stopped:
            with contextlib.suppress(psutil.Error):
                member.suspend()

    def resume(self) -> None:
        """Let run again what was stopped; it could start nothing meanwhile."""
        for member in self._stopped:
            with contextlib.suppress(psutil.Error):
                member.resume()

    def move(self, cpu: int) -> None:
        """Keep all of it on *cpu*: each thread has a set of CPUs of its own (sched_setaffinity(2)).

        Nothing is done where the platform cannot, or forbids it.
        """
        for pid in self._pids():
            with contextlib.suppress(OSError, psutil.Error):
                if sys.platform == "linux":
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        os.sched_setaffinity(int(task.name), {cpu})
                elif sys.platform == "win32":
                    psutil.Process(pid).cpu_affinity([cpu])

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM, or the platform's like)."""
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # it has no console, or is gone
                os.kill(self.pid, signal.CTRL_BREAK_EVENT)
        else:
            self.process.terminate()

    def rss_bytes(self) -> int:
        """Memory of all of it, as `clocks.rss_bytes` counts; 0 when it is gone."""
        return clocks.rss_bytes(self._pids())

    def end(self) -> None:
        """Kill all of it and wait for the child. Looks until nobody is left, `END_S` at most."""
        try:
            self._end()
        finally:
            _leaders.discard(self.pid)

    def _end(self) -> None:
        if self._job is not None:
            self._job.terminate()
            self.process.wait()
            self._job.close()
            return
        deadline = time.monotonic() + END_S
        killed: set[int] = set()
        while pids := self._pids(killed):
            killed.update(pids)
            for member in _alive(reversed(pids)):
                with contextlib.suppress(psutil.Error):
                    member.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                break
        if sys.platform != "win32" and not _adopts_orphans():
            with contextlib.suppress(OSError):  # nobody is left in the group
                os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def _pids(self, known: Container[int] = ()) -> list[int]:
        """All of it, the child first. Without a child that was waited for: its pid may be anybody's by now."""
        if self._job is not None:
            return self._job.pids()
        roots = [*([self.pid] if self.leads() else []), *self._orphans(known)]
        return list(dict.fromkeys(pid for root in roots for pid in clocks.tree(root)))

    def _orphans(self, known: Container[int]) -> list[int]:
        """What lost its parent and came to this process, *known* or not; those that have ended are waited for."""
        if sys.platform == "win32" or not _adopts_orphans():
            return []
        alive: list[int] = []
        for _look in range(LOOKS):
            here = [pid for pid in clocks.adopted() if pid not in _leaders]
            ours = [pid for pid in here if pid in known or self._has(pid)]
            alive = [pid for pid in ours if not _ended(pid)]
            if alive == ours:
                break
            # The children of one that has just ended came here after the look.
        return alive

    def _has(self, pid: int) -> bool:
        """Whether a child of this process is of this family, by its group or its mark."""
        if sys.platform == "win32":
            return False
        try:
            return os.getpgid(pid) == self.pid or self._mark in Path(
                f"/proc/{pid}/environ"
            ).read_bytes().split(b"\0")
        except OSError:  # it is gone, or of another user
            return False


def _ended(pid: int) -> bool:
    """Wait for an adopted child that has ended, so that no entry of it stays."""
    if sys.platform == "win32":
        return False
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def kill_all() -> None:
    """End every process that this one started, at once: an interrupted person does not wait for answers."""
    for member in _alive(reversed(clocks.tree(os.getpid())[1:])):
        with contextlib.suppress(psutil.Error):
            member.kill()


def _alive(pids: Iterable[int]) -> list[psutil.Process]:
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    return processes


@functools.cache
def _adopts_orphans() -> bool:
    """Have the kernel give this process each descendant that loses its parent; False where it cannot."""
    if sys.platform != "linux":
        return False
    import ctypes  # (Linux only, and not at import)

    pr_set_child_subreaper = 36  # <linux/prctl.h>
    return bool(ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0)
