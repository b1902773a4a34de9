"""What loops do with CPython's own tests: a line a loop, and what a user would miss. Pure."""

from collections import Counter
from collections.abc import Sequence

from crossloop.journal import DropinRecord, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table

NOT_PASSED = ("failed", "crashed", "hung")


def dropins(runs: Sequence[tuple[Markdown, Run]], loop_name: str = "") -> Table:
    """The loops of all runs, or the one of that name, a line each. Empty where none was tested.

    *runs*: (heading, run).
    """
    rows = []
    for heading, run in runs:
        loops: dict[tuple[str, str], list[DropinRecord]] = {}
        for test in run.dropins:
            if not test.private and loop_name in {"", test.loop}:
                loops.setdefault((test.loop, test.version), []).append(test)
        place = heading if len(runs) > 1 else Markdown("")
        rows += [(place, *_row(loop, version, tests)) for (loop, version), tests in loops.items()]
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


def _row(loop: str, version: str, tests: Sequence[DropinRecord]) -> tuple[str, ...]:
    counts = Counter(test.outcome for test in tests)
    failed = counts["failed"] + counts["crashed"]
    of = Counter(test.feature for test in tests)
    lacking = Counter(test.feature for test in tests if test.outcome in NOT_PASSED)
    missed = ", ".join(f"{feature} {count} of {of[feature]}" for feature, count in lacking.most_common())
    figures = (counts["passed"], failed, counts["hung"], counts["skipped"])
    return (f"{loop} {version}".strip(), *map(digits.integer, figures), inline(missed or "nothing"))
