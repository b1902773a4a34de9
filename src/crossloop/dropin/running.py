"""The supervisor's part: every test in a fresh process, some at a time, asyncio's own loop first as the control."""

import platform
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, assert_never

from crossloop.dropin.features import feature_of
from crossloop.dropin.private_parts import PRIVATE
from crossloop.journal import DropinOutcome, DropinRecord
from crossloop.outcomes import (
    Crashed,
    Failed,
    Measured,
    NotInstalled,
    Outcome,
    OverLimit,
    TimedOut,
    Unsupported,
    outcome_reason,
    outcome_stderr,
)
from crossloop.plain_text import without_folders
from crossloop.supervise.answers import LoopOpened, TestsListed, TestVerdict
from crossloop.supervise.child import Child, ChildError, suite_paths
from crossloop.supervise.family import kill_all

AT_A_TIME = 3
"""Tests that run at a time. Half of their time they wait: on two CPUs all tests of a loop took 48 s with two, 29 s with
three and 31 s with four of them."""
OPEN_LIMIT_S = 30.0
"""For importing a binding and making its loop, on a cold disk."""
CONTROL_LIMIT_S = 60.0
LEAST_LIMIT_S, TIMES_CONTROL = 6.0, 10.0
"""A test hangs when it takes longer than the sum of the first and this many times what the control took."""
GRACE_S = 5.0
"""On top of a test's limit: for starting its interpreter, and for writing the stacks of its threads."""
HANGING_S = 120.0
"""What the tests of one loop may spend on hanging; those that are left then are not run, and said to be skipped."""
CONTROL = "asyncio"
Progress: TypeAlias = Callable[[str, int], object]
"""Called when a test is done, and when tests will not be run: what it is about, and how many tests it stands for."""


class NoTestsError(Exception):
    """This Python has no tests of loops; the message says why."""


@dataclass(frozen=True)
class Loop:
    """A loop to be put in asyncio's place."""

    name: str
    factory: str
    """`module:factory`."""
    elsewhere: str = ""
    """Why it is not for this platform, where that is known without trying; empty where it is."""


@dataclass(frozen=True)
class LoopRun:
    """All that was found out about one loop."""

    loop: Loop
    version: str = ""
    records: Sequence[DropinRecord] = ()
    outcome: Outcome = field(default_factory=Measured)
    """`Measured` where the loop could be opened; otherwise why there are no records."""


def list_tests() -> list[str]:
    """The tests of the running Python. Raises NoTestsError, ChildError."""
    with _Asked("list") as child:
        listed = child.ask({"do": "list"}, TestsListed, OPEN_LIMIT_S)
    if not listed.tests:
        raise NoTestsError(listed.why)
    return listed.tests


def control_loop() -> Loop:
    """The standard library's loop, as the platform has it by default."""
    return Loop(CONTROL, "asyncio:new_event_loop")


def run_all(
    loops: Sequence[Loop], paths: Sequence[Path], tests: Sequence[str], progress: Progress
) -> Iterator[LoopRun]:
    """The control's run, then that of each of *loops* but the control, in order. Nothing that a loop does raises here.

    Tests that the control does not pass are not run on the others. One that it skips is skipped by all. One that it
    fails says nothing of another loop, and is in the control's run alone.
    """
    with tempfile.TemporaryDirectory(prefix="crossloop-dropin-") as folder:
        site = _Site(Path(folder), suite_paths(paths), progress)
        control = site.run(control_loop(), tests, None)
        yield control
        known = {record.test: record for record in control.records if record.outcome in ("passed", "skipped")}
        for loop in loops:
            if loop.name != CONTROL:
                yield site.run(loop, list(known), known)


class _Asked(Child):
    """A process that is asked once. There is nothing to be waited for at its end."""

    def __init__(self, name: str):
        super().__init__(["-m", "crossloop.dropin.process"], name=name)

    def end(self, grace_s: float = 0.0) -> None:
        """End it at once, with all that it started."""
        super().end(grace_s=0.0)


@dataclass(frozen=True)
class _Verdict:
    """What became of one test."""

    outcome: DropinOutcome
    reason: str = ""
    elapsed_s: float = 0.0


