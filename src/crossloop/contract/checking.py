"""The supervisor's half of the contract: one process per level of an adapter, one record per promise.

A promise that fails, crashes or hangs costs its process, for the loop in it can no longer be trusted;
the remaining promises go on in a fresh one.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import msgspec

from crossloop.contract.expectations import Expectation, Surroundings, judge, surroundings
from crossloop.contract.promise import Promise
from crossloop.contract.promises import LEVELS
from crossloop.journal import CheckRecord
from crossloop.outcomes import (
    Failed,
    Measured,
    NotInstalled,
    Outcome,
    Unsupported,
    outcome_reason,
    outcome_stderr,
)
from crossloop.plain_text import without_folders
from crossloop.suite import AdapterEntry, Suite, load_suite
from crossloop.supervise.answers import Described, PromiseAnswer
from crossloop.supervise.certificates import Certificates, certificates
from crossloop.supervise.child import Child, ChildError, suite_paths

OPEN_LIMIT_S = 30.0
"""For importing a binding and making its loop, on a cold disk."""
GRACE_S = 2.0
"""On top of a promise's own limit, within which the process writes its stacks."""
FAILING_S = 30.0
"""What the promises of one level, in one style, may spend on failing: those that are left then are failed without
being run. A server that ignores its stop would have each of them take its whole limit."""
OPENS = "adapter-opens"
Progress: TypeAlias = Callable[[str, int, int], object]
"""Called before each promise: its name, how many were there before it, how many there are."""


@dataclass(frozen=True)
class Checked:
    """What became of one promise, before it is judged."""

    outcome: Outcome
    expected: str
    actual: str


@dataclass(frozen=True)
class _Step:
    """One promise of an adapter's plan."""

    level: str
    promise: Promise
    style: str

    @property
    def name(self) -> str:
        return f"{self.promise.id}@{self.style}" if self.style else self.promise.id


@dataclass
class _Failures:
    """What one level, in one style, did not do as expected so far."""

    spent_s: float = 0.0
    names: list[str] = field(default_factory=list)
    last: str = ""

    def add(self, record: CheckRecord, took_s: float) -> None:
        self.spent_s += took_s
        self.names.append(record.behaviour)
        self.last = (record.reason or record.actual).partition("\n")[0]

    def instead(self, promise: Promise) -> Checked:
        """What becomes of a promise that is not run because of these."""
        why = (
            f"not run: what failed before it ({len(self.names)}) took {self.spent_s:.0f} s; "
            f"the last was {self.names[-1]}: {self.last}"
        )
        return Checked(Failed(why), promise.requirement, why)


def check_adapter(
    adapter: str,
    *,
    suite: Suite | None = None,
    levels: Collection[str] | None = None,
    promises: Collection[str] | None = None,
    limit_s: float | None = None,
    failing_s: float = FAILING_S,
    first_styles: bool = False,
    expectations: Iterable[Expectation] = (),
    progress: Progress = lambda _name, _before, _all: None,
) -> Iterator[CheckRecord]:
    """Check one adapter, level by level. Nothing that the adapter does raises here.

    *levels*, *promises*: names of those to check; None: all. *limit_s*: how long one promise may take;
    None: as each declares. *failing_s*: what one level, in one style, may spend on failing.
    *first_styles*: of each level the first style alone. An adapter that cannot be opened yields the one
    record `adapter-opens`. Raises KeyError for an id that the suite does not have.
    """
    suite = suite or load_suite()
    about = suite.adapters[adapter].about
    if elsewhere := about.why_not_here():
        # Not for this platform by its own declaration: nothing is expected of it here.
        yield _record(
            adapter, OPENS, Checked(Unsupported(elsewhere), "the binding is published for this platform", "")
        )
        return
    subject = _Subject(suite, suite.adapters[adapter])
    expected = tuple(expectations)
    with subject:
        opened = subject.open()
        here = subject.here
        yield judge(_record(adapter, OPENS, opened), expected, here)
        if not isinstance(opened.outcome, Measured):
            return
        plan = list(subject.plan(levels, promises, 1 if first_styles else None))
        failures: defaultdict[tuple[str, str], _Failures] = defaultdict(_Failures)
        for number, step in enumerate(plan):
            progress(step.name, number, len(plan))
            before, begun = failures[step.level, step.style], time.monotonic()
            if before.spent_s < failing_s:
                checked = subject.check(step, limit_s or step.promise.limit_s)
            else:
                checked = before.instead(step.promise)
            record = judge(_record(adapter, step.name, checked), expected, here)
            if step.level in subject.entered_once and isinstance(checked.outcome, Unsupported):
                record = msgspec.structs.replace(record, as_expected=True)
            if not record.as_expected and before.spent_s < failing_s:
                before.add(record, time.monotonic() - begun)
            yield record


