"""`crossloop dropin`: CPython's own tests of loops, on other loops."""

import contextlib
import dataclasses
import difflib
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from crossloop.bench.header import run_header
from crossloop.cli.choosing import chosen, parse_factory, parse_loop, suite_or_stop
from crossloop.cli.exits import DONE, NOTHING_MEASURED, StopError
from crossloop.cli.progress import ProgressView
from crossloop.cli.refusing import begun, holding, require_descriptors, require_loopback
from crossloop.cli.streams import canvas, print_document
from crossloop.dropin.features import SYMPTOM_TITLES
from crossloop.dropin.results import NOT_PASSED, Lack, counts, lacks
from crossloop.dropin.running import CONTROL, Loop, LoopRun, NoTestsError, list_tests, run_all
from crossloop.journal import DropinRecord, EndRecord, JournalWriter, WarningRecord, dropin_path
from crossloop.outcomes import Measured, outcome_reason
from crossloop.plain_text import printable
from crossloop.suite import AdapterEntry, Suite
from crossloop.supervise.child import ChildError

DESCRIPTORS = 256
"""What three tests at a time, and the pipes to their processes, need."""
MAX_REASON = 160
"""Characters of a reason in a list for people; the journal and `--json` have it whole."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    wanted: Sequence[str]
    """Ids, prefixes of ids, or `module:factory`."""
    loops: Sequence[str]
    """Each `NAME=module:factory`."""
    tests: str | None
    """Ids or prefixes of ids; None: all."""
    as_json: bool
    out: Path | None


def run(suites: Sequence[Path], request: Request) -> int:
    """Run the control and each loop, print a table and what fails; what a loop does changes no status."""
    suite = suite_or_stop(suites, request.loops)
    loops = _loops(suite, [*request.wanted, *(parse_loop(text).name for text in request.loops)])
    require_descriptors("dropin", DESCRIPTORS)
    require_loopback("dropin", "run it where there is one")
    tests = _selected(_tests(), request.tests)
    runs: list[LoopRun] = []
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(_journal(request.out, loops)) if request.out is not None else None
        view = stack.enter_context(ProgressView(_planned(loops, tests), unit="tests"))
        for loop_run in run_all(loops, suite.paths, tests, view.advance):
            runs.append(loop_run)
            if journal is not None:
                _write(journal, loop_run)
    control, named = runs[0], {loop_run.loop.name: loop_run for loop_run in runs}
    wanted_runs = [named[loop.name] for loop in loops]
    _require_some(control, wanted_runs)
    if request.as_json:
        print_document(
            {
                "loops": [_document(loop_run) for loop_run in wanted_runs],
                "control": _control_document(control),
            }
        )
    else:
        _print(control, wanted_runs)
    return DONE


# What is to be run --------------------------------------------------------------------------------


def _loops(suite: Suite, names: Sequence[str]) -> list[Loop]:
    """The loops that were named, each once, in order. Raises `StopError`."""
    if not names:
        raise StopError(
            "expected a loop, as `crossloop dropin uvloop` or `crossloop dropin module:factory`; "
            "`crossloop list` shows the adapters"
        )
    family = {id_: entry for id_, entry in suite.adapters.items() if entry.about.asked_as == "asyncio"}
    loops = [loop for name in names for loop in _wanted(name, suite, family)]
    return list({loop.name: loop for loop in loops}.values())


def _wanted(word: str, suite: Suite, family: Mapping[str, AdapterEntry]) -> list[Loop]:
    if ":" in word:
        parse_factory(word)
        return [Loop(word, word)]
    if word in suite.adapters and word not in family:
        near = difflib.get_close_matches(word, family, n=1, cutoff=0.0)[0]
        raise StopError(
            f"{word!r} is no loop with asyncio's API, which these tests need; expected one such as {near!r}, "
            f"of {', '.join(family)}, or module:factory"
        )
    return [
        Loop(id_, entry.about.loop, entry.about.why_not_here())
        for id_, entry in chosen("loop", family, word).items()
    ]


def _tests() -> list[str]:
    """CPython's tests. Raises `StopError` where this Python has none."""
    try:
        return list_tests()
    except NoTestsError as error:
        raise StopError(
            f"Python {platform.python_version()} at {sys.executable} has no tests of its own to run ({error}): its "
            "package test.test_asyncio is missing. Debian and Ubuntu have it in libpython3-testsuite; Pythons from "
            "python.org and pyenv bring it",
            NOTHING_MEASURED,
        ) from error
    except ChildError as error:
        raise StopError(
            f"CPython's tests cannot be listed: {outcome_reason(error.outcome)}", NOTHING_MEASURED
        ) from error


def _selected(tests: Sequence[str], wanted: str | None) -> list[str]:
    """Those of *tests* that are *wanted*; an exact id wins over a prefix. Raises `StopError`."""
    if wanted is None:
        return list(tests)
    selected: set[str] = set()
    for word in (part.strip() for part in wanted.split(",")):
        named = {word} if word in tests else {test for test in tests if word and test.startswith(word)}
        if not named:
            near = difflib.get_close_matches(word, tests, n=1, cutoff=0.0)[0]
            raise StopError(f"unknown test {word!r}; did you mean {near!r}? Expected ids or prefixes of ids")
        selected |= named
    return [test for test in tests if test in selected]


def _planned(loops: Sequence[Loop], tests: Sequence[str]) -> int:
    return len(tests) * (1 + sum(loop.name != CONTROL for loop in loops))


