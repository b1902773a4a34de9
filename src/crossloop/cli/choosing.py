"""Turning what was typed into entries of the suite, loops, a journal, or into one line that says what was expected."""

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from crossloop.cli.exits import StopError
from crossloop.declarations import ID, MAX_ID
from crossloop.journal import JournalError, Record, journal_at, read_journal
from crossloop.suite import Entry, Suite, SuiteError, load_suite, select, with_loops

LOOP_FORM = "NAME=module:factory"


@dataclass(frozen=True)
class NamedLoop:
    """An asyncio loop that no adapter stands for, as `--loop NAME=module:factory` names it."""

    name: str
    module: str
    factory: str
    """Attribute of *module*, dotted where it lies deeper; called without arguments, it returns a new loop."""


def suite_or_stop(extra: Sequence[Path], loops: Sequence[str] = ()) -> Suite:
    """The suite, with *loops* as adapters; what could not be read of it is said on stderr and costs only itself."""
    named = {loop.name: f"{loop.module}:{loop.factory}" for loop in map(parse_loop, loops)}
    try:
        suite = with_loops(load_suite(extra), named)
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
    entries = chosen(kind, known, wanted)
    if len(entries) > 1:
        raise StopError(f"{kind} {wanted!r} is any of {', '.join(entries)}; name one")
    return next(iter(entries.values()))


def parse_loop(text: str) -> NamedLoop:
    """The loop that `NAME=module:factory` names; nothing is imported. Raises `StopError`."""
    name, equals, where = text.partition("=")
    if not equals:
        raise StopError(f"--loop {text!r}: expected {LOOP_FORM}, as in mine=uvloop:new_event_loop")
    if not ID.fullmatch(name) or len(name) > MAX_ID:
        raise StopError(
            f"--loop {text!r}: the name {name!r} cannot be an id; expected at most {MAX_ID} letters, digits and hyphens"
        )
    return NamedLoop(name, *parse_factory(where))


def parse_factory(text: str) -> tuple[str, str]:
    """Module and attribute of `module:factory`; nothing is imported. Raises `StopError`."""
    module, colon, factory = text.partition(":")
    parts = [*module.split("."), *factory.split(".")]
    if not colon or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise StopError(f"{text!r} names no loop; expected module:factory, as in uvloop:new_event_loop")
    return module, factory
