"""`crossloop show`: tables of a run on the terminal, from its journal; and what a bench ends with."""

import difflib
import itertools
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from crossloop.cli.choosing import suite_or_stop
from crossloop.cli.exits import DONE, StopError
from crossloop.cli.reporting import behaviour_texts, records_of, scenario_texts
from crossloop.cli.streams import canvas
from crossloop.report import Chapters, Section, chapters_of

MANY_LINES = 45
"""A bench shows further groups of its headline while all have no more lines than this."""
LINES_ABOUT_A_TABLE = 6
"""Heading, caption and blanks."""
_UNBOUNDED = 100_000
"""Characters of a line, where nothing bounds it."""


def run(suites: Sequence[Path], folder: Path, names: Sequence[str], baseline: str) -> int:
    """Print the tables of *names*, each an id or a prefix; without any, list what there is. Raises `StopError`."""
    chapters = _chapters(suites, folder, baseline)
    if names:
        _print(section for name in _chosen(chapters, names, folder) for section in chapters[name].sections())
    else:
        width = max(map(len, chapters))
        for name, chapter in chapters.items():
            click.echo(f"{name:{width}}  {chapter.title}")
    return DONE


def show_end(suites: Sequence[Path], folder: Path) -> None:
    """What a bench ends with: the headline, as much of it as can be taken in, and how to see the rest.

    Raises `StopError`.
    """
    headline = _chapters(suites, folder, "").get("headline")
    sections = headline.sections() if headline is not None else ()
    tables = [section for section in sections if section.table]
    lines = itertools.accumulate(len(section.table.rows) + LINES_ABOUT_A_TABLE for section in tables)
    fitting = max(1, sum(total <= MANY_LINES for total in lines))
    rest = tables[fitting:]
    click.echo()
    _print(section for section in sections if section not in rest)
    others = "; ".join(section.heading for section in rest)
    click.echo(
        f"crossloop: `crossloop show {folder}` lists every table"
        + (f"; `crossloop show {folder} headline` has {others}" if others else ""),
        err=True,
    )


def _chapters(suites: Sequence[Path], folder: Path, baseline: str) -> Chapters:
    about, questions = scenario_texts(suite_or_stop(suites)), behaviour_texts()
    try:
        return chapters_of(records_of(folder), about, questions, baseline)
    except ValueError as error:
        if not baseline:
            raise
        raise StopError(
            f"--baseline {baseline}: {error}; `crossloop show {folder}` lists its adapters"
        ) from error


def _chosen(chapters: Chapters, names: Sequence[str], folder: Path) -> list[str]:
    """Names by names or prefixes, in the order in which they were typed, each once."""
    chosen: dict[str, None] = {}
    for name in names:
        known = [name] if name in chapters else [each for each in chapters if name and each.startswith(name)]
        if not known:
            (near,) = difflib.get_close_matches(name, chapters, n=1, cutoff=0.0)
            raise StopError(
                f"unknown table {name!r}; did you mean {near!r}? `crossloop show {folder}` lists them all"
            )
        chosen.update(dict.fromkeys(known))
    return list(chosen)


def _print(sections: Iterable[Section]) -> None:
    from rich.console import Console  # (as in other commands: `--help` is quick)
    from rich.table import Table
    from rich.text import Text

    from crossloop.markup.terminal import Paper, terminal_list, terminal_table, terminal_text

    console = Console(file=canvas(sys.stdout), markup=False, emoji=False, highlight=False)
    bounded = console.is_terminal or "COLUMNS" in os.environ
    paper = Paper(console.width if bounded else None, styled=console.color_system is not None)
    if not bounded:
        console.width = _UNBOUNDED
    with console.capture() as captured:
        for number, section in enumerate(sections):
            if number:
                console.print()
            above: list[Text | Table] = [Text(section.heading, "bold")] if section.heading else []
            above += [terminal_text(line, paper) for line in section.lines]
            above += [terminal_list(section.points, paper)] if section.points else []
            for part in above:
                console.print(part)
            if section.table:
                console.print(*([Text()] if above else []), terminal_table(section.table, paper), sep="\n")
    for line in captured.get().splitlines():
        print(line.rstrip(), file=console.file)  # (a table fills its columns with blanks)
