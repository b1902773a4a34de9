"""One report: a journal's records in, pages and pictures out. Pure: same records, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from jinja2 import Environment, PackageLoader, StrictUndefined

from crossloop.journal import BASELINE, SPLIT_TICKS, TICK_NS, Record, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline, program_block
from crossloop.markup.tables import markdown_table
from crossloop.report import behaviours, places, portability, run_facts
from crossloop.report.adapter_page import adapter_pages
from crossloop.report.behaviours import Asking
from crossloop.report.doubts import doubts
from crossloop.report.dropin import dropins
from crossloop.report.first_screen import FirstScreen, first_screen
from crossloop.report.headline import GROUPS, Headline, headline_of
from crossloop.report.heat_map import HeatMap
from crossloop.report.ladder import from_the_top
from crossloop.report.missing import missing
from crossloop.report.plots import Curves, Plot
from crossloop.report.scenario_page import ScenarioPage, scenario_pages
from crossloop.report.tax import TaxPlot
from crossloop.report.texts import BehaviourTexts, ScenarioTexts

METHOD_LINK = "../../docs/method.md"
"""Where the method is described, as seen from `reports/PLATFORM/README.md`."""


@dataclass(frozen=True)
class Rendered:
    """The first page; by name, as seen from it, the other pages and the pictures."""

    markdown: str
    files: Mapping[str, bytes]


@cache
def environment() -> Environment:
    """Templates in which every expression is escaped by its type: `str` is, `Markdown` is not."""
    templates = Environment(
        loader=PackageLoader("crossloop.report"),
        # HTML escaping alone would let markdown through; `finalize` does both (see escaping.py).
        autoescape=False,  # noqa: S701 - see the line above
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["table"] = markdown_table
    templates.filters["program"] = program_block
    templates.globals["places"] = places
    return templates


def _finalize(value: object) -> Markdown:
    return inline(value if isinstance(value, str) else str(value))


def texts_for(run_scenarios: Sequence[str], about: Mapping[str, ScenarioTexts]) -> dict[str, ScenarioTexts]:
    """Texts of each scenario; one that is not known here goes by its id."""
    return {name: about.get(name) or ScenarioTexts(name) for name in run_scenarios}


def render(
    records: Sequence[Record],
    about: Mapping[str, ScenarioTexts] | None = None,
    questions: Mapping[str, BehaviourTexts] | None = None,
    *,
    since: tuple[str, Sequence[Record]] | None = None,
    baseline: str = "",
    method_link: str = METHOD_LINK,
    pictures: bool = True,
) -> Rendered:
    """Render one journal.

    *baseline*: the adapter that the headline is divided by; empty: the leanest row of each column. Without *pictures*
    the pages alone: drawing takes most of the time. Raises ValueError when the records hold no run, or the baseline has
    no figure.
    """
    run = Run.of(records)
    texts = texts_for(run.scenario_ids, about or {})
    run = from_the_top(run, texts)
    headline = headline_of(run, texts, baseline)
    report = _Report(
        run=run,
        headline=headline,
        scenarios=tuple(scenario_pages(run, texts, headline.columns)),
        texts=texts,
        questions=questions or {},
        method_link=Markdown(method_link),
    )
    files = {name: text.encode() for name, text in report.pages().items()}
    files.update(behaviour_pages([report.asking], report.questions, places.BEHAVIOURS))
    if pictures:
        files.update(_pictures(report))
    return Rendered(report.first_page(since), files)


@dataclass(frozen=True)
class _Report:
    """All that the pages of one run are made of."""

    run: Run
    headline: Headline
    scenarios: Sequence[ScenarioPage]
    texts: Mapping[str, ScenarioTexts]
    questions: Mapping[str, BehaviourTexts]
    method_link: Markdown

    @cached_property
    def first(self) -> FirstScreen:
        """What a reader sees first, as data."""
        return first_screen(self.run, self.texts, self.headline)

    @property
    def asking(self) -> Asking:
        """The run as one in which libraries were asked."""
        return Asking("", self.run)

    @property
    def has_behaviours(self) -> bool:
        """Whether there is anything on the page of behaviours."""
        return bool(self.run.behaviours or self.run.dropins or self.run.checks)

    def first_page(self, since: tuple[str, Sequence[Record]] | None) -> str:
        """What a reader sees first."""
        links = places.places_of_scenarios(self.run)
        return self._page(
            "first.md.j2",
            first=self.first,
            has_behaviours=self.has_behaviours,
            scenario_links=_links_by_group(self.texts, links),
            adapter_links=_linked(
                {name: places.place_of_adapter(name) for name in places.adapters_with_pages(self.run)}
            ),
            since=since[0] if since else "",
            since_then=behaviours.since(since, [self.asking], self.questions),
        )

    def pages(self) -> dict[str, str]:
        """Every other page of this run alone, by its name."""
        run = self.run
        pages = {
            places.DOUBTS: self._page(
                "doubts.md.j2",
                doubts=doubts(run, self.texts),
                tick_ms=digits.setting(TICK_NS / 1e6),
                split_ticks=SPLIT_TICKS,
            ),
            places.MISSING: self._page("missing.md.j2", missing=missing(run)),
            places.RUN: self._page(
                "run.md.j2",
                facts=run_facts.run_table(run),
                reproduction=run_facts.reproduction(run),
                adapters=portability.facts(run),
            ),
        }
        if self.has_behaviours:
            pages[places.BEHAVIOURS] = self._page(
                "behaviours.md.j2",
                count=behaviours.count(run),
                between=behaviours.between_libraries(self.asking, self.questions),
                everything=behaviours.everything(self.asking, self.questions),
                loops=dropins([(Markdown(""), run)]),
                contract=portability.contract([("", run)]),
                surprises=portability.surprises(run.checks),
            )
        for page in self.scenarios:
            pages[page.file] = self._page("scenario.md.j2", page=page)
            for further in page.further:
                pages[further.file] = self._page("further.md.j2", page=page, further=further)
        for adapter in adapter_pages(run, self.headline, self.questions):
            pages[adapter.file] = self._page("adapter.md.j2", page=adapter, yardstick=BASELINE)
        return pages

    def _page(self, template: str, **variables: object) -> str:
        page = environment().get_template(template)
        return page.render(run=self.run, method_link=self.method_link, **variables)


def _links_by_group(
    texts: Mapping[str, ScenarioTexts], links: Mapping[str, str]
) -> list[tuple[str, Markdown]]:
    """Heading of a group, and links to the pages of its scenarios."""
    by_group = []
    for group, title in GROUPS.items():
        members = [name for name in links if texts[name].group == group]
        members.sort(key=lambda name: texts[name].place)
        if members:
            by_group.append((title, _linked({texts[name].title: links[name] for name in members})))
    return by_group


def _linked(links: Mapping[str, str]) -> Markdown:
    return Markdown(", ".join(f"[{inline(name)}]({place})" for name, place in links.items()))


def _pictures(report: _Report) -> dict[str, bytes]:
    """Each picture by its place."""
    plots: dict[str, Plot | Curves | TaxPlot | HeatMap] = {
        f"{places.SCENARIOS}{picture.file}": picture for page in report.scenarios for picture in page.pictures
    }
    if report.first.heat_map is not None:
        plots[report.first.heat_map.file] = report.first.heat_map
    if not plots:
        return {}
    from crossloop.report.drawing import draw  # imports matplotlib

    drawn = draw(list(plots.values()))
    return {place: drawn[picture.file] for place, picture in plots.items()}


def behaviour_pages(
    askings: Sequence[Asking], questions: Mapping[str, BehaviourTexts], back: str
) -> dict[str, bytes]:
    """The page of each behaviour; *back*: the page that lists them."""
    template = environment().get_template("behaviour.md.j2")
    pages = {}
    for page in behaviours.behaviour_pages(askings, questions):
        text = template.render(
            page=page,
            source=Markdown(page.texts.source),
            reports=map(Markdown, page.texts.reports),
            back=back,
            back_title="All behaviours",
        )
        pages[places.place_of_behaviour(page.id)] = text.encode()
    return pages


def library_pages(askings: Sequence[Asking], questions: Mapping[str, BehaviourTexts]) -> dict[str, bytes]:
    """The page of each library of several runs, as the last run had it that asked it."""
    template = environment().get_template("library.md.j2")
    pages = {}
    for asking in askings:
        heading = inline(
            f"As it was in the run {asking.label}." if asking.label else "As it was in this run."
        )
        for page in behaviours.library_pages(asking, questions):
            text = template.render(page=page, heading=heading, yardstick=BASELINE)
            pages[places.place_of_adapter(page.adapter)] = text.encode()
    return pages
