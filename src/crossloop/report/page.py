"""One report: a journal's records in, a page and its pictures out. Pure: same records, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from crossloop.journal import SPLIT_TICKS, TICK_NS, Record, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline, program_block
from crossloop.markup.tables import markdown_table
from crossloop.report import behaviours, portability, summary
from crossloop.report.behaviours import Asking
from crossloop.report.certainty import noise_floor, stopping_doubts
from crossloop.report.dropin import dropins
from crossloop.report.evidence_section import evidence_sections
from crossloop.report.ladder import LadderTables, from_the_top, ladder_tables, ladders_of
from crossloop.report.plots import Curves, Plot, scenario_plots, stems
from crossloop.report.references import certificate
from crossloop.report.scenario import SetTables, set_tables
from crossloop.report.tax import TaxPlot, tax_plot
from crossloop.report.texts import BehaviourTexts, ScenarioTexts
from crossloop.report.unmeasured import incident_table, incidents, left_out

METHOD_LINK = "../../docs/method.md"
"""Where the method is described, as seen from `reports/PLATFORM/README.md`."""


@dataclass(frozen=True)
class Rendered:
    """The first page; by name the files that belong to it: pictures, and a long report's further pages."""

    markdown: str
    files: Mapping[str, bytes]


ROWS_PER_PAGE = 400
"""Measured rows on one page: GitHub shows 512 KB of a markdown file at most, a row may take 900 bytes."""
DETAILED_SETS = 12
"""Parameter sets of a scenario that are shown with offered rates and evidence; further ones without."""


@dataclass(frozen=True)
class FurtherPage:
    """Parameter sets of one scenario that would make the first page too long."""

    file: str
    tables: tuple[SetTables, ...]


@dataclass(frozen=True)
class ScenarioSection:
    """What the page says of one scenario."""

    id: str
    texts: ScenarioTexts
    main: SetTables
    more: tuple[SetTables, ...]
    further: tuple[FurtherPage, ...]
    plots: tuple[Plot | Curves, ...]
    tax_plot: TaxPlot | None
    ladders: tuple[LadderTables, ...]


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
    method_link: str = METHOD_LINK,
) -> Rendered:
    """Render one journal. Raises ValueError when the records hold no run."""
    run = Run.of(records)
    texts = texts_for(run.scenario_ids, about or {})
    run = from_the_top(run, texts)
    asking = Asking("", run)
    sections = _sections(run, texts)
    found = incidents(run)
    page = environment().get_template("run.md.j2")
    markdown = page.render(
        run=run,
        machine=summary.run_table(run),
        doubts=(*summary.doubts(run), *stopping_doubts(run)),
        certificate=certificate(run, texts),
        noise_floor=noise_floor(run),
        reproduction=summary.reproduction(run),
        short=summary.short(run, texts),
        portability=portability,
        since=since[0] if since else "",
        since_then=behaviours.since(since, [asking], questions or {}),
        loops=dropins([(Markdown(""), run)]),
        asked=behaviours.count(run),
        between=behaviours.between_libraries(asking, questions or {}),
        everything=behaviours.everything(asking, questions or {}),
        sections=sections,
        evidence=evidence_sections(run, texts),
        left_out=left_out(run),
        incidents=found,
        incident_table=incident_table(found),
        tick_ms=digits.setting(TICK_NS / 1e6),
        split_ticks=SPLIT_TICKS,
        method_link=Markdown(method_link),
    )
    files = _pictures(
        [plot for section in sections for plot in (*section.plots, section.tax_plot) if plot is not None]
    )
    files.update(_further_pages(run, sections, method_link))
    files.update(behaviours_pages([asking], questions or {}))
    return Rendered(markdown, files)


def _pictures(plots: Sequence[Plot | Curves | TaxPlot]) -> dict[str, bytes]:
    if not plots:
        return {}
    from crossloop.report.drawing import draw  # imports matplotlib

    return draw(plots)


def behaviours_pages(askings: Sequence[Asking], questions: Mapping[str, BehaviourTexts]) -> dict[str, bytes]:
    """The page of each behaviour, and of each library as the last run found it that asked it."""
    templates = environment()
    behaviour, library = templates.get_template("behaviour.md.j2"), templates.get_template("library.md.j2")
    pages = {
        behaviours.page_of(page.id): behaviour.render(
            page=page, source=Markdown(page.texts.source), reports=map(Markdown, page.texts.reports)
        )
        for page in behaviours.behaviour_pages(askings, questions)
    }
    for asking in askings:
        heading = inline(
            f"As it was in the run {asking.label}." if asking.label else "As it was in this run."
        )
        for one in behaviours.library_pages(asking, questions):
            pages[behaviours.page_of_adapter(one.adapter)] = library.render(
                page=one, heading=heading, yardstick=behaviours.YARDSTICK
            )
    return {name: text.encode() for name, text in pages.items()}


def _further_pages(run: Run, sections: Sequence[ScenarioSection], method_link: str) -> dict[str, bytes]:
    template = environment().get_template("further.md.j2")
    return {
        one.file: template.render(
            run=run, section=section, page=one, method_link=Markdown(method_link)
        ).encode()
        for section in sections
        for one in section.further
    }


def _sections(run: Run, texts: Mapping[str, ScenarioTexts]) -> list[ScenarioSection]:
    names = stems(run.scenario_ids)
    rows = sum(len(one.rows) for one in run.all_sets)
    sections = []
    for scenario, sets in run.sets.items():
        main, *more = [
            set_tables(one, texts[scenario], run, detailed=index < DETAILED_SETS)
            for index, one in enumerate(sets)
        ]
        fits = rows <= ROWS_PER_PAGE
        sections.append(
            ScenarioSection(
                id=scenario,
                texts=texts[scenario],
                main=main,
                more=tuple(more) if fits else (),
                further=() if fits else _paged(more, names[scenario]),
                plots=scenario_plots(sets, texts[scenario], run, names[scenario]),
                tax_plot=tax_plot(sets[0], texts[scenario], names[scenario]),
                ladders=tuple(
                    ladder_tables(ladder, texts[scenario])
                    for ladder in ladders_of(sets, texts[scenario].ladder)
                ),
            )
        )
    return sections


def _paged(tables: Sequence[SetTables], stem: str) -> tuple[FurtherPage, ...]:
    pages: list[list[SetTables]] = []
    room = 0
    for one in tables:
        if not one.main:
            continue
        if not pages or len(one.main.rows) > room:
            pages.append([])
            room = ROWS_PER_PAGE
        pages[-1].append(one)
        room -= len(one.main.rows)
    return tuple(
        FurtherPage(f"{stem}-{number}.md", tuple(members)) for number, members in enumerate(pages, 1)
    )
