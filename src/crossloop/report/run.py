"""A journal's records in the order that a report wants them: one run, its adapters, its comparisons."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crossloop.journal import (
    AdapterRecord,
    CellRecord,
    CheckRecord,
    ComparisonRecord,
    DetectionRecord,
    EndRecord,
    EvidenceRecord,
    Figures,
    RateFigures,
    Record,
    RunRecord,
    SliceRecord,
    TaxRecord,
    WarningRecord,
)
from crossloop.journal.naming import adapter_of, is_variant
from crossloop.markup import digits
from crossloop.references import FAMILY
from crossloop.statistics import ROUNDS_TO_SEPARATE

COMMON = "common"
"""Label of the offered rate that all rows of a comparison are given."""


@dataclass(frozen=True)
class ScenarioTexts:
    """What a report says about a scenario; of `ScenarioAbout`, which a foreign journal does not carry."""

    title: str
    question: str = ""
    unit: str = "operation"
    ladder: str = ""
    """The parameter that its sets climb (`ScenarioAbout.ladder`)."""

    @property
    def units(self) -> str:
        """The unit in the plural."""
        if self.unit.endswith("y") and self.unit[-2:-1] not in set("aeiou"):
            return self.unit[:-1] + "ies"
        return self.unit + "s"


@dataclass(frozen=True)
class Row:
    """One measured cell."""

    adapter: str
    style: str
    figures: Figures

    @property
    def label(self) -> str:
        """`uvloop (protocol)`; an adapter's only, `native` style goes without saying."""
        return row_label(self.adapter, self.style)

    @property
    def common_rate(self) -> RateFigures | None:
        """What was measured at the rate common to all rows."""
        return next((rate for rate in self.figures.rates if rate.label == COMMON), None)


@dataclass(frozen=True)
class Comparison:
    """One scenario with one set of parameters: its rows, the leanest first, and the cells without figures."""

    scenario: str
    parameters: Mapping[str, int | float | bool | str]
    rows: tuple[Row, ...]
    others: tuple[CellRecord, ...]
    record: ComparisonRecord | None = None
    """What holds for it as a whole; older journals have none."""
    references: tuple[Row, ...] = ()
    """Native references with figures, in the order of the journal: the first is the certificate's."""
    taxes: tuple[TaxRecord, ...] = ()
    """Binding tax, one record a library."""

    @property
    def heading(self) -> str:
        """The parameters in words."""
        return parameters_text(self.parameters)

    @property
    def paired_rounds(self) -> int:
        """Most rounds that any row shares with the leanest one."""
        return max((row.figures.ratio_to_best.slices for row in self.rows), default=0)

    @property
    def ranked(self) -> bool:
        """Whether there are rounds enough to open a tier; with fewer all rows share the first, proving nothing."""
        return len(self.rows) == 1 or self.paired_rounds >= ROUNDS_TO_SEPARATE


@dataclass(frozen=True)
class Run:
    """Everything that one report shows."""

    record: RunRecord
    adapters: Mapping[str, AdapterRecord]
    """Every adapter that was asked for or appears, in that order; one without a record is not in it."""
    adapter_ids: tuple[str, ...]
    """Without variants (`uvloop@0.21`): they are rows of comparisons, and no adapters."""
    scenario_ids: tuple[str, ...]
    cells: tuple[CellRecord, ...]
    references: Mapping[str, AdapterRecord]
    """The native references that were asked for; they are no adapters, and are counted nowhere else."""
    reference_cells: tuple[CellRecord, ...]
    comparisons: Mapping[str, tuple[Comparison, ...]]
    """Scenario → its parameter sets, the main one first, then in the order of the journal."""
    checks: tuple[CheckRecord, ...]
    warnings: tuple[WarningRecord, ...]
    evidence: tuple[EvidenceRecord, ...]
    end: EndRecord | None
    """None: the run was interrupted, or went on after its last end and was interrupted then."""

    @property
    def wine(self) -> bool:
        """Whether it ran under Wine, which is never called Windows."""
        machine = self.record.machine
        return "wine" in f"{machine.virtual} {machine.system} {machine.release}".lower()

    @property
    def place(self) -> str:
        """System and release in a few words; what runs under Wine is Wine, whatever it says of itself."""
        machine = self.record.machine
        if self.wine:
            name = machine.virtual if "wine" in machine.virtual.lower() else "Wine"
            return f"{name} ({machine.architecture})"
        return f"{machine.system} {machine.release} ({machine.architecture})"


def too_few_rounds(comparison: Comparison) -> str:
    """Why a comparison is not ranked."""
    rounds = comparison.paired_rounds
    return f"{rounds} paired round{'' if rounds == 1 else 's'}, {ROUNDS_TO_SEPARATE} are needed to tell rows apart"


def row_label(adapter: str, style: str) -> str:
    """Name of a row."""
    return adapter if style in {"", "native"} else f"{adapter} ({style})"


def parameters_text(parameters: Mapping[str, int | float | bool | str]) -> str:
    """`size 1 KiB, connections 50`: each parameter in the order in which the journal has it."""
    return (
        ", ".join(f"{name.replace('_', ' ')} {_parameter(name, value)}" for name, value in parameters.items())
        or "no parameters"
    )


