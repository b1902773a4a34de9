"""The first screen of a report: the machine, the table, the picture, and what can be said in sentences. Pure."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from crossloop.journal import Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Table
from crossloop.report.doubts import STEAL_NOTED
from crossloop.report.headline import GROUPS, Headline, HeadlineColumn
from crossloop.report.headline_table import cell_text, headline_table
from crossloop.report.heat_map import HeatMap, heat_map
from crossloop.report.places import places_of_scenarios
from crossloop.report.run_facts import machine_sentence
from crossloop.report.sentences import sentences_of
from crossloop.report.texts import ScenarioTexts


@dataclass(frozen=True)
class GroupTable:
    """The headline of one group of questions."""

    heading: str
    table: Table


@dataclass(frozen=True)
class FirstScreen:
    """What the templates `first.md.j2` and `first_screen.md.j2` show."""

    machine: Markdown
    """What it ran on, and how far its figures carry."""
    main: GroupTable | None
    """The first group; None where nothing was measured."""
    others: tuple[GroupTable, ...]
    heat_map: HeatMap | None
    """Drawn by `drawing.draw`; None where nothing was measured."""
    sentences: tuple[Markdown, ...]


def first_screen(run: Run, texts: Mapping[str, ScenarioTexts], headline: Headline) -> FirstScreen:
    """The first screen of *run*, divided as *headline* is."""
    tables = _tables(run, headline)
    return FirstScreen(
        machine=Markdown(f"{inline(machine_sentence(run))} {_how_far(run, headline)}".rstrip()),
        main=tables[0] if tables else None,
        others=tables[1:],
        heat_map=heat_map(headline, cell_text),
        sentences=sentences_of(run, texts, headline),
    )


def _tables(run: Run, headline: Headline) -> tuple[GroupTable, ...]:
    """A table for each group, of the adapters that have a figure in it."""
    places = places_of_scenarios(run)
    tables = []
    for group, columns in headline.groups.items():
        adapters = [
            name for name in headline.adapters if any(cell.row for cell in headline.row_cells(name, columns))
        ]
        tables.append(GroupTable(GROUPS[group], headline_table(headline, columns, adapters, places)))
    return tuple(tables)


# How far its figures carry ------------------------------------------------------------------------


def _how_far(run: Run, headline: Headline) -> str:
    """How near two rows may come and still be told apart, what is not ranked, how quiet the machine was."""
    if not headline.columns:
        return ""
    ranked = [column for column in headline.columns if column.ranked]
    unranked = [inline(column.title) for column in headline.columns if not column.ranked]
    parts = [
        _floors(ranked) if ranked else "Nothing is ranked: there are too few rounds to tell rows apart.",
        f"Not ranked, for too few rounds: {', '.join(unranked)}." if ranked and unranked else "",
        _quiet(run),
    ]
    return " ".join(filter(None, parts))


def _floors(ranked: list[HeadlineColumn]) -> str:
    records = [column.measured.record for column in ranked if column.measured.record is not None]
    floors = [record.noise_floor for record in records if record.noise_floor is not None]
    if not floors:
        return "The noise floor is not known: no row ran twice."
    lowest, highest = digits.percent(min(floors)), digits.percent(max(floors))
    text = f"Rows that differ by less than the noise floor are not told apart: {lowest}"
    if lowest != highest:
        middle = digits.percent(statistics.median_low(floors))
        text += f" to {highest} by question, {middle} or less for half of them"
    fewest, most = (digits.integer(end([record.rounds for record in records])) for end in (min, max))
    return f"{text} ({fewest if fewest == most else f'{fewest} to {most}'} rounds)."


def _quiet(run: Run) -> str:
    """What the hypervisor took, where the platform says that."""
    rows = [row for measured in run.all_sets for row in measured.rows]
    shares = [share for row in rows if (share := row.figures.regime.steal_share) is not None]
    if not shares:
        return ""
    disturbed = sum(share >= STEAL_NOTED for share in shares)
    if not disturbed:
        return f"The machine was quiet: the hypervisor took less than {digits.percent(STEAL_NOTED)} in every cell."
    return (
        f"The hypervisor took {digits.percent(STEAL_NOTED)} or more of CPU time in {digits.integer(disturbed)} of "
        f"{digits.counted(len(shares), 'cell')}, {digits.percent(max(shares))} at most."
    )
