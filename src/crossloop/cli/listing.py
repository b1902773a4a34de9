"""`crossloop list`."""

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click

from crossloop.bench.profiles import PROFILES, parameter_sets
from crossloop.cli.choosing import suite_or_stop
from crossloop.cli.exits import DONE
from crossloop.cli.refusing import require_descriptors
from crossloop.cli.streams import canvas, print_document
from crossloop.installing.versions import outside_range
from crossloop.outcomes import outcome_reason
from crossloop.plain_text import printable
from crossloop.suite import Suite
from crossloop.supervise.probe import Probed, probe_all

DESCRIPTORS = 64
"""What two workers at a time, and the pipes to them, need."""


def run(suites: Sequence[Path], *, as_json: bool) -> int:
    """Probe every adapter in a process of its own and print what it said."""
    suite = suite_or_stop(suites)
    require_descriptors("list", DESCRIPTORS)  # else each adapter is said not to start
    probed = list(probe_all(suite, suite.adapters, {}))
    for one in probed:
        for remark in outside_range(one.entry.about.requires):
            click.echo(f"crossloop: {one.entry.id}: {remark}", err=True)
    if as_json:
        print_document(_document(suite, probed), indent=2)
    else:
        _print(suite, probed)
    return DONE


def _document(suite: Suite, probed: Sequence[Probed]) -> dict[str, object]:
    return {
        "adapters": [
            {
                "id": one.entry.id,
                "family": one.entry.about.family,
                "library": one.entry.about.library,
                "binding": one.entry.about.binding,
                "summary": one.entry.about.summary,
                "levels": list(one.levels),
                "styles": list(one.levels.get("StreamServer", ())),
                "styles_by_level": {level: list(styles) for level, styles in one.levels.items()},
                "lacks": dict(one.lacks),
                "usable": one.usable,
                "reason": outcome_reason(one.outcome),
                "facts": dict(one.facts),
            }
            for one in probed
        ],
        "scenarios": [
            {
                "id": one.id,
                "level": one.about.levels[0],
                "levels": list(one.about.levels),
                "unit": one.about.unit,
                "title": one.about.title,
                "drive": one.about.drive,
                "transport": one.about.transport,
                "profiles": {name: list(parameter_sets(one.about, name)) for name in PROFILES},
            }
            for one in suite.scenarios.values()
        ],
    }


def _print(suite: Suite, probed: Sequence[Probed]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    # What adapters say is text, not markup.
    console = Console(file=canvas(sys.stdout), markup=False, emoji=False, highlight=False)
    # An id is there to be typed: a narrow terminal never cuts it.
    ids = Column("adapter", no_wrap=True, min_width=max(len(one.entry.id) for one in probed))
    table = Table(ids, "binding", "library", "mechanism", "levels and styles", box=None, pad_edge=False)
    for one in probed:
        if one.usable:
            facts = one.facts
            binding = f"{facts['binding']} {facts['binding_version']}"
            levels = _words(one.levels)
            library = f"{facts['library']} {facts['library_version']}".strip()
            cells, style = (binding, library, str(facts["mechanism"]), levels), ""
        else:
            about = one.entry.about
            cells, style = (about.binding, about.library, "–", outcome_reason(one.outcome)), "dim"
        table.add_row(one.entry.id, *map(printable, cells), style=style)
    console.print(table)
    console.print()
    table = Table("scenario", "level", "unit", "question", box=None, pad_edge=False)
    for scenario in suite.scenarios.values():
        texts = scenario.about
        words = ", ".join(texts.levels), texts.unit, texts.question
        table.add_row(scenario.id, *map(printable, words))
    console.print(table)


def _words(levels: Mapping[str, Sequence[str]]) -> str:
    """Levels with their styles; neighbours that have the same share them."""
    groups = []
    for styles, members in groupby(levels, lambda level: levels[level]):
        names = ", ".join(members)
        groups.append(names if styles == ("native",) else f"{names} ({', '.join(styles)})")
    return "; ".join(groups)
