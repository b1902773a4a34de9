"""`crossloop report`: journals in, pages out."""

from collections.abc import Sequence
from pathlib import Path

import click

from crossloop.bench.rooms import journal_path
from crossloop.cli.checking import CHECKS
from crossloop.cli.choosing import suite_or_stop
from crossloop.cli.exits import DONE, StopError
from crossloop.journal import CheckRecord, JournalError, Record, read_journal
from crossloop.report import ScenarioTexts, render, render_matrix, write
from crossloop.suite import Suite


def run(suites: Sequence[Path], folders: Sequence[Path], out: Path | None) -> int:
    """Render one journal as its page, or several as one matrix."""
    about = scenario_texts(suite_or_stop(suites))
    journals = [(_label(folder), _records(folder)) for folder in folders]
    if len(journals) == 1:
        rendered = render(journals[0][1], about)
    else:
        rendered = render_matrix(journals, about)
        out = out if out is not None else Path("reports")
    target = out if out is not None else _folder(folders[0])
    try:
        write(rendered, target)
    except OSError as error:
        raise StopError(
            f"cannot write into {str(target)!r}: {error.strerror}; choose another --out"
        ) from error
    click.echo(target / "README.md")
    return DONE


def scenario_texts(suite: Suite) -> dict[str, ScenarioTexts]:
    """What reports say about the scenarios of a suite."""
    return {
        id_: ScenarioTexts(entry.about.title, entry.about.question, entry.about.unit, entry.about.ladder)
        for id_, entry in suite.scenarios.items()
    }


def _folder(path: Path) -> Path:
    return path.parent if path.is_file() else path


def _label(path: Path) -> str:
    return _folder(path).resolve().name


def _records(path: Path) -> list[Record]:
    """A run's records, and the checks that lie beside it."""
    try:
        records = read_journal(path if path.is_file() else journal_path(path), slices=False)
        checks = _folder(path) / CHECKS
        if checks.is_file():
            records += [one for one in read_journal(checks) if isinstance(one, CheckRecord)]
    except JournalError as error:
        raise StopError(str(error)) from error
    return records
