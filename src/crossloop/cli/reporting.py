"""`crossloop report`: journals in, pages out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from crossloop.behaviours.catalogue import GROUPS, catalogue
from crossloop.cli.choosing import records_or_stop, suite_or_stop
from crossloop.cli.exits import DONE, StopError
from crossloop.cli.refusing import unwritable
from crossloop.journal import (
    AdapterRecord,
    BehaviourRecord,
    CellRecord,
    CheckRecord,
    DropinRecord,
    Record,
    behaviours_path,
    checks_path,
    dropin_path,
    journal_at,
    journal_path,
)
from crossloop.report import (
    METHOD_LINK,
    BehaviourTexts,
    ScenarioTexts,
    render,
    render_history,
    render_matrix,
    write,
)
from crossloop.report.html import FILE, document_of, html_page
from crossloop.suite import Suite


@dataclass(frozen=True)
class Request:
    """What a person asks for."""

    folders: Sequence[Path]
    out: Path | None = None
    since: Path | None = None
    """An earlier run, for what changed since."""
    baseline: str = ""
    """The adapter that the first page of one run divides by."""
    history: bool = False
    """How ratios moved from build to build, instead of the report."""
    html: bool = False
    """Whether one HTML file is written beside the pages of one run."""


def run(suites: Sequence[Path], request: Request) -> int:
    """Render one journal as its pages, or several as one matrix."""
    if request.html and (request.history or len(request.folders) > 1):
        raise StopError("--html is for the report of one run; name one, and leave --history out")
    if request.history:
        return _history(suites, request)
    folders, out, since = request.folders, request.out, request.since
    about, questions = scenario_texts(suite_or_stop(suites)), behaviour_texts()
    labels = _labels(folders)
    journals = [(label, records_of(folder)) for label, folder in zip(labels, folders, strict=True)]
    earlier = (str(since), records_of(since)) if since is not None else None
    if len(journals) == 1 and any(isinstance(record, CellRecord) for record in journals[0][1]):
        try:
            rendered = render(journals[0][1], about, questions, since=earlier, baseline=request.baseline)
        except ValueError as error:
            if not request.baseline:
                raise
            raise StopError(f"--baseline {request.baseline}: {error}") from error
    else:
        if request.baseline:
            raise StopError("--baseline is for the report of one run; several are held against asyncio")
        rendered = render_matrix(journals, about, questions, since=earlier)
        out = out if out is not None or len(journals) == 1 else Path("reports")
    target = out if out is not None else _folder(folders[0])
    if request.html:
        page = html_page(document_of(journals[0][1], about, questions, baseline=request.baseline))
        rendered = replace(rendered, files={**rendered.files, FILE: page})
    try:
        write(rendered, target)
    except OSError as error:
        raise unwritable(target, error) from error
    click.echo(target / "README.md")
    if request.html:
        click.echo(target / FILE)
    return DONE


def _history(suites: Sequence[Path], request: Request) -> int:
    """Render how ratios and behaviours moved from build to build, within one journal or over several."""
    if request.since is not None or request.baseline:
        raise StopError(
            "--history shows every change and divides by asyncio: leave out --since and --baseline, and name each run"
        )
    about, questions = scenario_texts(suite_or_stop(suites)), behaviour_texts()
    labels = _labels(request.folders)
    journals = [(label, records_of(folder)) for label, folder in zip(labels, request.folders, strict=True)]
    target = request.out if request.out is not None else Path("reports") / "history"
    try:
        write(render_history(journals, about, questions, method_link=_method_link(target)), target)
    except OSError as error:
        raise unwritable(target, error) from error
    click.echo(target / "README.md")
    return DONE


def _method_link(folder: Path) -> str:
    """Where docs/method.md lies as seen from a page in *folder*; as in a checkout where it is in no parent of it."""
    place = folder.resolve()
    for parent in place.parents:
        if (parent / "docs" / "method.md").is_file():
            return Path(os.path.relpath(parent / "docs" / "method.md", place)).as_posix()
    return METHOD_LINK


def behaviour_texts() -> dict[str, BehaviourTexts]:
    """What reports say about the behaviours."""
    return {
        id_: BehaviourTexts(
            entry.about.question,
            entry.about.rule,
            entry.about.source,
            entry.about.reports,
            GROUPS[entry.group],
            {family: entry.program(family) for family in entry.families},
        )
        for id_, entry in catalogue().items()
    }


def scenario_texts(suite: Suite) -> dict[str, ScenarioTexts]:
    """What reports say about the scenarios of a suite."""
    return {
        id_: ScenarioTexts(
            about.title,
            about.question,
            about.unit,
            about.ladder,
            about.drive,
            about.transport,
            about.group,
            about.place,
            about.short_title,
        )
        for id_, entry in suite.scenarios.items()
        if (about := entry.about)
    }


def _folder(path: Path) -> Path:
    return path.parent if path.is_file() else path


def _labels(paths: Sequence[Path]) -> list[str]:
    """What each run is called: the last parts of its folder's path, as many as tell it from all others.

    Of two journals in one folder their names as well. Raises `StopError` for one that is there twice.
    """
    # Not `resolve`: a link is a name that somebody gave, and may lead nowhere.
    files = [Path(os.path.abspath(journal_at(path))) for path in paths]  # noqa: PTH100
    for path, file in zip(paths, files, strict=True):
        if files.count(file) > 1:
            raise StopError(f"{path} is named twice; name each run once")
    folders = [file.parent for file in files]
    places = [file if folders.count(file.parent) > 1 else file.parent for file in files]
    return [_label(place, [other for other in places if other != place]) for place in places]


def _label(place: Path, others: Sequence[Path]) -> str:
    parts = place.parts
    for number in range(1, len(parts)):
        if all(other.parts[-number:] != parts[-number:] for other in others):
            return "/".join(parts[-number:])
    return str(place)


def records_of(path: Path) -> list[Record]:
    """A run's records: of what was measured, and of the checks, behaviours and tests that lie beside it.

    Each of the four may be missing, not all.
    """
    if path.is_file():
        return records_or_stop(path, slices=False)
    beside = [
        file for file in (checks_path(path), behaviours_path(path), dropin_path(path)) if file.is_file()
    ]
    first, *others = beside if beside and not journal_path(path).is_file() else [path, *beside]
    records = records_or_stop(first, slices=False)
    known = {record.adapter for record in records if isinstance(record, AdapterRecord)}
    for file in others:
        records += [
            record
            for record in records_or_stop(file)
            if isinstance(record, CheckRecord | BehaviourRecord | DropinRecord)
            or (isinstance(record, AdapterRecord) and record.adapter not in known)
        ]
    return records
