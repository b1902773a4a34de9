"""Several runs side by side: what works where, and each run's ratios. Never one machine's time over another's."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from crossloop.journal import (
    MeasuredRow,
    MeasuredSet,
    Record,
    RowKey,
    Run,
    adapter_of,
    parameters_key,
    row_key,
    row_label,
)
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, file_stem, inline
from crossloop.markup.tables import Column, Field, Table, listing, table, text_field
from crossloop.report import behaviours, portability
from crossloop.report.behaviours import Asking
from crossloop.report.dropin import dropins
from crossloop.report.page import (
    METHOD_LINK,
    Rendered,
    behaviour_pages,
    environment,
    library_pages,
    texts_for,
)
from crossloop.report.places import FIRST
from crossloop.report.portability import Reasons, absent_text, outcomes_text
from crossloop.report.ratios import ratio_of
from crossloop.report.texts import BehaviourTexts, ScenarioTexts

REFERENCE = "asyncio"
"""Adapter that the others are held against where every run of a comparison has it."""
NOT_RUN = Markdown("not run")


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
class Asked:
    """What the libraries of one run do."""

    heading: Markdown
    count: str
    between: Table
    """What differs between its libraries."""
    everything: tuple[tuple[str, Table], ...]
    """Group and all its answers."""


@dataclass(frozen=True)
class Across:
    """One scenario over all runs."""

    texts: ScenarioTexts
    tables: tuple[tuple[str, Table], ...]
    """Parameter set and its table, the first shown open."""


def render_matrix(
    runs: Sequence[tuple[str, Sequence[Record]]],
    about: Mapping[str, ScenarioTexts] | None = None,
    questions: Mapping[str, BehaviourTexts] | None = None,
    *,
    since: tuple[str, Sequence[Record]] | None = None,
    method_link: str = METHOD_LINK.removeprefix("../"),
) -> Rendered:
    """Render the index of several runs, each with the name of its folder.

    Raises ValueError without runs, for a label that is there twice, or for records that hold no run.
    """
    labels = [label for label, _records in runs]
    if not runs or len(set(labels)) != len(labels):
        raise ValueError(f"a matrix needs runs with labels unlike each other, not {labels!r}")
    sides = [Labelled(label, Run.of(records)) for label, records in runs]
    scenarios = tuple(dict.fromkeys(name for side in sides for name in side.run.scenario_ids))
    texts = texts_for(scenarios, about or {})
    askings = [Asking(side.label, side.run) for side in sides if side.run.behaviours]
    asked = questions or {}
    markdown = (
        environment()
        .get_template("matrix.md.j2")
        .render(
            sides=sides,
            machines=_machines(sides),
            works=_works([side for side in sides if side.run.cells]),
            since=since[0] if since else "",
            since_then=behaviours.since(since, askings, asked),
            changes=behaviours.changes(askings, asked),
            askings=[
                Asked(
                    asking.heading,
                    behaviours.count(asking.run),
                    behaviours.between_libraries(asking, asked),
                    tuple(behaviours.everything(asking, asked)),
                )
                for asking in askings
            ],
            loops=dropins([(side.heading, side.run) for side in sides if side.run.dropins]),
            contract=portability.contract([(side.heading, side.run) for side in sides if side.run.checks]),
            scenarios=[one for name in scenarios if (one := _across(sides, name, texts[name])).tables],
            method_link=Markdown(method_link),
        )
    )
    pages = {**behaviour_pages(askings, asked, FIRST), **library_pages(askings, asked)}
    return Rendered(markdown, pages)


def _machines(sides: Sequence[Labelled]) -> Table:
    fields: list[Field[Labelled]] = [
        text_field("Run", lambda side: side.link),
        text_field("System", lambda side: side.run.place),
        text_field("Known", lambda side: "ran under Wine" if side.run.wine else "ran there"),
        text_field("Processor", lambda side: side.run.record.machine.cpu),
        text_field("CPUs", lambda side: digits.integer(side.run.record.machine.cpus)),
        text_field("Python", lambda side: side.run.record.machine.python),
        text_field("Profile", lambda side: side.run.record.profile),
        text_field("Started", lambda side: f"{side.run.record.started} (UTC)"),
        text_field("Cells measured", _measured, optional=True),
        text_field("State", lambda side: "complete" if side.run.end else "incomplete: no end record"),
    ]
    return listing(sides, fields)


def _measured(side: Labelled) -> str:
    if not side.run.cells:
        return digits.MISSING
    measured = sum(cell.figures is not None for cell in side.run.cells)
    return f"{digits.integer(measured)} of {digits.integer(len(side.run.cells))}"


def _works(sides: Sequence[Labelled]) -> Table:
    reasons = Reasons()

    def cell(side: Labelled, adapter: str) -> Markdown:
        own = [cell for cell in side.run.cells if adapter_of(cell.adapter) == adapter]
        return outcomes_text(own, reasons) if own else absent_text(side.run.adapters.get(adapter), reasons)

    adapters = dict.fromkeys(name for side in sides for name in side.run.adapter_ids)
    rows = [(adapter, *(cell(side, adapter) for side in sides)) for adapter in adapters]
    caption = "Cells (scenarios × styles × parameter sets) of each adapter in each run, by outcome."
    return table([Column("Adapter"), *(Column(side.heading) for side in sides)], rows, caption, reasons.notes)


def _across(sides: Sequence[Labelled], scenario: str, texts: ScenarioTexts) -> Across:
    found: dict[str, dict[str, MeasuredSet]] = {}
    for side in sides:
        for one in side.run.sets.get(scenario, ()):
            found.setdefault(parameters_key(one.parameters), {})[side.label] = one
    measured = [by_label for by_label in found.values() if any(one.rows for one in by_label.values())]
    tables = [
        (parameters_text(next(iter(by_label.values())).parameters), _ratios(sides, by_label))
        for by_label in sorted(measured, key=len, reverse=True)  # stable: what most runs have comes first
    ]
    return Across(texts, tuple(tables))


def _ratios(sides: Sequence[Labelled], by_label: Mapping[str, MeasuredSet]) -> Table:
    shown = [
        (by_label[side.label], _reference(by_label[side.label], side.run))
        for side in sides
        if side.label in by_label
    ]
    held = all(reference for measured, reference in shown if measured.rows)
    first = {(one.adapter, one.style) for _measured, one in shown if held and one}
    keys = dict.fromkeys(row_key(cell) for measured, _reference in shown for cell in measured.cells)
    reasons = Reasons()
    lines = [
        (
            row_label(*key),
            *(_ratio_cell(measured, key, one if held else None, reasons) for measured, one in shown),
        )
        for key in sorted(keys, key=lambda key: (key not in first, *_sort_key(by_label.values(), key)))
    ]
    against = f"that of {REFERENCE} in the same run" if held else "that of the leanest row of the same run"
    caption = (
        f"CPU per operation ÷ {against}, 95 % interval in brackets. Each column is a machine of its own: "
        "compare ratios, there are no times here."
    )
    headings = [side.heading for side in sides if side.label in by_label]
    columns = [Column("Adapter (style)"), *(Column(heading, "right") for heading in headings)]
    return table(columns, lines, caption, reasons.notes)


def _sort_key(measured: Iterable[MeasuredSet], key: RowKey) -> tuple[float, str]:
    """By the geometric mean of the ratios to the leanest row; rows without any come last."""
    rows = [row for one in measured for row in one.rows if (row.adapter, row.style) == key]
    ratios = [ratio for row in rows if 0 < (ratio := row.figures.ratio_to_best.value) < math.inf]
    return geometric_mean(ratios) if ratios else math.inf, row_label(*key)


def _reference(measured: MeasuredSet, run: Run) -> MeasuredRow | None:
    """The row that others are held against: asyncio in the first of its styles that was measured."""
    record = run.adapters.get(REFERENCE)
    order = list(record.styles) if record else []
    found = [row for row in measured.rows if row.adapter == REFERENCE]
    found.sort(key=lambda row: order.index(row.style) if row.style in order else len(order))
    return found[0] if found else None


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
    own = [cell for cell in measured.others if row_key(cell) == key]
    return outcomes_text(own, reasons) if own else NOT_RUN
