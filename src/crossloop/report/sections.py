"""What `crossloop show` prints of a run, by name: the tables of its pages, without pictures. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeAlias

from crossloop.journal import BASELINE, Record, Run
from crossloop.markup.escaping import Markdown
from crossloop.markup.tables import Table
from crossloop.report import behaviours, portability, run_facts
from crossloop.report.adapter_page import AdapterPage, adapter_pages
from crossloop.report.behaviours import Asking, LibraryPage, Texts
from crossloop.report.doubts import doubts
from crossloop.report.dropin import dropins
from crossloop.report.first_screen import FirstScreen, first_screen
from crossloop.report.headline import headline_of
from crossloop.report.ladder import from_the_top
from crossloop.report.missing import missing
from crossloop.report.page import texts_for
from crossloop.report.places import adapters_with_pages
from crossloop.report.scenario import SetTables
from crossloop.report.scenario_page import ScenarioPage, scenario_pages
from crossloop.report.texts import ScenarioTexts

NOTHING = Table((), ())


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it: sentences, a list, a table. Each may be empty."""

    heading: str = ""
    table: Table = NOTHING
    lines: Sequence[str] = ()
    points: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.lines or self.points or self.table)


@dataclass(frozen=True)
class Chapter:
    """What one name stands for."""

    title: str
    sections: Callable[[], Sequence[Section]]
    """Those that have something in them; made when they are asked for."""


Chapters: TypeAlias = Mapping[str, Chapter]
"""By name, such as `headline` or `scenario:tcp-echo`."""


def chapters_of(
    records: Sequence[Record],
    about: Mapping[str, ScenarioTexts],
    questions: Texts,
    baseline: str = "",
) -> Chapters:
    """Everything that can be shown of one run.

    *baseline*: as in `render`. Raises ValueError when the records hold no run, or the baseline has no figure.
    """
    run = Run.of(records)
    texts = texts_for(run.scenario_ids, about)
    run = from_the_top(run, texts)
    headline = headline_of(run, texts, baseline)

    @cache
    def scenarios() -> Mapping[str, ScenarioPage]:
        return {page.id: page for page in scenario_pages(run, texts, headline.columns)}

    @cache
    def adapters() -> Mapping[str, AdapterPage]:
        return {page.adapter: page for page in adapter_pages(run, headline, questions)}

    def of_scenario(name: str) -> list[Section]:
        return _kept(_of_scenario(scenarios()[name]))

    def of_adapter(name: str) -> list[Section]:
        return _kept(_of_adapter(adapters()[name]))

    chapters: dict[str, Chapter] = {}
    if headline.columns:
        title = "every adapter and every question, one ratio a cell"
        chapters["headline"] = Chapter(
            title, lambda: _kept(_of_headline(run, first_screen(run, texts, headline)))
        )
    for name in run.sets:
        chapters[f"scenario:{name}"] = Chapter(texts[name].title, partial(of_scenario, name))
    for name in adapters_with_pages(run):
        title = "its row in every scenario, what it lacks, what it does otherwise"
        chapters[f"adapter:{name}"] = Chapter(title, partial(of_adapter, name))
    if run.behaviours or run.dropins or run.checks:
        title = "what differs between the libraries"
        chapters["behaviours"] = Chapter(title, lambda: _kept(_of_behaviours(run, questions)))
    chapters["doubts"] = Chapter("what to doubt, worst first", lambda: _kept(_of_doubts(run, texts)))
    chapters["missing"] = Chapter("what has no figure, and why", lambda: _kept(_of_missing(run)))
    chapters["run"] = Chapter("what was run, and the command that runs it again", lambda: _kept(_of_run(run)))
    return chapters


def _of_headline(run: Run, screen: FirstScreen) -> Iterator[Section]:
    """The groups of questions, and what can be said in sentences."""
    yield Section(
        f"crossloop on {run.place}", lines=[screen.machine, Markdown("Bold looks like **this** here.")]
    )
    for group in (screen.main, *screen.others):
        if group is not None:
            yield Section(group.heading, group.table)
    yield Section("In sentences", points=screen.sentences)


def _kept(sections: Iterator[Section]) -> list[Section]:
    return list(filter(None, sections))


def _of_scenario(page: ScenarioPage) -> Iterator[Section]:
    texts = page.texts
    yield Section(texts.title, lines=[*filter(None, (texts.question, *page.answers, page.without))])
    for ladder in page.ladders:
        yield Section(table=ladder.how_far)
    yield from _of_set(page.main)
    for tables in (*page.more, *(tables for other in page.further for tables in other.tables)):
        yield from _of_set(tables)


def _of_set(tables: SetTables) -> Iterator[Section]:
    yield Section(tables.heading, tables.main, points=tables.modes)
    yield Section("Where the load came from", tables.hosts)
    yield Section("Against C", tables.references)
    yield Section("In several processes", tables.processes)


def _of_adapter(page: AdapterPage) -> Iterator[Section]:
    yield Section(page.adapter, page.scenarios, points=page.facts)
    yield Section("What has no figure", page.lacks)
    yield Section("The contract", page.broken, [page.contract] if page.contract else ())
    yield Section("CPython's own tests", page.loops)
    if page.behaviours is not None:
        yield from _of_library(page.behaviours)


def _of_library(library: LibraryPage) -> Iterator[Section]:
    yield Section(f"What {BASELINE} does and it does not", library.given_up)
    yield Section(f"What it does and {BASELINE} does not", library.gained)
    yield Section("What it does otherwise", library.otherwise)


def _of_behaviours(run: Run, questions: Texts) -> Iterator[Section]:
    if run.behaviours:
        between = behaviours.between_libraries(Asking("", run), questions)
        yield Section("What differs between the libraries", between, [behaviours.count(run)])
    yield Section("As a drop-in for asyncio's loop", dropins([(Markdown(""), run)]))
    yield Section("Promises with an unexpected outcome", portability.surprises(run.checks))
    yield Section("The contract of the adapters", portability.contract([("", run)]))


def _of_doubts(run: Run, texts: Mapping[str, ScenarioTexts]) -> Iterator[Section]:
    known = doubts(run, texts)
    yield Section("What to doubt", points=known.lines)
    yield Section("How sure each scenario is", known.scenarios)


def _of_missing(run: Run) -> Iterator[Section]:
    without = missing(run)
    left_out = without.left_out
    lines = []
    if without.platform:
        lines.append(Markdown(f"This platform does not have: {without.platform}."))
    if without.not_run:
        lines.append(Markdown(f"Not run: {without.not_run}."))
    everything = "Every adapter of this run exists on this platform."
    yield Section("What has no figure, and why", lines=lines or [everything])
    yield Section("Not installed", without.not_installed)
    yield Section("What went wrong", without.incident_table)
    yield Section("What the adapters do not offer", without.reasons)
    yield Section(
        "What this profile leaves out", left_out.table, [left_out.sentence] if left_out.sentence else ()
    )


def _of_run(run: Run) -> Iterator[Section]:
    yield Section(
        "What was run", run_facts.run_table(run), [Markdown(f"The same again: {run_facts.reproduction(run)}")]
    )
    yield Section("The adapters", portability.facts(run))
