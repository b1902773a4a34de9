"""What loops do with CPython's own tests: a line a loop, and what a user would miss. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.journal import DropinRecord, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown
from crossloop.markup.tables import Column, Table, table

NOT_PASSED = ("failed", "crashed", "hung")


@dataclass(frozen=True)
class LoopCounts:
    """One build of a loop, and how many of CPython's own tests it passed; private ones are not counted."""

    name: str
    """With its version."""
    passed: int
    failed: int
    """Crashed ones among them."""
    hung: int
    skipped: int
    missed: str
    """`tls 2 of 14, signals 1 of 9`: features of which tests do not pass, and of how many; empty where all do."""


def loop_counts(run: Run, loop_name: str = "") -> list[LoopCounts]:
    """The loops of a run, or the one of that name, in the order of its journal."""
    loops: dict[tuple[str, str], list[DropinRecord]] = {}
    for record in run.dropins:
        if not record.private and loop_name in {"", record.loop}:
            loops.setdefault((record.loop, record.version), []).append(record)
    return [_counts_of(f"{loop} {version}".strip(), tests) for (loop, version), tests in loops.items()]


def _counts_of(name: str, tests: Sequence[DropinRecord]) -> LoopCounts:
    counts = Counter(test.outcome for test in tests)
    of = Counter(test.feature for test in tests)
    lacking = Counter(test.feature for test in tests if test.outcome in NOT_PASSED)
    return LoopCounts(
        name,
        counts["passed"],
        counts["failed"] + counts["crashed"],
        counts["hung"],
        counts["skipped"],
        ", ".join(f"{feature} {count} of {of[feature]}" for feature, count in lacking.most_common()),
    )


def dropins(runs: Sequence[tuple[Markdown, Run]], loop_name: str = "") -> Table:
    """The loops of all runs, or the one of that name, a line each. Empty where none was tested.

    *runs*: (heading, run).
    """
    rows = []
    for heading, run in runs:
        place = heading if len(runs) > 1 else Markdown("")
        for loop in loop_counts(run, loop_name):
            counts = map(digits.integer, (loop.passed, loop.failed, loop.hung, loop.skipped))
            rows.append((place, loop.name, *counts, loop.missed or "nothing"))
    columns = [
        Column("Run", optional=True),
        Column("Loop"),
        *(Column(name, "right") for name in ("passed", "failed", "hung", "skipped")),
        Column("What a user would miss"),
    ]
    caption = (
        "CPython's own tests of loops, each in a process of its own. Tests that look at CPython's private parts are "
        "left out. Behind a feature: how many of its tests do not pass, of how many."
    )
    return table(columns, rows, caption)