def _require_some(control: LoopRun, wanted_runs: Sequence[LoopRun]) -> None:
    """Raises `StopError` where no loop could be run."""
    for loop_run in (control, *wanted_runs) if not control.records else wanted_runs:
        if loop_run.records:
            return
    why = "; ".join(f"{loop_run.loop.name}: {outcome_reason(loop_run.outcome)}" for loop_run in wanted_runs)
    raise StopError(f"nothing could be run: {why}", NOTHING_MEASURED)


# What was found -----------------------------------------------------------------------------------


def _counted(loop_run: LoopRun, control: bool) -> list[DropinRecord]:
    """The tests of a loop that count: those that the control does not pass here say nothing of any loop."""
    return [record for record in loop_run.records if not (control and record.outcome in NOT_PASSED)]


def _document(loop_run: LoopRun) -> dict[str, object]:
    records = _counted(loop_run, loop_run.loop.name == CONTROL)
    return {
        "loop": loop_run.loop.name,
        "version": loop_run.version,
        "python": platform.python_version(),
        **dataclasses.asdict(counts(records)),
        "outcome": loop_run.outcome.name,
        "reason": outcome_reason(loop_run.outcome),
        "tests": [_test_document(record) for record in records],
    }


def _test_document(record: DropinRecord) -> dict[str, object]:
    return {
        "id": record.test,
        "outcome": record.outcome,
        "reason": record.reason,
        "private": record.private,
        "feature": record.feature,
        "elapsed_s": record.elapsed_s,
    }


def _control_document(control: LoopRun) -> dict[str, object]:
    return {
        "loop": control.loop.name,
        "version": control.version,
        "not_passed": [_test_document(record) for record in control.records if record.outcome in NOT_PASSED],
    }


def _print(control: LoopRun, wanted_runs: Sequence[LoopRun]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    names = ("passed", "failed", "hung", "skipped", "private")
    ids = Column("loop", no_wrap=True)
    table = Table(
        ids, "version", *(Column(name, justify="right") for name in names), box=None, pad_edge=False
    )
    shown = wanted_runs if control in wanted_runs else [control, *wanted_runs]
    for loop_run in shown:
        figures = dataclasses.asdict(counts(_counted(loop_run, loop_run is control)))
        cells = [str(figures[name]) if loop_run.records else "–" for name in names]
        table.add_row(printable(loop_run.loop.name), printable(loop_run.version), *cells)
    # What loops say is text, not markup.
    console = Console(file=canvas(sys.stdout), markup=False, emoji=False, highlight=False)
    console.print(table)
    _print_uncounted(control)
    for loop_run in wanted_runs:
        if not isinstance(loop_run.outcome, Measured):
            click.echo(f"\n{loop_run.loop.name}: not run: {_first_line(outcome_reason(loop_run.outcome))}")
        elif lacking := lacks(_counted(loop_run, loop_run is control)):
            click.echo(f"\n{f'{loop_run.loop.name} {loop_run.version}'.strip()}: what a user would miss")
            for lack in lacking:
                _print_lack(lack)


def _print_uncounted(control: LoopRun) -> None:
    wrong = [record for record in control.records if record.outcome in NOT_PASSED]
    if wrong:
        click.echo(f"\nNot counted: {len(wrong)} tests that {control.loop.name} itself does not pass here")
        for record in wrong:
            click.echo(f"  {record.test}: {record.outcome}: {_last_line(record)}")


def _print_lack(lack: Lack) -> None:
    """A line for a thing, then one for each test; where none of them passes, the commonest reason instead."""
    count = len(lack.missing)
    if lack.id in SYMPTOM_TITLES:
        click.echo(f"  {lack.title}: {count} tests end there, and say no more")
        for record in lack.missing:
            click.echo(f"    {record.test}")
    elif lack.whole and count > 1:
        reason, times = Counter(_last_line(record) for record in lack.missing).most_common(1)[0]
        click.echo(f"  {lack.title}: none of {count} passes; of {times} the reason is {reason}")
    else:
        click.echo(f"  {lack.title}: {count} of {lack.of} {'does' if count == 1 else 'do'} not pass")
        for record in lack.missing:
            click.echo(f"    {record.test}: {record.outcome}: {_last_line(record)}")


def _first_line(text: str) -> str:
    return printable(text.partition("\n")[0])[:MAX_REASON]


def _last_line(record: DropinRecord) -> str:
    """What a reason says in a line: the exception of a traceback, or what became of the process."""
    if record.outcome == "failed":
        lines = [line for line in record.reason.splitlines() if line and not line.startswith(" ")]
        return _first_line(lines[-1] if lines else record.reason)
    return _first_line(record.reason)


# The journal --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _journal(out: Path, loops: Sequence[Loop]) -> Iterator[JournalWriter]:
    """A new journal, with its end record unless something ends the block before."""
    begun_s = time.monotonic()
    ids = [loop.name for loop in loops if ":" not in loop.name]
    header = run_header("dropin", ids, [], seed=0, options={"loops": " ".join(loop.name for loop in loops)})
    path = dropin_path(out)
    with holding(path), begun(path, header) as journal:
        yield journal
        journal.write(EndRecord(elapsed_s=time.monotonic() - begun_s, cells={}))


def _write(journal: JournalWriter, loop_run: LoopRun) -> None:
    for record in loop_run.records:
        journal.write(record, sync=False)
    if not isinstance(loop_run.outcome, Measured):
        journal.write(
            WarningRecord("loop-not-run", f"{loop_run.loop.name}: {outcome_reason(loop_run.outcome)}")
        )