def _parameter(name: str, value: int | float | bool | str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return digits.binary_size(value) if name == "size" and value >= 0 else digits.integer(value)
        case float():
            return digits.number(value, 4)
        case str():
            return value


def gather(records: Sequence[Record]) -> Run:
    """Sort a journal's records. Of records that say the same thing twice, the last counts.

    Raises ValueError without a record of kind `run`.
    """
    record = next((one for one in records if isinstance(one, RunRecord)), None)
    if record is None:
        raise ValueError("a report needs a record of kind 'run'; these records have none")
    cells: dict[tuple[str, str, str, str], CellRecord] = {}
    adapters: dict[str, AdapterRecord] = {}
    comparisons: dict[tuple[str, str], ComparisonRecord] = {}
    checks: dict[tuple[str, str], CheckRecord] = {}
    warnings: dict[tuple[str, str], WarningRecord] = {}
    evidence: dict[tuple[str, str, str, str], EvidenceRecord] = {}
    taxes: dict[tuple[str, str, str], TaxRecord] = {}
    end: EndRecord | None = None
    for one in records:
        match one:
            case CellRecord():
                cells[one.adapter, one.style, one.scenario, parameters_key(one.parameters)] = one
                end = None
            case EvidenceRecord():
                evidence[one.adapter, one.style, one.scenario, parameters_key(one.parameters)] = one
            case AdapterRecord():
                adapters[one.adapter] = one
            case ComparisonRecord():
                comparisons[one.scenario, parameters_key(one.parameters)] = one
            case CheckRecord():
                checks[one.adapter, one.behaviour] = one
            case WarningRecord():
                warnings[one.name, one.cause] = one
            case TaxRecord():
                taxes[one.scenario, parameters_key(one.parameters), one.library] = one
            case EndRecord():
                end = one
            case RunRecord() | SliceRecord() | DetectionRecord():
                pass
    references = {name: adapters.pop(name) for name in list(adapters) if adapters[name].family == FAMILY}
    beside = {key: cells.pop(key) for key in list(cells) if key[0] in references}
    scenario_ids = _in_order(
        record.scenarios,
        (cell.scenario for cell in cells.values()),
        (one.scenario for one in evidence.values()),
    )
    return Run(
        record=record,
        adapters=adapters,
        references=references,
        reference_cells=tuple(beside.values()),
        adapter_ids=_in_order(
            (name for name in record.adapters if not is_variant(name)),
            map(adapter_of, adapters),
            (adapter_of(cell.adapter) for cell in cells.values()),
        ),
        scenario_ids=scenario_ids,
        cells=tuple(cells.values()),
        comparisons=_with_references(
            _comparisons(scenario_ids, cells, comparisons), tuple(beside.values()), taxes
        ),
        checks=tuple(checks.values()),
        warnings=tuple(warnings.values()),
        evidence=tuple(evidence.values()),
        end=end,
    )


def parameters_key(parameters: Mapping[str, int | float | bool | str]) -> str:
    """The same for the same parameters in any order, and unlike for 1, 1.0 and true."""
    return repr(sorted(parameters.items()))


def _in_order(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in names for name in group))


def _comparisons(
    scenario_ids: tuple[str, ...],
    cells: Mapping[tuple[str, str, str, str], CellRecord],
    records: Mapping[tuple[str, str], ComparisonRecord],
) -> dict[str, tuple[Comparison, ...]]:
    grouped: dict[str, dict[str, list[CellRecord]]] = {name: {} for name in scenario_ids}
    for (_adapter, _style, scenario, key), cell in cells.items():
        grouped[scenario].setdefault(key, []).append(cell)
    found: dict[str, tuple[Comparison, ...]] = {}
    for scenario, sets in grouped.items():
        comparisons = [
            _comparison(scenario, members, records.get((scenario, key))) for key, members in sets.items()
        ]
        if comparisons:
            # `max` takes the first of equals: the set that a profile names first has the most styles.
            main = max(comparisons, key=lambda one: len(one.rows))
            found[scenario] = (main, *(one for one in comparisons if one is not main))
    return found


def _with_references(
    found: Mapping[str, tuple[Comparison, ...]],
    cells: Sequence[CellRecord],
    taxes: Mapping[tuple[str, str, str], TaxRecord],
) -> dict[str, tuple[Comparison, ...]]:
    """*found* with what the native references measured beside each parameter set."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for cell in cells:
        if cell.figures is not None:
            place = cell.scenario, parameters_key(cell.parameters)
            rows.setdefault(place, []).append(Row(cell.adapter, cell.style, cell.figures))
    by_place: dict[tuple[str, str], list[TaxRecord]] = {}
    for (scenario, key, _library), tax in taxes.items():
        by_place.setdefault((scenario, key), []).append(tax)
    return {
        scenario: tuple(
            replace(
                one,
                references=tuple(rows.get((scenario, parameters_key(one.parameters)), ())),
                taxes=tuple(by_place.get((scenario, parameters_key(one.parameters)), ())),
            )
            for one in comparisons
        )
        for scenario, comparisons in found.items()
    }


def _comparison(scenario: str, members: Sequence[CellRecord], record: ComparisonRecord | None) -> Comparison:
    rows = [Row(cell.adapter, cell.style, cell.figures) for cell in members if cell.figures is not None]
    others = tuple(cell for cell in members if cell.figures is None)
    return Comparison(
        scenario, members[0].parameters, tuple(sorted(rows, key=_leanest_first)), others, record
    )


def _leanest_first(row: Row) -> tuple[int, float, str, str]:
    value = row.figures.cpu_ns_per_operation.value
    return row.figures.tier, value if math.isfinite(value) else math.inf, row.adapter, row.style
