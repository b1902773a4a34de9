"""The read model: a journal's records as one run with its adapters and measured sets. All readers share it. Pure."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

from crossloop.journal.naming import adapter_of, is_variant, processes_of, row_label
from crossloop.journal.parameters import ParameterSet, parameters_key
from crossloop.journal.phases import COMMON, MAIN_PHASES, phase_of
from crossloop.journal.records import (
    AdapterRecord,
    BehaviourRecord,
    CellRecord,
    CheckRecord,
    ComparisonRecord,
    DropinRecord,
    EndRecord,
    EvidenceRecord,
    Figures,
    RateFigures,
    Record,
    RunRecord,
    ScenarioRecord,
    SliceRecord,
    TaxRecord,
    WarningRecord,
    WebServer,
)
from crossloop.references import FAMILY

SetKey: TypeAlias = tuple[str, str]
"""(scenario, canonical parameters)."""
RowKey: TypeAlias = tuple[str, str]
"""(adapter, style)."""
Turn: TypeAlias = tuple[int, int]
"""(generation, round)."""
Slices: TypeAlias = Mapping[SetKey, Mapping[RowKey, Mapping[Turn, SliceRecord]]]

_Kind = TypeVar("_Kind", bound=Record)
_Key = TypeVar("_Key", bound=Hashable)
_Member = TypeVar("_Member", CellRecord, TaxRecord)


def set_key(record: CellRecord | ComparisonRecord | EvidenceRecord | SliceRecord | TaxRecord) -> SetKey:
    """The parameter set that a record is of."""
    return record.scenario, parameters_key(record.parameters)


def row_key(record: CellRecord | EvidenceRecord | SliceRecord) -> RowKey:
    """The row that a record is of."""
    return record.adapter, record.style


@dataclass(frozen=True)
class MeasuredRow:
    """One cell with figures."""

    adapter: str
    style: str
    figures: Figures
    server: WebServer | None = None

    @property
    def label(self) -> str:
        """`uvloop (protocol)`."""
        return row_label(self.adapter, self.style)

    @property
    def common_rate(self) -> RateFigures | None:
        """What was measured at the rate common to all rows."""
        return next((rate for rate in self.figures.rates if rate.label == COMMON), None)

    @property
    def is_base(self) -> bool:
        """Whether it is the row that the others of its set are divided by."""
        ratio = self.figures.ratio_to_best
        return ratio.low == ratio.value == ratio.high == 1


@dataclass(frozen=True)
class MeasuredSet:
    """One scenario with one set of parameters: its cells, and what was found beside them."""

    scenario: str
    parameters: ParameterSet
    cells: tuple[CellRecord, ...]
    """In the order of the journal."""
    record: ComparisonRecord | None = None
    """What holds for it as a whole; older journals have none."""
    references: tuple[MeasuredRow, ...] = ()
    """Native references with figures, in the order of the journal: the first is the certificate's."""
    taxes: tuple[TaxRecord, ...] = ()
    """Binding tax, one record a library."""
    in_processes: tuple[CellRecord, ...] = ()
    """Servers in several processes, with figures or without, in the order of the journal."""

    @property
    def key(self) -> SetKey:
        """What records of this set are told by."""
        return self.scenario, parameters_key(self.parameters)

    @cached_property
    def rows(self) -> tuple[MeasuredRow, ...]:
        """The measured cells: the row that the others are divided by, then the leanest first."""
        return tuple(sorted(_measured(self.cells), key=_leanest_first))

    @property
    def others(self) -> tuple[CellRecord, ...]:
        """The cells without figures."""
        return tuple(cell for cell in self.cells if cell.figures is None)