class _Subject:
    """An adapter in a process that is replaced when it can no longer be trusted."""

    def __init__(self, suite: Suite, entry: AdapterEntry):
        self._paths = suite_paths(suite.paths)
        self._entry = entry
        self._stack = ExitStack()
        """What ends with each process; `_kept` ends with the last one."""
        self._kept = ExitStack()
        self._child: Child | None = None
        self._turn = 0
        self.styles: dict[str, tuple[str, ...]] = {}
        """Level that the adapter offers → its styles."""
        self.entered_once: Mapping[str, str] = {}
        """Level that it can enter once in a process → why."""
        self._certificates: Certificates | None = None
        self.here: Surroundings = surroundings()

    def __enter__(self) -> "_Subject":
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()
        self._kept.close()

    def plan(
        self, levels: Collection[str] | None, promises: Collection[str] | None, styles: int | None
    ) -> Iterator[_Step]:
        """Promises of the levels that the adapter declares, in each of its styles, or in so many *styles*."""
        for level in LEVELS:
            if level.name in (*self.styles, "Adapter") and (levels is None or level.name in levels):
                for style in self.styles[level.name][:styles] if level.per_style else ("",):
                    for promise in level.promises:
                        if promises is None or promise.id in promises:
                            yield _Step(level.name, promise, style)

    def open(self) -> Checked:
        """Start a fresh process and open the adapter in it."""
        self._end()
        expected = "the module imports and the adapter opens"
        command = ["-m", "crossloop.contract.process"]
        try:
            child = self._stack.enter_context(Child(command, name=self._entry.id))
            request = {"module": self._entry.module, "paths": self._paths, "mark": _mark(self._turn)}
            answer = child.ask(request, Described, OPEN_LIMIT_S)
        except ChildError as error:
            self._end()
            return _ended(error, expected)
        self._child = child
        self.styles = {level: tuple(styles) for level, styles in answer.levels.items()}
        self.entered_once = answer.entered_once
        self.here = surroundings(answer.facts.binding_version, answer.facts.library_version)
        return Checked(Measured(), expected, "")

    def check(self, step: _Step, limit_s: float) -> Checked:
        """Run one promise, in a fresh process if the last one ended its own, or if its level is entered once."""
        promise = step.promise
        if self._child is None or step.level in self.entered_once:
            opened = self.open()
            if self._child is None:
                return opened
        child = self._child
        self._turn += 1
        request = {
            "promise": promise.id,
            "style": step.style,
            "mark": _mark(self._turn),
            "limit_s": limit_s,
            **self._files(step.level),
        }
        try:
            answer = child.ask(request, PromiseAnswer, limit_s + GRACE_S)
        except ChildError as error:
            self._end()
            return _ended(error, promise.requirement)
        checked = _checked(answer, _written(child, self._turn))
        if not isinstance(checked.outcome, Measured | Unsupported | NotInstalled):
            self._end()
        return checked

    def _files(self, level: str) -> dict[str, str]:
        """What a server of *level* needs beside a style; made once for an adapter."""
        if level != "TlsServer":
            return {}
        if self._certificates is None:
            self._certificates = self._kept.enter_context(certificates())
        return {"certificate": str(self._certificates.server), "authority": str(self._certificates.ca)}

    def _end(self) -> None:
        self._child = None
        self._stack.close()
        self._stack = ExitStack()


def _ended(error: ChildError, expected: str) -> Checked:
    return Checked(error.outcome, expected, outcome_reason(error.outcome))


def _checked(answer: PromiseAnswer, written: str) -> Checked:
    match answer.outcome:
        case "measured" if written:
            quiet = "nothing on standard error"
            return Checked(Failed(f"it works, but {quiet} was expected", written), quiet, written)
        case "measured":
            return Checked(Measured(), answer.expected, answer.actual)
        case "unsupported":
            return Checked(Unsupported(answer.reason), answer.expected, answer.actual)
        case "not-installed":
            return Checked(NotInstalled(answer.reason), answer.expected, answer.actual)
        case "failed":
            return Checked(Failed(answer.reason, written), answer.expected, answer.actual)
        case _:
            assert_never(answer.outcome)


def _written(child: Child, turn: int) -> str:
    """What the process wrote to standard error during a turn, as far as the tail is kept.

    The turn's mark was written before the answer, but a thread drains that pipe: wait for it.
    """
    mark = _mark(turn)
    deadline = time.monotonic() + GRACE_S
    while mark not in (tail := child.tail()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return tail.partition(mark)[0].rpartition(_mark(turn - 1))[2].strip()


def _mark(turn: int) -> str:
    return f"crossloop: end of turn {turn}\n"


def _record(adapter: str, promise: str, checked: Checked) -> CheckRecord:
    reason = outcome_reason(checked.outcome)
    stderr = outcome_stderr(checked.outcome)
    return CheckRecord(
        adapter=adapter,
        behaviour=promise,
        outcome=checked.outcome.name,
        expected=checked.expected,
        actual=without_folders(checked.actual),
        reason=f"{reason}\n{stderr}" if stderr else reason,
    )
