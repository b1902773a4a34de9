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
    for adapter in probed:
        for remark in outside_range(adapter.entry.about.requires):
            click.echo(f"crossloop: {adapter.entry.id}: {remark}", err=True)
    if as_json:
        print_document(_document(suite, probed), indent=2)
    else:
        _print(suite, probed)
    return DONE


def _document(suite: Suite, probed: Sequence[Probed]) -> dict[str, object]:
    return {
        "adapters": [
            {
                "id": adapter.entry.id,
                "family": adapter.entry.about.family,
                "library": adapter.entry.about.library,
                "binding": adapter.entry.about.binding,
                "summary": adapter.entry.about.summary,
                "levels": list(adapter.levels),
                "styles": list(adapter.levels.get("StreamServer", ())),
                "styles_by_level": {level: list(styles) for level, styles in adapter.levels.items()},
                "lacks": dict(adapter.lacks),
                "usable": adapter.usable,
                "reason": outcome_reason(adapter.outcome),
                "facts": dict(adapter.facts),
            }
            for adapter in probed
        ],
        "scenarios": [
            {
                "id": scenario.id,
                "level": scenario.about.levels[0],
                "levels": list(scenario.about.levels),
                "unit": scenario.about.unit,
                "title": scenario.about.title,
                "drive": scenario.about.drive,
                "transport": scenario.about.transport,
                "profiles": {name: list(parameter_sets(scenario.about, name)) for name in PROFILES},
            }
            for scenario in suite.scenarios.values()
        ],
    }


def _print(suite: Suite, probed: Sequence[Probed]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    # What adapters say is text, not markup.
    console = Console(file=canvas(sys.stdout), markup=False, emoji=False, highlight=False)
    # An id is there to be typed: a narrow terminal never cuts it.
    ids = Column("adapter", no_wrap=True, min_width=max(len(adapter.entry.id) for adapter in probed))
    table = Table(ids, "binding", "library", "mechanism", "levels and styles", box=None, pad_edge=False)
    for adapter in probed:
        if adapter.usable:
            facts = adapter.facts
            binding = f"{facts['binding']} {facts['binding_version']}"
            levels = _levels(adapter.levels)
            library = f"{facts['library']} {facts['library_version']}".strip()
            cells, style = (binding, library, str(facts["mechanism"]), levels), ""
        else:
            about = adapter.entry.about
            cells, style = (about.binding, about.library, "–", outcome_reason(adapter.outcome)), "dim"
        table.add_row(adapter.entry.id, *map(printable, cells), style=style)
    console.print(table)
    console.print()
    table = Table("scenario", "level", "unit", "question", box=None, pad_edge=False)
    for scenario in suite.scenarios.values():
        texts = scenario.about
        described = ", ".join(texts.levels), texts.unit, texts.question
        table.add_row(scenario.id, *map(printable, described))
    console.print(table)


def _levels(levels: Mapping[str, Sequence[str]]) -> str:
    """Levels with their styles; neighbours that have the same share them."""
    groups = []
    for styles, members in groupby(levels, lambda level: levels[level]):
        names = ", ".join(members)
        groups.append(names if styles == ("native",) else f"{names} ({', '.join(styles)})")
    return "; ".join(groups)
