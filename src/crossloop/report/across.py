"""One scenario over several runs: each row's ratio in every run, and who leads. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from crossloop.journal import (
    BASELINE,
    MeasuredRow,
    MeasuredSet,
    RowKey,
    Run,
    parameters_key,
    row_key,
    row_label,
)
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, file_stem, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.certainty import ranked
from crossloop.report.portability import Reasons, outcomes_text
from crossloop.report.ratios import ratio_of
from crossloop.report.texts import ScenarioTexts

NOT_RUN = Markdown("not run")
FEW_LEADERS = 4
"""So many leaders are named; of more only the number is."""


@dataclass(frozen=True)
class Labelled:
    """One run and the name of its folder."""

    label: str
    run: Run

    @property
    def heading(self) -> Markdown:
        """Label in a column's heading; Wine is always said."""
        return Markdown(inline(self.label) + (" (Wine)" if self.run.wine else ""))

    @property
    def link(self) -> Markdown:
        """The label, and a link to the run's own report where it measured and the label can be a folder's name."""
        if self.run.cells and self.label and self.label == file_stem(self.label):
            return Markdown(f"[{self.label}]({self.label}/README.md)")
        return inline(self.label)


@dataclass(frozen=True)
class Ratios:
    """One parameter set over the runs that have it."""

    heading: str
    ratios: Table
    without: str
    """Rows that have no figure in any of these runs."""


@dataclass(frozen=True)
class Across:
    """One scenario over all runs."""

    scenario: str
    texts: ScenarioTexts
    tables: tuple[Ratios, ...]
    """By parameter set, the first shown open."""


def across(sides: Sequence[Labelled], scenario: str, texts: ScenarioTexts) -> Across | None:
    """The page of a scenario; None where fewer than two runs have a figure of it."""
    by_parameters: dict[str, dict[str, MeasuredSet]] = {}
    for side in sides:
        for measured in side.run.sets.get(scenario, ()):
            by_parameters.setdefault(parameters_key(measured.parameters), {})[side.label] = measured
    with_rows = {
        label for by_label in by_parameters.values() for label, measured in by_label.items() if measured.rows
    }
    if len(with_rows) < 2:
        return None
    shown = [
        by_label
        for by_label in by_parameters.values()
        if any(measured.rows for measured in by_label.values())
    ]
    shown.sort(key=len, reverse=True)  # stable: what most runs have comes first
    return Across(scenario, texts, tuple(_ratios(sides, by_label) for by_label in shown))


def leaders(sides: Sequence[Labelled], pages: Mapping[str, Across]) -> Table:
    """Who is of the first tier at the main parameter set of each scenario, in each run; *pages*: by file."""
    rows = [
        (
            Markdown(f"[{inline(page.texts.title)}]({file})"),
            *(_leaders_of(side.run, page.scenario) for side in sides),
        )
        for file, page in pages.items()
    ]
    caption = (
        "Adapters of the first tier by CPU per operation, at each run's main parameter set. They are tied."
    )
    return table([Column("Scenario"), *(Column(side.heading) for side in sides)], rows, caption)


def _leaders_of(run: Run, scenario: str) -> str:
    sets = run.sets.get(scenario)
    if not sets or not sets[0].rows:
        return digits.MISSING
    if not ranked(sets[0]):
        return "not ranked"
    names = dict.fromkeys(row.adapter for row in sets[0].rows if row.figures.tier == 1)
    return ", ".join(names) if len(names) <= FEW_LEADERS else f"{digits.integer(len(names))} tied"


def _ratios(sides: Sequence[Labelled], by_label: Mapping[str, MeasuredSet]) -> Ratios:
    there = [side for side in sides if side.label in by_label]
    columns = [(by_label[side.label], _reference(by_label[side.label], side.run)) for side in there]
    held = all(reference for measured, reference in columns if measured.rows)
    first = {(base.adapter, base.style) for _measured, base in columns if held and base}
    keys = dict.fromkeys(row_key(cell) for measured, _base in columns for cell in measured.cells)
    with_figures = {(row.adapter, row.style) for measured, _base in columns for row in measured.rows}
    reasons = Reasons()
    lines = [
        (
            row_label(*key),
            *(_ratio_cell(measured, key, base if held else None, reasons) for measured, base in columns),
        )
        for key in sorted(keys, key=lambda key: (key not in first, *_sort_key(by_label.values(), key)))
        if key in with_figures
    ]
    against = f"that of {BASELINE} in the same run" if held else "that of the leanest row of the same run"
    caption = (
        f"CPU per operation ÷ {against}, 95 % interval in brackets. Each column is a machine of its own: "
        "compare ratios, there are no times here."
    )
    headings = [Column("Adapter (style)"), *(Column(side.heading, "right") for side in there)]
    return Ratios(
        parameters_text(next(iter(by_label.values())).parameters),
        table(headings, lines, caption, reasons.notes),
        ", ".join(sorted({key[0] for key in keys} - {adapter for adapter, _style in with_figures})),
    )


def _sort_key(measured: Iterable[MeasuredSet], key: RowKey) -> tuple[float, str]:
    """By the geometric mean of the ratios to the leanest row; rows without any come last."""
    rows = [row for each in measured for row in each.rows if (row.adapter, row.style) == key]
    ratios = [ratio for row in rows if 0 < (ratio := row.figures.ratio_to_best.value) < math.inf]
    return geometric_mean(ratios) if ratios else math.inf, row_label(*key)


def _reference(measured: MeasuredSet, run: Run) -> MeasuredRow | None:
    """The row that others are held against: asyncio in the first of its styles that was measured."""
    record = run.adapters.get(BASELINE)
    order = list(record.styles) if record else []
    rows = [row for row in measured.rows if row.adapter == BASELINE]
    rows.sort(key=lambda row: order.index(row.style) if row.style in order else len(order))
    return rows[0] if rows else None


def _ratio_cell(
    measured: MeasuredSet, key: RowKey, reference: MeasuredRow | None, reasons: Reasons
) -> Markdown:
    for row in measured.rows:
        if (row.adapter, row.style) == key:
            if row is reference:
                return Markdown("1.00")
            if reference is None:
                return Markdown(digits.ratio(row.figures.ratio_to_best))
            ratio = ratio_of(row, reference)
            return Markdown(digits.ratio(ratio.estimate) if ratio else digits.MISSING)
    cells = [cell for cell in measured.others if row_key(cell) == key]
    return outcomes_text(cells, reasons) if cells else NOT_RUN