@dataclass(frozen=True)
class Run:
    """One run, as its journal has it."""

    record: RunRecord
    adapters: Mapping[str, AdapterRecord]
    """Every adapter that was asked for or appears, in that order; one without a record is not in it."""
    adapter_ids: tuple[str, ...]
    """Without variants (`uvloop@0.21`): they are rows of sets, and no adapters."""
    scenario_ids: tuple[str, ...]
    cells: tuple[CellRecord, ...]
    references: Mapping[str, AdapterRecord]
    """The native references that were asked for; they are no adapters, and are counted nowhere else."""
    reference_cells: tuple[CellRecord, ...]
    process_cells: tuple[CellRecord, ...]
    """Servers in several processes; they answer a question of their own, and are counted nowhere else."""
    sets: Mapping[str, tuple[MeasuredSet, ...]]
    """Scenario → its parameter sets, the main one first, then in the order of the journal."""
    slices: Slices
    """Slices of main phases with an operation; of two of one turn the last. Empty where they were not read."""
    checks: tuple[CheckRecord, ...]
    behaviours: tuple[BehaviourRecord, ...]
    dropins: tuple[DropinRecord, ...]
    scenario_versions: Mapping[str, Mapping[str, str]]
    """Scenario → what it uses beside the adapters, with versions."""
    warnings: tuple[WarningRecord, ...]
    evidence: tuple[EvidenceRecord, ...]
    end: EndRecord | None
    """None: the run was interrupted, or went on after its last end and was interrupted then."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Run":
        """Sort a journal's records. Of records that say the same thing twice, the last counts.

        Raises ValueError without a record of kind `run`.
        """
        first = next((record for record in records if isinstance(record, RunRecord)), None)
        if first is None:
            raise ValueError("a run needs a record of kind 'run'; these records have none")
        everybody = _latest(records, AdapterRecord, lambda adapter: adapter.adapter)
        references = {name: adapter for name, adapter in everybody.items() if adapter.family == FAMILY}
        adapters = {name: adapter for name, adapter in everybody.items() if name not in references}
        all_cells = _latest(records, CellRecord, lambda cell: (*set_key(cell), *row_key(cell))).values()
        in_processes = tuple(cell for cell in all_cells if processes_of(cell.adapter) > 1)
        cells = tuple(
            cell for cell in all_cells if cell.adapter not in references and processes_of(cell.adapter) == 1
        )
        beside = tuple(cell for cell in all_cells if cell.adapter in references)
        evidence = _latest(records, EvidenceRecord, lambda row: (*set_key(row), *row_key(row))).values()
        scenario_ids = _in_order(
            first.scenarios, (cell.scenario for cell in cells), (row.scenario for row in evidence)
        )
        return cls(
            record=first,
            adapters=adapters,
            adapter_ids=_in_order(
                (name for name in first.adapters if not is_variant(name)),
                map(adapter_of, adapters),
                (adapter_of(cell.adapter) for cell in cells),
            ),
            scenario_ids=scenario_ids,
            cells=cells,
            references=references,
            reference_cells=beside,
            process_cells=in_processes,
            sets=_sets(records, scenario_ids, cells, beside, in_processes),
            slices=_slices(records),
            checks=tuple(
                _latest(records, CheckRecord, lambda check: (check.adapter, check.behaviour)).values()
            ),
            dropins=tuple(
                _latest(
                    records, DropinRecord, lambda dropin: (dropin.loop, dropin.version, dropin.test)
                ).values()
            ),
            scenario_versions={
                record.scenario: record.versions for record in records if isinstance(record, ScenarioRecord)
            },
            behaviours=tuple(
                _latest(
                    records, BehaviourRecord, lambda behaviour: (behaviour.adapter, behaviour.behaviour)
                ).values()
            ),
            warnings=tuple(
                _latest(records, WarningRecord, lambda warning: (warning.name, warning.cause)).values()
            ),
            evidence=tuple(evidence),
            end=_end(records),
        )

    def slices_of(self, cell: CellRecord) -> Mapping[Turn, SliceRecord]:
        """Those of one cell, by turn."""
        return self.slices.get(set_key(cell), {}).get(row_key(cell), {})

    @property
    def all_sets(self) -> tuple[MeasuredSet, ...]:
        """Every parameter set of every scenario."""
        return tuple(measured for sets in self.sets.values() for measured in sets)

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


def _latest(records: Sequence[Record], kind: type[_Kind], key: Callable[[_Kind], _Key]) -> dict[_Key, _Kind]:
    return {key(record): record for record in records if isinstance(record, kind)}


def _end(records: Sequence[Record]) -> EndRecord | None:
    """The end of a run, unless cells follow it."""
    for record in reversed(records):
        if isinstance(record, EndRecord):
            return record
        if isinstance(record, CellRecord):
            return None
    return None


def _slices(records: Sequence[Record]) -> Slices:
    slices: dict[SetKey, dict[RowKey, dict[Turn, SliceRecord]]] = {}
    for record in records:
        if isinstance(record, SliceRecord) and record.operations and phase_of(record.phase) in MAIN_PHASES:
            rows = slices.setdefault(set_key(record), {})
            rows.setdefault(row_key(record), {})[record.generation, record.round] = record
    return slices


def _in_order(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in names for name in group))


def _sets(
    records: Sequence[Record],
    scenario_ids: Sequence[str],
    cells: Sequence[CellRecord],
    beside: Sequence[CellRecord],
    in_processes: Sequence[CellRecord],
) -> dict[str, tuple[MeasuredSet, ...]]:
    wholes = _latest(records, ComparisonRecord, set_key)
    taxes = _by_set(_latest(records, TaxRecord, lambda tax: (*set_key(tax), tax.library)).values())
    references, processes = _by_set(beside), _by_set(in_processes)
    by_scenario: dict[str, list[MeasuredSet]] = {name: [] for name in scenario_ids}
    for key, members in _by_set(cells).items():
        measured = MeasuredSet(
            scenario=members[0].scenario,
            parameters=members[0].parameters,
            cells=tuple(members),
            record=wholes.get(key),
            references=tuple(_measured(references.get(key, ()))),
            taxes=tuple(taxes.get(key, ())),
            in_processes=tuple(processes.get(key, ())),
        )
        by_scenario[measured.scenario].append(measured)
    return {scenario: _main_first(sets) for scenario, sets in by_scenario.items() if sets}


def _by_set(records: Iterable[_Member]) -> dict[SetKey, list[_Member]]:
    by_set: dict[SetKey, list[_Member]] = {}
    for record in records:
        by_set.setdefault(set_key(record), []).append(record)
    return by_set


def _main_first(sets: Sequence[MeasuredSet]) -> tuple[MeasuredSet, ...]:
    # `max` takes the first of equals: the set that a profile names first has the most styles.
    main = max(sets, key=lambda measured: len(measured.rows))
    return main, *(measured for measured in sets if measured is not main)


def _measured(cells: Iterable[CellRecord]) -> list[MeasuredRow]:
    return [
        MeasuredRow(cell.adapter, cell.style, cell.figures, cell.server)
        for cell in cells
        if cell.figures is not None
    ]


def _leanest_first(row: MeasuredRow) -> tuple[bool, int, float, str, str]:
    value = row.figures.cpu_ns_per_operation.value
    return (
        not row.is_base,
        row.figures.tier,
        value if math.isfinite(value) else math.inf,
        row.adapter,
        row.style,
    )
