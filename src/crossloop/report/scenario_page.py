"""The page of one scenario: the answer, the plot, the table; then further parameter sets and evidence, folded. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import MeasuredRow, MeasuredSet, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.report.certainty import ranked, too_few_rounds
from crossloop.report.evidence_section import EvidenceSection, evidence_sections
from crossloop.report.ladder import LadderTables, ladder_tables, ladders_of
from crossloop.report.places import MISSING, SCENARIOS, adapters_with_pages, place_of_adapter, stems
from crossloop.report.plots import Curves, Plot, scenario_plots
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
    answer: Markdown
    """Who leads its main parameter set, in sentences."""
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


def scenario_pages(run: Run, texts: Mapping[str, ScenarioTexts]) -> list[ScenarioPage]:
    """The page of every scenario that has a cell."""
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
                answer=answer(sets[0], about),
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


def answer(measured: MeasuredSet, texts: ScenarioTexts) -> Markdown:
    """Who takes the least CPU time at one parameter set, who comes next, who takes the most. Empty without rows."""
    if not measured.rows:
        return Markdown("")
    best, *others = measured.rows
    unit = inline(texts.unit)
    if not ranked(measured):
        least = f"The least CPU time per {unit} was {inline(best.label)}'s, {_costs([best])}"
        return Markdown(f"{least}. Not ranked: {too_few_rounds(measured)}.")
    first = [best, *(row for row in others if row.figures.tier == best.figures.tier)]
    tiers = sorted({row.figures.tier for row in measured.rows})
    sentences = [f"**Least CPU time per {unit}:** {_names(first)}, {_costs(first)}."]
    if len(tiers) == 1 and others:
        sentences.append("All are tied.")
    if len(tiers) > 1:
        second = [row for row in measured.rows if row.figures.tier == tiers[1]]
        sentences.append(f"Next: {_names(second)}, {_times(second)}.")
    if len(tiers) > 2:
        costliest = max(measured.rows, key=lambda row: row.figures.ratio_to_best.value)
        sentences.append(f"Most: {inline(costliest.label)}, {_times([costliest])}.")
    return Markdown(" ".join(sentences))


def _names(rows: Sequence[MeasuredRow]) -> str:
    names = [inline(row.label) for row in rows[:_NAMES_SHOWN]]
    return ", ".join(names) + (f" and {len(rows) - len(names)} more" if len(rows) > len(names) else "")


def _costs(rows: Sequence[MeasuredRow]) -> str:
    values = sorted(row.figures.cpu_ns_per_operation.value / 1000 for row in rows)
    return f"{_range(list(map(digits.number, values)))} µs"


def _times(rows: Sequence[MeasuredRow]) -> str:
    values = sorted(row.figures.ratio_to_best.value for row in rows)
    return _range([digits.plain_ratio(value) for value in values]) + " times as much"


def _range(texts: Sequence[str]) -> str:
    first, last = texts[0], texts[-1]
    return first if first == last else f"{first} to {last}"
