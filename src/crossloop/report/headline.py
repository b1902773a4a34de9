"""The headline: adapters × scenarios, one ratio a cell. The page, the heat map, HTML and the terminal show it. Pure.

A column is one question: a scenario at its main parameter set. A scenario in which web servers took part has two
columns, because a server does more for a request than the application that all adapters share. The cell of an adapter
is its leanest row of that column, divided by the leanest row of all, or by the leanest row of a baseline.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from crossloop.api import Group
from crossloop.journal import CellRecord, MeasuredRow, MeasuredSet, Run
from crossloop.report.certainty import ranked
from crossloop.report.ratios import Ratio, ratio_of
from crossloop.report.texts import ScenarioTexts

GROUPS: Mapping[Group, str] = {
    "messages": "Messages on connections that stay",
    "connections": "Making and holding connections",
    "clients": "Asking other servers",
    "loop": "The loop's own work",
    "system": "Processes, files, signals and starting",
}
"""Group → its heading, in the order of a report."""
SERVERS = "web-servers"
"""What the id and the title of a column of web servers end with."""


@dataclass(frozen=True)
class HeadlineColumn:
    """One question."""

    id: str
    """The scenario's, or `http/web-servers`: unique in a headline."""
    scenario: str
    title: str
    head: str
    """The title in a word or two, for the head of a column."""
    group: Group
    measured: MeasuredSet
    rows: tuple[MeasuredRow, ...]
    """Measured rows of this column, the leanest first."""
    servers: bool = False
    """Whether its rows are web servers."""

    @property
    def ranked(self) -> bool:
        """Whether its rows can be told apart; otherwise it has no leaders."""
        return ranked(self.measured)

    @property
    def noise_floor(self) -> float | None:
        """As a fraction; None where no A/A control says."""
        return None if self.measured.record is None else self.measured.record.noise_floor

    def best_of(self, adapter: str) -> MeasuredRow | None:
        """The adapter's leanest row; None without a figure."""
        rows = [row for row in self.rows if row.adapter == adapter]
        return min(rows, key=lambda row: row.figures.ratio_to_best.value, default=None)

    def leads(self, row: MeasuredRow) -> bool:
        """Whether *row* is of the column's first tier; never where there are no tiers."""
        return self.ranked and row.figures.tier == min(other.figures.tier for other in self.rows)


@dataclass(frozen=True)
class HeadlineCell:
    """One adapter and one question: a ratio, or a word that says why there is none."""

    row: MeasuredRow | None = None
    ratio: Ratio | None = None
    """To the column's divisor; None without a figure, or where no quotient is."""
    leads: bool = False
    word: str = ""
    """The outcome where there is no figure: `unsupported`, `failed`, …, `not run`; empty beside a row."""
    reasons: tuple[str, ...] = ()
    """Of the outcome, each once."""


@dataclass(frozen=True)
class Headline:
    """Adapters × questions."""

    baseline: str
    """The adapter whose leanest row of each column is the divisor; empty: the leanest row of the column."""
    columns: tuple[HeadlineColumn, ...]
    """By group, then by place."""
    adapters: tuple[str, ...]
    """Those with a figure in any column, variants (`uvloop@0.21`) among them. The leanest of the first column comes
    first, those without a figure there last."""
    cells: Mapping[tuple[str, str], HeadlineCell]
    """(adapter, column id) → cell; there is one for each pair."""
    absent: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(outcome, reason, adapters) of those that have no figure in any column, alike ones together."""

    @cached_property
    def groups(self) -> Mapping[Group, tuple[HeadlineColumn, ...]]:
        """Group → its columns, in the order of a report; groups without columns are not there."""
        by_group = {group: tuple(each for each in self.columns if each.group == group) for group in GROUPS}
        return {group: columns for group, columns in by_group.items() if columns}

    def divisor(self, column: HeadlineColumn) -> MeasuredRow:
        """The row that the column's cells are divided by: where the baseline has no figure, the leanest."""
        return column.best_of(self.baseline) or column.rows[0]

    def divided_by_baseline(self, column: HeadlineColumn) -> bool:
        """Whether the divisor is the baseline's."""
        return bool(self.baseline) and column.best_of(self.baseline) is not None

    def row_cells(self, adapter: str, columns: Iterable[HeadlineColumn]) -> list[HeadlineCell]:
        """The cells of one adapter."""
        return [self.cells[adapter, column.id] for column in columns]


