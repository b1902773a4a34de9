"""The page of one scenario: the answer, the plot, the table; then further parameter sets and evidence, folded. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import MeasuredRow, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.report.certainty import too_few_rounds
from crossloop.report.evidence_section import EvidenceSection, evidence_sections
from crossloop.report.headline import HeadlineColumn
from crossloop.report.ladder import LadderTables, ladder_tables, ladders_of
from crossloop.report.places import MISSING, SCENARIOS, adapters_with_pages, place_of_adapter, stems
from crossloop.report.plots import Curves, Plot, scenario_plots
from crossloop.report.ratios import ratio_of
from crossloop.report.scenario import SetTables, set_tables
from crossloop.report.tax import TaxPlot, tax_plot
from crossloop.report.texts import ScenarioTexts

ROWS_PER_PAGE = 400
"""Measured rows on one page: GitHub shows 512 KB of a markdown file at most, a row may take 900 bytes."""
DETAILED_SETS = 12
"""Parameter sets of a scenario that are shown with offered rates and evidence; further ones without."""
_NAMES_SHOWN = 4


@dataclass(frozen=True)
class FurtherPage:
    """Parameter sets of one scenario that would make its page too long."""

    file: str
    tables: tuple[SetTables, ...]

    @property
    def name(self) -> str:
        """Its file, as seen from the scenario's page."""
        return self.file.removeprefix(SCENARIOS)


@dataclass(frozen=True)
class ScenarioPage:
    """What the page of one scenario says."""

    id: str
    file: str
    texts: ScenarioTexts
    answers: tuple[Markdown, ...]
    """Who leads its main parameter set, in sentences; where web servers took part, of these as well."""
    main: SetTables
    more: tuple[SetTables, ...]
    further: tuple[FurtherPage, ...]
    plots: tuple[Plot | Curves, ...]
    tax_plot: TaxPlot | None
    ladders: tuple[LadderTables, ...]
    evidence: tuple[EvidenceSection, ...]
    without: Markdown
    """Adapters that have no figure in it though they are here, by outcome; empty where there are none."""

    @property
    def name(self) -> str:
        """Its file, as seen from another page of scenarios."""
        return self.file.removeprefix(SCENARIOS)

    @property
    def pictures(self) -> tuple[Plot | Curves | TaxPlot, ...]:
        """All that is drawn."""
        return self.plots if self.tax_plot is None else (*self.plots, self.tax_plot)


def scenario_pages(
    run: Run, texts: Mapping[str, ScenarioTexts], columns: Sequence[HeadlineColumn]
) -> list[ScenarioPage]:
    """The page of every scenario that has a cell; *columns*: those of the run's headline."""
    names = stems(run.scenario_ids)
    evidence = evidence_sections(run, texts)
    pages = []
    for scenario, sets in run.sets.items():
        about, stem = texts[scenario], names[scenario]
        main, *more = [
            set_tables(measured, about, run, detailed=index < DETAILED_SETS)
            for index, measured in enumerate(sets)
        ]
        here, further = _paged(main, more, stem, set(names.values()))
        pages.append(
            ScenarioPage(
                id=scenario,
                file=f"{SCENARIOS}{stem}.md",
                texts=about,
                answers=tuple(answer(column, about) for column in columns if column.scenario == scenario),
                main=main,
                more=here,
                further=further,
                plots=scenario_plots(sets, about, run, stem),
                tax_plot=tax_plot(sets[0], about, stem),
                ladders=tuple(ladder_tables(ladder, about) for ladder in ladders_of(sets, about.ladder)),
                evidence=tuple(section for section in evidence if section.scenario == scenario),
                without=_without(run, scenario),
            )
        )
    return pages


