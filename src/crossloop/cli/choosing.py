"""Turning what was typed into entries of the suite, into a journal, or into one line that says what was expected."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from crossloop.cli.exits import StopError
from crossloop.journal import JournalError, Record, journal_at, read_journal
from crossloop.suite import Entry, Suite, SuiteError, load_suite, select


def suite_or_stop(extra: Sequence[Path]) -> Suite:
    """The suite; what could not be read of it is said on stderr and costs only itself."""
    try:
        suite = load_suite(extra)
    except SuiteError as error:
        raise StopError(str(error)) from error
    for problem in suite.problems:
        click.echo(f"crossloop: left out: {problem}", err=True)
    return suite


def records_or_stop(path: Path, *, slices: bool = True) -> list[Record]:
    """The records of a journal, or of that in a folder; without *slices*, all but those."""
    try:
        return read_journal(journal_at(path), slices=slices)
    except JournalError as error:
        raise StopError(str(error)) from error


def chosen(kind: str, known: Mapping[str, Entry], wanted: str | None) -> dict[str, Entry]:
    """Entries by ids or prefixes."""
    try:
        return select(kind, known, wanted)
    except SuiteError as error:
        raise StopError(str(error)) from error


def one_of(kind: str, known: Mapping[str, Entry], wanted: str) -> Entry:
    """The one entry with this id, or the only one with this prefix."""
    found = chosen(kind, known, wanted)
    if len(found) > 1:
        raise StopError(f"{kind} {wanted!r} is any of {', '.join(found)}; name one")
    return next(iter(found.values()))