def headline_of(run: Run, texts: Mapping[str, ScenarioTexts], baseline: str = "") -> Headline:
    """The headline of a run; scenarios without a measured row have no column.

    Raises ValueError for a *baseline* without a figure in any column.
    """
    columns = tuple(sorted(_columns(run, texts), key=lambda each: _position(each, texts.get(each.scenario))))
    names = tuple(dict.fromkeys((*run.adapter_ids, *(cell.adapter for cell in run.cells))))
    cells = {}
    for column in columns:
        divisor = column.best_of(baseline) or column.rows[0]
        for adapter in names:
            cells[adapter, column.id] = _cell(run, column, adapter, divisor)
    measured = [adapter for adapter in names if any(cells[adapter, each.id].row for each in columns)]
    if baseline and baseline not in measured:
        raise ValueError(f"{baseline} has no figure in this run, so nothing can be divided by it")
    first = columns[:1]
    measured.sort(key=lambda adapter: [_size(cells[adapter, each.id]) for each in first])
    return Headline(
        baseline,
        columns,
        tuple(measured),
        {key: cell for key, cell in cells.items() if key[0] in measured},
        _absent(run, [adapter for adapter in names if adapter not in measured]),
    )


def _columns(run: Run, texts: Mapping[str, ScenarioTexts]) -> Iterable[HeadlineColumn]:
    for scenario, sets in run.sets.items():
        main, text = sets[0], texts.get(scenario) or ScenarioTexts(scenario)
        servers = tuple(row for row in main.rows if row.server is not None)
        others = tuple(row for row in main.rows if row.server is None)
        if others:
            yield HeadlineColumn(
                scenario, scenario, text.title, text.head, text.group, main, _leanest_first(others)
            )
        if servers:
            yield HeadlineColumn(
                f"{scenario}/{SERVERS}",
                scenario,
                f"{text.title}, web servers",
                f"{text.head} servers",
                text.group,
                main,
                _leanest_first(servers),
                servers=True,
            )


def _leanest_first(rows: Sequence[MeasuredRow]) -> tuple[MeasuredRow, ...]:
    # The row that others are divided by stays first among equals: `rows` begins with it, and sorting is stable.
    return tuple(sorted(rows, key=lambda row: (row.figures.tier, row.figures.ratio_to_best.value)))


def _position(column: HeadlineColumn, text: ScenarioTexts | None) -> tuple[int, int, str, bool]:
    place = text.place if text is not None else ScenarioTexts.place
    return list(GROUPS).index(column.group), place, column.scenario, column.servers


def _cell(run: Run, column: HeadlineColumn, adapter: str, divisor: MeasuredRow) -> HeadlineCell:
    row = column.best_of(adapter)
    if row is not None:
        return HeadlineCell(row, ratio_of(row, divisor), column.leads(row))
    without = [cell for cell in column.measured.others if _is_of(cell, adapter, column)]
    if without:
        worst = max(without, key=lambda cell: _SEVERITY.index(cell.outcome))
        reasons = dict.fromkeys(cell.reason for cell in without if cell.outcome == worst.outcome)
        return HeadlineCell(word=worst.outcome, reasons=tuple(filter(None, reasons)))
    record = run.adapters.get(adapter)
    if record is not None and not record.usable:
        return HeadlineCell(word=record.outcome, reasons=tuple(filter(None, [record.reason])))
    return HeadlineCell(word=NO_SERVER if column.servers else NOT_RUN)


def _is_of(cell: CellRecord, adapter: str, column: HeadlineColumn) -> bool:
    """Whether a cell without a figure belongs to a column: of web servers those whose style no application has."""
    applications = {row.style for row in column.measured.rows if row.server is None}
    servers = {row.style for row in column.measured.rows if row.server is not None}
    unlike = applications if column.servers else servers
    return cell.adapter == adapter and cell.style not in unlike


NOT_RUN = "not run"
NO_SERVER = "no server"
_SEVERITY = ("measured", "unsupported", "not-installed", "over-limit", "timed-out", "crashed", "failed")
"""Outcomes, what matters least first: of several cells of one adapter the last says the word."""


def _size(cell: HeadlineCell) -> tuple[bool, float]:
    if cell.row is None:
        return True, 0.0
    return False, cell.row.figures.ratio_to_best.value


def _absent(run: Run, adapters: Sequence[str]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    alike: dict[tuple[str, str], list[str]] = {}
    for adapter in adapters:
        alike.setdefault(_why(run, adapter), []).append(adapter)
    return tuple((outcome, reason, tuple(members)) for (outcome, reason), members in alike.items())


def _why(run: Run, adapter: str) -> tuple[str, str]:
    record = run.adapters.get(adapter)
    if record is not None and not record.usable:
        return record.outcome, record.reason
    cells = [cell for cell in run.cells if cell.adapter == adapter]
    if not cells:
        return NOT_RUN, ""
    worst = max(cells, key=lambda cell: _SEVERITY.index(cell.outcome))
    return worst.outcome, worst.reason
