"""`crossloop export`: one run in another tool's format, or its journal without slices."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from crossloop.cli.choosing import records_or_stop, suite_or_stop
from crossloop.cli.exits import DONE, NOTHING_MEASURED, StopError
from crossloop.cli.streams import print_document
from crossloop.export import NothingToExportError, action_document, pyperf_document
from crossloop.journal import JournalError, Record, journal_bytes, without_slices
from crossloop.replacing import replace_file

JOURNAL = "journal"
FORMATS: Mapping[str, Callable[[Sequence[Record], Mapping[str, str]], Any]] = {
    "pyperf": pyperf_document,
    "github-action-benchmark": action_document,
}


def run(suites: Sequence[Path], format_name: str, source: Path, target: Path | None) -> int:
    """Write the run in *source* to *target*, or to stdout."""
    if format_name == JOURNAL:
        return _export_journal(source, target)
    units = {id_: entry.about.unit for id_, entry in suite_or_stop(suites).scenarios.items()}
    try:
        document = FORMATS[format_name](records_or_stop(source), units)
    except NothingToExportError as error:
        raise StopError(
            f"{source}: {error}; `crossloop bench --out DIR` makes a run that has", NOTHING_MEASURED
        ) from error
    if target is None:
        print_document(document, indent=2)
        return DONE
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        target.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise StopError(f"cannot write {str(target)!r}: {error.strerror}; choose another FILE") from error
    click.echo(target)
    return DONE


def _export_journal(source: Path, target: Path | None) -> int:
    """Write the journal without its slices; *target* may be the journal itself, which is replaced as a whole."""
    records = records_or_stop(source)
    try:
        content = journal_bytes(without_slices(records))
    except JournalError as error:  # what was read fits, so that nothing is known to end here
        raise StopError(f"{source}: {error}; measure it again") from error
    if target is None:
        click.echo(content.decode(), nl=False)
        return DONE
    try:
        replace_file(target, content)
    except OSError as error:
        raise StopError(f"cannot write {str(target)!r}: {error.strerror}; choose another FILE") from error
    click.echo(target)
    return DONE
