"""What works where: the portability matrix, what the adapters state about themselves, and conformance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crossloop.journal import AdapterRecord, CellRecord, CheckRecord, Run
from crossloop.journal.naming import adapter_of, is_variant
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.texts import ScenarioTexts

_MARKS_SHOWN = 3


class Reasons:
    """Reasons in the order in which they are first used, each once, numbered from 1."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def marks(self, reasons: Iterable[str]) -> str:
        """The numbers of *reasons* as superscripts, with a space before them; empty without any."""
        numbers = sorted(
            {self._numbers.setdefault(reason, len(self._numbers) + 1) for reason in reasons if reason}
        )
        if not numbers:
            return ""
        more = ", …" if len(numbers) > _MARKS_SHOWN else ""
        return f" <sup>{', '.join(map(str, numbers[:_MARKS_SHOWN]))}{more}</sup>"

    @property
    def notes(self) -> tuple[Markdown, ...]:
        """Each reason with its number."""
        return tuple(Markdown(f"{number}: {inline(reason)}") for reason, number in self._numbers.items())


@dataclass(frozen=True)
class Portability:
    """The tables of the section on portability."""

    matrix: Table
    facts: Table
    checks: Table
    surprises: Table
    """Checks that did not go as the suite's known limits say, either way."""


def portability(run: Run, about: dict[str, ScenarioTexts]) -> Portability:
    """All tables on what works where."""
    return Portability(_matrix(run, about), _facts(run), _conformance(run.checks), _surprises(run.checks))


def outcomes_text(cells: Sequence[CellRecord], reasons: Reasons) -> Markdown:
    """`9 measured, 2 failed ¹`: how often each outcome occurred, and the numbers of the reasons."""
    counts = Counter(cell.outcome for cell in cells)
    parts = []
    for outcome, count in counts.items():
        marks = reasons.marks(cell.reason for cell in cells if cell.outcome == outcome)
        times = f"{digits.integer(count)} " if outcome == "measured" or len(cells) > count else ""
        parts.append(f"{times}{inline(outcome)}{marks}")
    return Markdown(", ".join(parts))


def absent_text(record: AdapterRecord | None, reasons: Reasons) -> Markdown:
    """What stands where an adapter has no cells: why it is not usable, or that nothing ran."""
    if record is None or record.usable:
        return Markdown("not run")
    return Markdown(inline(record.outcome) + reasons.marks([record.reason]))


def _matrix(run: Run, about: dict[str, ScenarioTexts]) -> Table:
    by_place: dict[tuple[str, str], list[CellRecord]] = {}
    for cell in run.cells:
        by_place.setdefault((adapter_of(cell.adapter), cell.scenario), []).append(cell)
    reasons = Reasons()
    rows = [
        (
            adapter,
            *(
                outcomes_text(by_place[adapter, scenario], reasons)
                if (adapter, scenario) in by_place
                else absent_text(run.adapters.get(adapter), reasons)
                for scenario in run.scenario_ids
            ),
        )
        for adapter in run.adapter_ids
    ]
    columns = [Column("Adapter"), *(Column(scenario) for scenario in run.scenario_ids)]
    caption = "Cells (styles × parameter sets) of each adapter and scenario, by outcome."
    return table(columns, rows, caption, reasons.notes)


_FACT_COLUMNS = (
    Column("Adapter"),
    Column("Binding"),
    Column("Linked library"),
    Column("Mechanism"),
    Column("io_uring"),
    Column("GIL", optional=True),
    Column("How installed", optional=True),
    Column("Loaded from", optional=True),
)


def _facts(run: Run) -> Table:
    names = (*run.adapter_ids, *filter(is_variant, run.adapters))
    rows = [_fact_row(record) for name in names if (record := run.adapters.get(name)) and record.usable]
    caption = "Asked at run time, in a process of the adapter's own, from the library that is loaded."
    return table(_FACT_COLUMNS, rows, caption)


def _fact_row(record: AdapterRecord) -> tuple[str, ...]:
    facts = record.facts
    library = str(facts.get("library") or record.library)
    return (
        record.adapter,
        _named(facts.get("binding") or record.binding, facts.get("binding_version")),
        digits.MISSING if library == "none" else _named(library, facts.get("library_version")),
        str(facts.get("mechanism") or digits.MISSING),
        _yes_no(facts.get("io_uring"), unknown="not visible here"),
        _yes_no(facts.get("gil"), unknown=digits.MISSING),
        record.installed or digits.MISSING,
        str(facts.get("loaded_from") or digits.MISSING),
    )


def _named(name: object, version: object) -> str:
    return f"{name} {version or ''}".strip() or digits.MISSING


def _yes_no(value: object, unknown: str) -> str:
    return unknown if value is None else {"True": "yes", "False": "no"}.get(str(value), str(value))


def _conformance(checks: Sequence[CheckRecord]) -> Table:
    if not checks:
        return table([Column("Behaviour")], [])
    adapters = list(dict.fromkeys(check.adapter for check in checks))
    results = {(check.adapter, check.behaviour): check for check in checks}
    reasons = Reasons()
    rows = [
        (behaviour, *(_result(results.get((adapter, behaviour)), reasons) for adapter in adapters))
        for behaviour in dict.fromkeys(check.behaviour for check in checks)
    ]
    passed = sum(check.outcome == "measured" for check in checks)
    caption = (
        f"{digits.integer(passed)} of {digits.integer(len(checks))} checks passed. Bold: not as expected."
    )
    return table([Column("Behaviour"), *map(Column, adapters)], rows, caption, reasons.notes)


def _result(check: CheckRecord | None, reasons: Reasons) -> Markdown:
    if check is None:
        return Markdown(digits.MISSING)
    word = Markdown("pass") if check.outcome == "measured" else inline(check.outcome)
    marks = reasons.marks([check.reason]) if check.outcome != "measured" else ""
    return Markdown(f"{word}{marks}" if check.as_expected else f"**{word}**{marks}")


def _surprises(checks: Sequence[CheckRecord]) -> Table:
    columns = [
        Column("Adapter"),
        Column("Behaviour"),
        Column("Outcome"),
        Column("Expected"),
        Column("Actual"),
    ]
    rows = [
        (
            check.adapter,
            check.behaviour,
            "pass" if check.outcome == "measured" else check.outcome,
            check.expected,
            check.actual,
        )
        for check in checks
        if not check.as_expected
    ]
    return table(
        columns, rows, "Not as expected: an unexpected failure and an unexpected success are both errors."
    )
