"""What works where: outcomes in a cell, what the adapters state about themselves, and the contract. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

from crossloop.journal import AdapterRecord, CellRecord, CheckRecord, Run
from crossloop.journal.naming import is_variant
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, Field, Table, listing, table, text_field

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


def facts(run: Run) -> Table:
    """What the adapters state about themselves."""
    names = (*run.adapter_ids, *filter(is_variant, run.adapters))
    records = [record for name in names if (record := run.adapters.get(name)) and record.usable]
    fields: list[Field[AdapterRecord]] = [
        text_field("Adapter", lambda record: record.adapter),
        text_field(
            "Binding",
            lambda record: binding_of(record) or digits.MISSING,
        ),
        text_field(
            "Linked library",
            lambda record: library_of(record) or digits.MISSING,
        ),
        text_field("Mechanism", lambda record: str(record.facts.get("mechanism") or digits.MISSING)),
        text_field(
            "io_uring", lambda record: _yes_no(record.facts.get("io_uring"), unknown="not visible here")
        ),
        text_field(
            "GIL", lambda record: _yes_no(record.facts.get("gil"), unknown=digits.MISSING), optional=True
        ),
        text_field("How installed", lambda record: record.installed or digits.MISSING, optional=True),
        text_field("Came with", _came_with, optional=True),
        text_field(
            "Loaded from",
            lambda record: str(record.facts.get("loaded_from") or digits.MISSING),
            optional=True,
        ),
    ]
    caption = "Asked at run time, in a process of the adapter's own, from the library that is loaded."
    return listing(records, fields, caption)


def facts_of(record: AdapterRecord | None) -> tuple[str, ...]:
    """What one adapter states about itself, a line each; none where nothing is known."""
    if record is None:
        return ()
    stated = record.facts
    lines = [
        ("Binding", binding_of(record) or digits.MISSING),
        ("Linked library", library_of(record) or digits.MISSING),
        ("Mechanism", str(stated.get("mechanism") or digits.MISSING)),
        ("How installed", record.installed or digits.MISSING),
        ("Came with", _came_with(record)),
        ("Loaded from", str(stated.get("loaded_from") or digits.MISSING)),
    ]
    return tuple(f"{name}: {value}" for name, value in lines if value != digits.MISSING)


def _came_with(record: AdapterRecord) -> str:
    """The distributions beside the binding's own."""
    binding = str(record.facts.get("binding") or record.binding).lower()
    others = [f"{name} {version}" for name, version in record.distributions.items() if name != binding]
    return ", ".join(others) or digits.MISSING


def binding_of(record: AdapterRecord) -> str:
    """Binding and version, as the adapter's process stated them, else as declared."""
    return _named(record.facts.get("binding") or record.binding, record.facts.get("binding_version"))


def library_of(record: AdapterRecord) -> str:
    """Linked library and version, likewise; empty where there is none."""
    name = record.facts.get("library") or record.library
    return "" if name == "none" else _named(name, record.facts.get("library_version"))


def _named(name: object, version: object) -> str:
    return f"{name} {version or ''}".strip()


def _yes_no(value: object, unknown: str) -> str:
    return unknown if value is None else {"True": "yes", "False": "no"}.get(str(value), str(value))


def contract(runs: Sequence[tuple[str, Run]]) -> Table:
    """How many promises each adapter keeps in each run, and which it does not; *runs*: (heading, run)."""
    checked = [(heading, _by_adapter(run.checks)) for heading, run in runs]
    reasons = Reasons()
    rows = [
        (adapter, *(_kept(by_adapter.get(adapter, ()), reasons) for _heading, by_adapter in checked))
        for adapter in dict.fromkeys(name for _heading, by_adapter in checked for name in by_adapter)
        if not all(_cannot_exist(by_adapter.get(adapter, ())) for _heading, by_adapter in checked)
    ]
    caption = (
        "Promises of the adapter's levels that it keeps. One that is known not to be kept is no error and has its "
        "reason. Bold: not as expected."
    )
    headings = [Column(heading if len(runs) > 1 else "Kept") for heading, _by_adapter in checked]
    return table([Column("Adapter"), *headings], rows, caption, reasons.notes)


def _by_adapter(checks: Iterable[CheckRecord]) -> dict[str, list[CheckRecord]]:
    by_adapter: dict[str, list[CheckRecord]] = {}
    for check in checks:
        by_adapter.setdefault(check.adapter, []).append(check)
    return by_adapter


def _cannot_exist(checks: Sequence[CheckRecord]) -> bool:
    """Whether nothing was checked because the platform does not have the adapter, or for no reason that is known."""
    return not checks or [check.outcome for check in checks] == ["unsupported"]


def _kept(checks: Sequence[CheckRecord], reasons: Reasons) -> Markdown:
    """`57 of 58; tls-close-notify@streams failed ¹`; one outcome alone where the adapter did not even open."""
    if not checks:
        return Markdown(digits.MISSING)
    others = [check for check in checks if check.outcome != "measured"]
    if len(checks) == len(others) == 1:
        return Markdown(f"{_outcome(others[0])}{reasons.marks([others[0].reason])}")
    kept = f"{digits.integer(len(checks) - len(others))} of {digits.integer(len(checks))}"
    alike: dict[tuple[Markdown, str], list[str]] = {}
    for check in others:
        alike.setdefault((_outcome(check), check.reason), []).append(check.behaviour)
    parts = [
        f"{', '.join(map(code, names)) if len(names) <= _MARKS_SHOWN else len(names)} {word}{reasons.marks([reason])}"
        for (word, reason), names in alike.items()
    ]
    return Markdown("; ".join([kept, *parts]))


def _outcome(check: CheckRecord) -> Markdown:
    word = inline("works" if check.outcome == "measured" else check.outcome)
    return word if check.as_expected else Markdown(f"**{word}**")


def surprises(checks: Sequence[CheckRecord]) -> Table:
    """Checks that did not go as the suite's known limits say, either way."""
    fields: list[Field[CheckRecord]] = [
        text_field("Adapter", lambda check: check.adapter),
        text_field("Promise", lambda check: check.behaviour),
        text_field("Outcome", lambda check: "pass" if check.outcome == "measured" else check.outcome),
        text_field("Expected", lambda check: check.expected),
        text_field("Actual", lambda check: check.actual),
    ]
    caption = "Not as expected: an unexpected failure and an unexpected success are both errors."
    return listing([check for check in checks if not check.as_expected], fields, caption)
