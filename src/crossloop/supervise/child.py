"""One child process that speaks JSON lines, and every way in which it can go wrong, typed."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from crossloop.outcomes import Crashed, Failed, Outcome, OverLimit, TimedOut
from crossloop.plain_text import without_folders
from crossloop.supervise.answers import AnswerError, Kind, Refusal, RefusedError, outcome_of, read_answer
from crossloop.supervise.family import Family

TAIL_BYTES = 3000
FLOOD_BYTES = 8 * 1024 * 1024
"""A child that writes more than this to its standard error, or in one answer, is ended."""
MEMORY_BYTES = 2 * 1024 * 1024 * 1024
"""A child tree that holds more than this is ended. 30,000 connections stay well below."""
EXCEPTIONS = {
    0xC0000005: "an access violation",
    0xC000001D: "an illegal instruction",
    0xC00000FD: "a stack overflow",
    0xC0000374: "a corrupt heap",
    0xC0000409: "an abort",
}
"""What Windows ends a process with, by its exit status (NTSTATUS, "NTSTATUS Values" at learn.microsoft.com)."""
WATCH_S = 0.25
"""How often a child that is being waited for is looked at."""
END_LOOK_S = 0.002
"""How often one is looked at that was told to end."""

# What would make one process slower or other than the next without anybody having asked for it, or would write to
# standard error, where a check expects nothing.
_NOT_INHERITED = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONDUMPREFS",
    "PYTHONINSPECT",
    "PYTHONIOENCODING",
    "PYTHONMALLOCSTATS",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONTRACEMALLOC",
    "PYTHONVERBOSE",
    "LD_DEBUG",
    "GEVENT_LOOP",
    "GEVENT_RESOLVER",
)


class ChildError(Exception):
    """A child did not answer as it should; `outcome` says what became of it."""

    def __init__(self, outcome: Outcome):
        super().__init__(str(outcome))
        self.outcome = outcome


class BesideError(ChildError):
    """Another child went wrong while this one was asked; `outcome` says what became of that one."""


class Child:
    """A child and its family; a context manager that leaves nothing of them behind.

    Its standard error is drained all the time by a thread, of which the last `TAIL_BYTES` are kept; a
    second thread reads its answers. Both sleep in the kernel while nothing comes.
    """

    def __init__(
        self, arguments: Sequence[str], *, name: str, limit_bytes: int = MEMORY_BYTES, program: str = ""
    ):
        """Start it: another interpreter like this one with *arguments*, or another *program*. Raises ChildError."""
        self.name = name
        self._limit_bytes = limit_bytes
        self._suspended = False
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        command = [program, *arguments] if program else [sys.executable, "-P", *arguments]
        try:
            self._family = Family.start(command, environment)
        except OSError as error:
            raise ChildError(Failed(f"does not start: {error}")) from error
        self._process = self._family.process
        self.pid = self._family.pid
        self._flooded = ""
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._tail = b""
        self._threads = [
            threading.Thread(target=work, name=f"{name}-{work.__name__}", daemon=True)
            for work in (self._read_answers, self._drain_errors)
        ]
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError as error:  # the machine, or a limit of ours on it, has no more of them
            self._family.end()
            raise ChildError(Failed(f"does not start: {error} to read what it says")) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    # Asking ---------------------------------------------------------------------------------------

    def ask(
        self, request: Mapping[str, Any], kind: type[Kind], limit_s: float, beside: Sequence["Child"] = ()
    ) -> Kind:
        """Send a request and wait for its answer, of *kind*. Raises ChildError; after that the child is gone.

        Of a load process also LoadFaultError, after which it goes on.

        *beside* are other children that the request keeps busy: their memory and output are bounded meanwhile, as
        are this one's; what one does wrong is raised as `BesideError`, and that one and this are gone.
        """
        self.send(request)
        return self.receive(kind, limit_s, beside)

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request without waiting. A child that is gone, or was ended before, shows at `receive`."""
        assert self._process.stdin is not None
        line = json.dumps(request, default=str).encode() + b"\n"
        with contextlib.suppress(OSError, ValueError):  # ValueError: of a stream that `end` has closed
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def receive(self, kind: type[Kind], limit_s: float, beside: Sequence["Child"] = ()) -> Kind:
        """Next answer, of *kind*. Raises ChildError with a typed outcome; the child is ended then."""
        deadline = time.monotonic() + limit_s
        pause_s = WATCH_S
        while True:
            left = deadline - time.monotonic()
            try:
                line = self._answers.get(timeout=max(0.0, min(pause_s, left)))
            except queue.Empty:
                line = self._under_way()
                if line is None:
                    self._look(limit_s, expired=left <= 0)
                    if beside:
                        # Thousands of processes take a while to look at, and that is work on a measured machine.
                        pause_s = max(WATCH_S, 10 * self._look_beside(beside))
                    continue
            if line is None:
                raise ChildError(self._gone())
            return self._read(line, kind)

    def _under_way(self) -> bytes | None:
        """The answer of a child that is gone, which was still on its way when the queue was looked at; else None."""
        if not self._family.leads():
            self._threads[0].join(1.0)  # what it forked may have the pipe open, and then its end never comes
            with contextlib.suppress(queue.Empty):
                return self._answers.get_nowait()
        return None

    def _read(self, line: bytes, kind: type[Kind]) -> Kind:
        try:
            return read_answer(line, kind)
        except RefusedError as error:
            self.end()
            raise ChildError(outcome_of(error.refusal, self.name)) from error
        except AnswerError as error:
            self.end()
            raise ChildError(Failed(str(error), self.tail())) from error

    def _look(self, limit_s: float, *, expired: bool) -> None:
        """Judge a child that has not answered yet. Raises ChildError."""
        if (
            not self._family.leads()
        ):  # the end of its answers may never come: what it forked has them open too
            raise ChildError(self._gone())
        if self._flooded:
            self.end()
            raise ChildError(OverLimit(self._flooded, self.tail()))
        held = self.rss_bytes()
        if held > self._limit_bytes:
            self.end()
            raise ChildError(
                OverLimit(
                    f"held {held >> 20} MiB of memory; the limit is {self._limit_bytes >> 20} MiB",
                    self.tail(),
                )
            )
        if expired:
            self.end()
            raise ChildError(TimedOut(f"no answer within {limit_s:g} s", limit_s, self.tail()))

    def _look_beside(self, others: Sequence["Child"]) -> float:
        """Judge other children; returns the seconds that this took. Raises BesideError."""
        before = time.monotonic()
        try:
            for other in others:
                other._look(0.0, expired=False)
        except ChildError as error:
            self.end()
            raise BesideError(error.outcome) from error
        return time.monotonic() - before

    def _gone(self) -> Outcome:
        self.end()
        if self._flooded:
            return OverLimit(self._flooded, self.tail())
        status = self._process.returncode
        if status < 0:
            with contextlib.suppress(ValueError):
                return Crashed(f"ended by {signal.Signals(-status).name}", self.tail())
        if status in EXCEPTIONS:
            return Crashed(f"ended by {EXCEPTIONS[status]} (0x{status:X})", self.tail())
        return Crashed(f"exited with status {status} without being told to", self.tail())

    def check(self, patience_s: float = 0.5) -> None:
        """Raise ChildError when the child is gone, flooded its output or holds too much memory.

        A peer sees a connection end before the kernel has the whole process ended: hence the patience.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        if self._process.poll() is not None:
            outcome = self._gone()
            raise ChildError(self._last_words() or outcome)
        self._look(0.0, expired=False)

    def _last_words(self) -> Outcome | None:
        """Why a child that is gone had refused to go on, without having been heard; None: it said nothing."""
        said: Outcome | None = None
        with contextlib.suppress(queue.Empty):
            while True:
                line = self._answers.get_nowait()
                with contextlib.suppress(AnswerError):  # (what is no refusal was an answer to nobody)
                    said = outcome_of(read_answer(line, Refusal), self.name) if line is not None else said
        return said

    # Stopping -------------------------------------------------------------------------------------

    def suspend(self) -> None:
        """Take the child's whole tree off the CPU (SIGSTOP, or the platform's like)."""
        if not self._suspended:
            self._family.suspend()
            self._suspended = True

    def resume(self) -> None:
        """Let it run again."""
        if self._suspended:
            self._family.resume()
            self._suspended = False

    def move(self, cpu: int) -> None:
        """Keep the child's whole tree on *cpu*, where the platform can."""
        self._family.move(cpu)

    def leave(self) -> None:
        """Close its channel, by which a child knows that it is to end; nothing is waited for."""
        self.resume()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self, grace_s: float = 2.0) -> None:
        """End the child and what it started: closed channel, then SIGTERM, then SIGKILL. Idempotent."""
        self.leave()
        if not self._flooded:
            self._await_end(grace_s)
        if self._family.leads():
            self._family.terminate()
            self._await_end(0.0 if self._flooded else 0.5)
        self._family.end()
        for thread in self._threads:
            thread.join(1.0)

    def _await_end(self, limit_s: float) -> None:
        """Wait for the child itself; `Popen.wait` with a limit would look up to 50 ms apart."""
        deadline = time.monotonic() + limit_s
        while self._family.leads() and time.monotonic() < deadline:
            time.sleep(END_LOOK_S)

    def rss_bytes(self) -> int:
        """Memory of the child and of what it started, in bytes (see `clocks.rss_bytes`); 0 when it is gone."""
        return self._family.rss_bytes()

    def tail(self) -> str:
        """End of what the child wrote to standard error, without the names of this machine's folders."""
        return without_folders(self._tail.decode("utf-8", "replace"))

    # Threads --------------------------------------------------------------------------------------

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream, contextlib.suppress(OSError, ValueError):
            while line := stream.readline(FLOOD_BYTES):
                if not line.endswith(b"\n") and len(line) == FLOOD_BYTES:
                    self._flooded = f"answered more than {FLOOD_BYTES >> 20} MiB in one line"
                    break
                self._answers.put(line)
        self._answers.put(None)

    def _drain_errors(self) -> None:
        assert self._process.stderr is not None
        seen = 0
        with self._process.stderr as stream, contextlib.suppress(OSError, ValueError):
            while data := os.read(stream.fileno(), 65536):
                seen += len(data)
                self._tail = (self._tail + data)[-TAIL_BYTES:]
                if seen > FLOOD_BYTES:
                    self._flooded = f"wrote more than {FLOOD_BYTES >> 20} MiB to its output"
                    self._process.kill()
                    return


def worker(name: str, *, limit_bytes: int = MEMORY_BYTES) -> Child:
    """A fresh worker, not yet asked for anything."""
    return Child(["-m", "crossloop.worker"], name=name, limit_bytes=limit_bytes)


def suite_paths(paths: Sequence[Path]) -> list[str]:
    """Folders for a worker's `sys.path`."""
    return [str(path) for path in paths]