def _paged(
    main: SetTables, more: Sequence[SetTables], stem: str, taken: set[str]
) -> tuple[tuple[SetTables, ...], tuple[FurtherPage, ...]]:
    """The further sets that the scenario's own page has room for, and pages of the others."""
    pages: list[list[SetTables]] = [[]]
    room = ROWS_PER_PAGE - len(main.main.rows)
    for tables in more:
        if not tables.main:
            continue
        if len(tables.main.rows) > room:
            pages.append([])
            room = ROWS_PER_PAGE
        pages[-1].append(tables)
        room -= len(tables.main.rows)
    here, *others = pages
    free = (
        name for number in range(2, len(others) + len(taken) + 3) if (name := f"{stem}-{number}") not in taken
    )
    return tuple(here), tuple(
        FurtherPage(f"{SCENARIOS}{name}.md", tuple(members))
        for name, members in zip(free, others, strict=False)
    )


def _without(run: Run, scenario: str) -> Markdown:
    """`unsupported: aio, curio; failed: rloop`: adapters that are usable here and have no row in any set."""
    usable = set(adapters_with_pages(run))
    cells = [cell for measured in run.sets[scenario] for cell in measured.cells]
    measured = {cell.adapter for cell in cells if cell.figures is not None}
    by_outcome: dict[str, dict[str, None]] = {}
    for cell in cells:
        if cell.adapter in usable - measured:
            by_outcome.setdefault(cell.outcome, {})[cell.adapter] = None
    parts = [
        f"{inline(outcome)}: {', '.join(f'[{inline(name)}](../{place_of_adapter(name)})' for name in names)}"
        for outcome, names in by_outcome.items()
    ]
    if not parts:
        return Markdown("")
    return Markdown(f"Without a figure: {'; '.join(parts)}. The reasons: [{MISSING}](../{MISSING}).")


# The answer in sentences --------------------------------------------------------------------------


def answer(column: HeadlineColumn, texts: ScenarioTexts) -> Markdown:
    """Who takes the least CPU time at the main parameter set, who comes next, who takes the most."""
    best, *others = column.rows
    unit = inline(texts.unit)
    among = "Among web servers, least" if column.servers else "Least"
    if not column.ranked:
        least = f"**{among} CPU time per {unit}:** {inline(best.label)}, {_costs([best])}."
        return Markdown(f"{least} Not ranked: {too_few_rounds(column.measured)}.")
    tiers = sorted({row.figures.tier for row in column.rows})
    by_tier = [[row for row in column.rows if row.figures.tier == tier] for tier in tiers[:2]]
    sentences = [f"**{among} CPU time per {unit}:** {_names(by_tier[0])}, {_costs(by_tier[0])}."]
    if len(tiers) == 1 and others:
        sentences.append("All are tied.")
    if len(tiers) > 1:
        sentences.append(f"Next: {_names(by_tier[1])}, {_times(by_tier[1], best)}.")
    if len(tiers) > 2:
        costliest = max(column.rows, key=lambda row: row.figures.ratio_to_best.value)
        sentences.append(f"Most: {inline(costliest.label)}, {_times([costliest], best)}.")
    return Markdown(" ".join(sentences))


def _names(rows: Sequence[MeasuredRow]) -> str:
    names = [inline(row.label) for row in rows[:_NAMES_SHOWN]]
    return ", ".join(names) + (f" and {len(rows) - len(names)} more" if len(rows) > len(names) else "")


def _costs(rows: Sequence[MeasuredRow]) -> str:
    values = sorted(row.figures.cpu_ns_per_operation.value / 1000 for row in rows)
    return f"{_range(list(map(digits.number, values)))} µs"


def _times(rows: Sequence[MeasuredRow], best: MeasuredRow) -> str:
    ratios = [ratio for row in rows if (ratio := ratio_of(row, best)) is not None]
    if not ratios:
        return "not known how much more"
    values = sorted(ratio.estimate.value for ratio in ratios)
    return _range([digits.plain_ratio(value) for value in values]) + " times as much"


def _range(texts: Sequence[str]) -> str:
    first, last = texts[0], texts[-1]
    return first if first == last else f"{first} to {last}"
