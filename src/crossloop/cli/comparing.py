"""`crossloop compare`: two journals in, a verdict on every cell out; exit 1 on a regression."""

from pathlib import Path

import click
import msgspec

from crossloop.cli.choosing import records_or_stop
from crossloop.cli.exits import DONE, FALSE, NOTHING_MEASURED, StopError
from crossloop.cli.refusing import probe_writable, unwritable
from crossloop.compare import (
    AnchorError,
    CompareDocument,
    NoRunError,
    RunData,
    compare_page,
    compare_runs,
    could_have_seen,
    differences,
    encoded,
    headline,
    run_data,
)
from crossloop.journal import JournalError
from crossloop.replacing import replace_file


def run(
    base: Path,
    new: Path,
    *,
    threshold_percent: float,
    anchor: str | None = None,
    out: Path | None = None,
    anyway: bool = False,
) -> int:
    """Compare two runs; the page goes to stdout, and with *out* to compare.md and compare.json."""
    if out is not None:
        probe_writable(out)
    old, now = run_of(base), run_of(new)
    forbidding, warnings = differences(old, now)
    if forbidding and not anyway:
        raise StopError(
            f"{base} and {new} are of different machines: {'; '.join(forbidding)}; "
            "compare runs of one machine, or add --anyway"
        )
    try:
        document = compare_runs(old, now, threshold=threshold_percent / 100, anchor=anchor or "")
    except AnchorError as error:
        raise StopError(f"--anchor: {error}") from error
    document = msgspec.structs.replace(
        document,
        warnings=[
            *(f"the machines differ: {difference}" for difference in forbidding),
            *warnings,
            *document.warnings,
        ],
    )
    return deliver(document, out)


def deliver(document: CompareDocument, out: Path | None) -> int:
    """Print the page, write both files, and say by the exit status whether there is a regression."""
    try:
        text = encoded(document)
    except JournalError as error:
        raise StopError(f"the runs cannot be compared: {error}; measure them again") from error
    page = compare_page(document)
    click.echo(page, nl=False)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            replace_file(out / "compare.md", page.encode())
            replace_file(out / "compare.json", text)
        except OSError as error:
            raise unwritable(out, error) from error
    click.echo(f"crossloop: {headline(document)}. {could_have_seen(document)}".rstrip(), err=True)
    if document.regressed:
        return FALSE
    if not document.count("improvement") + document.count("tie"):
        raise StopError(
            "no cell could be compared; the last column says why; "
            "`crossloop bench --profile quick` takes enough rounds",
            NOTHING_MEASURED,
        )
    return DONE


def run_of(path: Path) -> RunData:
    """The run in a folder, or in a journal."""
    try:
        return run_data(str(path), records_or_stop(path))
    except NoRunError as error:
        raise StopError(str(error)) from error