class _Site:
    """Where tests run: a folder for their files, and folders to import from."""

    def __init__(self, folder: Path, paths: Sequence[str], progress: Progress):
        self._folder = folder
        self._paths = paths
        self._progress = progress
        self._lock = threading.Lock()

    def run(self, loop: Loop, tests: Sequence[str], control: Mapping[str, DropinRecord] | None) -> LoopRun:
        """Run *tests* on *loop*; *control*: what the control made of them, None for the control itself."""
        version, outcome = self._open(loop)
        if not isinstance(outcome, Measured):
            self._progress(f"{loop.name}: not run", len(tests))
            return LoopRun(loop, outcome=outcome)
        hung_s: list[float] = []

        def record(test: str) -> DropinRecord:
            verdict = self._verdict(loop, test, control[test] if control is not None else None, hung_s)
            with self._lock:
                if verdict.outcome == "hung":
                    hung_s.append(verdict.elapsed_s)
                self._progress(f"{loop.name}: {test}", 1)
            private = PRIVATE.get(test, "")
            return DropinRecord(
                loop=loop.name,
                version=version,
                python=platform.python_version(),
                test=test,
                feature=feature_of(test, verdict.reason),
                outcome=verdict.outcome,
                reason="\n".join(filter(None, (private, verdict.reason))),
                private=bool(private),
                control=control is None,
                elapsed_s=verdict.elapsed_s,
            )

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            try:
                records = list(pool.map(record, tests))
            except BaseException:  # interrupted: the threads wait for answers that nobody wants any more
                pool.shutdown(wait=False, cancel_futures=True)
                kill_all()
                raise
        return LoopRun(loop, version, records)

    def _open(self, loop: Loop) -> tuple[str, Outcome]:
        """Version of a loop that can be made here, or why it cannot."""
        if loop.elsewhere:
            return "", Unsupported(loop.elsewhere)
        request = {"do": "open", "loop": loop.factory, "paths": self._paths}
        try:
            with _Asked(loop.name) as child:
                return child.ask(request, LoopOpened, OPEN_LIMIT_S).version, Measured()
        except ChildError as error:
            return "", error.outcome

    def _verdict(
        self, loop: Loop, test: str, control: DropinRecord | None, hung_s: Collection[float]
    ) -> _Verdict:
        if control is not None and control.outcome == "skipped":
            return _Verdict("skipped", control.reason)
        with self._lock:
            count, spent_s = len(hung_s), sum(hung_s)
        if spent_s > HANGING_S:
            return _Verdict("skipped", f"not run: {count} tests that hung before it took {spent_s:.0f} s")
        if control is None:
            return self._run(loop, test, CONTROL_LIMIT_S)
        return self._run(loop, test, LEAST_LIMIT_S + TIMES_CONTROL * control.elapsed_s)

    def _run(self, loop: Loop, test: str, limit_s: float) -> _Verdict:
        """Run one test in a fresh process and an empty folder of its own."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            request = {
                "do": "run",
                "test": test,
                "loop": loop.factory,
                "paths": self._paths,
                "folder": folder,
                "limit_s": limit_s,
            }
            try:
                with _Asked(f"{loop.name}: {test}") as child:
                    said = child.ask(request, TestVerdict, limit_s + GRACE_S)
            except ChildError as error:
                return _from_outside(error.outcome, time.monotonic() - begun)
        return _Verdict(said.verdict, without_folders(said.reason), said.elapsed_ms / 1000)


def _from_outside(outcome: Outcome, elapsed_s: float) -> _Verdict:
    """What became of a test whose process gave no verdict."""
    text = f"{outcome_reason(outcome)}\n{outcome_stderr(outcome)}".strip()
    match outcome:
        case TimedOut():
            return _Verdict("hung", text, elapsed_s)
        case Crashed() | OverLimit():
            return _Verdict("crashed", text, elapsed_s)
        case Failed() | NotInstalled() | Unsupported() | Measured():
            return _Verdict("failed", text, elapsed_s)
        case _:
            assert_never(outcome)
