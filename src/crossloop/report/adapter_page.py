"""The page of one adapter: what it is, its row in every scenario, what it lacks, what it does otherwise. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import BASELINE, CheckRecord, MeasuredRow, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.behaviours import Asking, LibraryPage, Texts, library_pages
from crossloop.report.dropin import dropins
from crossloop.report.headline import Headline, HeadlineColumn
from crossloop.report.missing import plain_reason
from crossloop.report.places import adapters_with_pages, place_of_adapter, places_of_scenarios
from crossloop.report.portability import facts_of
from crossloop.report.ratios import Ratio, ratio_of


@dataclass(frozen=True)
class AdapterPage:
    """What the page of one adapter says."""

    adapter: str
    file: str
    facts: tuple[str, ...]
    scenarios: Table
    lacks: Table
    """Outcome, reason, scenarios, of those that have no figure."""
    contract: str
    """How many promises it keeps, in a sentence; empty where it was not checked."""
    broken: Table
    """Promises that it does not keep."""
    behaviours: LibraryPage | None
    loops: Table
    """What it does with CPython's own tests."""


def adapter_pages(run: Run, headline: Headline, questions: Texts) -> list[AdapterPage]:
    """A page for each adapter that is known here."""
    libraries = {page.adapter: page for page in library_pages(Asking("", run), questions)}
    links = {name: f"../{place}" for name, place in places_of_scenarios(run).items()}
    return [
        AdapterPage(
            adapter=adapter,
            file=place_of_adapter(adapter),
            facts=facts_of(run.adapters.get(adapter)),
            scenarios=_scenarios(headline, adapter, links),
            lacks=_lacks(run, adapter, links),
            contract=_contract([check for check in run.checks if check.adapter == adapter]),
            broken=_broken([check for check in run.checks if check.adapter == adapter]),
            behaviours=libraries.get(adapter),
            loops=dropins([(Markdown(""), run)], adapter),
        )
        for adapter in adapters_with_pages(run)
    ]


def _scenarios(headline: Headline, adapter: str, links: Mapping[str, str]) -> Table:
    """The adapter's leanest row of each question."""
    measured = [(column, row) for column in headline.columns if (row := column.best_of(adapter)) is not None]
    unpaired = False

    def to_baseline(column: HeadlineColumn) -> Ratio | None:
        row, base = column.best_of(adapter), column.best_of(BASELINE)
        return None if row is None or base is None else ratio_of(row, base)

    rows = []
    for column, row in measured:
        leanest, baseline = ratio_of(row, column.rows[0]), to_baseline(column)
        unpaired = unpaired or not all(ratio.paired for ratio in (leanest, baseline) if ratio is not None)
        rows.append(
            (
                Markdown(f"[{inline(column.title)}]({links[column.scenario]})"),
                "" if row.style == "native" else row.style,
                _tier(column, row),
                digits.estimate(row.figures.cpu_ns_per_operation, 1e-3),
                _ratio(leanest),
                digits.MISSING if adapter == BASELINE else _ratio(baseline),
            )
        )
    columns = [
        Column("Scenario"),
        Column("style", optional=True),
        Column("tier", "right"),
        Column("CPU µs per operation", "right"),
        Column("÷ leanest", "right"),
        Column(f"÷ {BASELINE}", "right", optional=True),
    ]
    notes = [
        "≈: a quotient of two ratios to the leanest row. Its interval is wider than that of paired slices."
    ]
    caption = "Its leanest row at the main parameter set of each scenario, 95 % interval in brackets."
    return table(columns, rows, caption, notes if unpaired else [])


def _tier(column: HeadlineColumn, row: MeasuredRow) -> str:
    """`2 of 7`, counted among the rows of the column alone."""
    if not column.ranked:
        return digits.MISSING
    tiers = sorted({other.figures.tier for other in column.rows})
    return f"{digits.integer(tiers.index(row.figures.tier) + 1)} of {digits.integer(len(tiers))}"


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return digits.MISSING
    return digits.ratio(ratio.estimate) + ("" if ratio.paired else " ≈")


def _lacks(run: Run, adapter: str, links: Mapping[str, str]) -> Table:
    """Cells without a figure, alike ones together."""
    alike: dict[tuple[str, str], dict[str, None]] = {}
    for cell in run.cells:
        if cell.adapter == adapter and cell.figures is None:
            alike.setdefault((cell.outcome, plain_reason(cell)), {})[cell.scenario] = None
    rows = [
        (
            outcome,
            reason or digits.MISSING,
            Markdown(", ".join(f"[{inline(name)}]({links[name]})" for name in names)),
        )
        for (outcome, reason), names in alike.items()
    ]
    return table([Column("Outcome"), Column("Reason"), Column("Scenarios")], rows)


def _contract(checks: Sequence[CheckRecord]) -> str:
    if not checks:
        return ""
    kept = sum(check.outcome == "measured" for check in checks)
    return f"It keeps {digits.integer(kept)} of {digits.counted(len(checks), 'promise')} of its adapter's contract."


def _broken(checks: Sequence[CheckRecord]) -> Table:
    """Promises that are not kept, and any whose outcome was not expected; those with one reason together."""
    alike: dict[tuple[Markdown, str, str], list[CheckRecord]] = {}
    for check in checks:
        if check.outcome != "measured" or not check.as_expected:
            distinct = check.reason or f"{check.behaviour}: {check.actual}"
            alike.setdefault((_check_outcome(check), check.expected, distinct), []).append(check)
    rows = [
        (
            Markdown(", ".join(code(check.behaviour) for check in members)),
            outcome,
            expected,
            "; ".join(dict.fromkeys(check.actual for check in members if check.actual)) or digits.MISSING,
            members[0].reason or digits.MISSING,
        )
        for (outcome, expected, _reason), members in alike.items()
    ]
    columns = [
        Column("Promises"),
        Column("Outcome"),
        Column("Expected"),
        Column("Actual", optional=True),
        Column("Reason", optional=True),
    ]
    unexpected = any(not check.as_expected for members in alike.values() for check in members)
    notes = ["Bold: not as the suite's list of known limits has it."] if unexpected else []
    return table(columns, rows, notes=notes)


def _check_outcome(check: CheckRecord) -> Markdown:
    word = inline("kept" if check.outcome == "measured" else check.outcome)
    return word if check.as_expected else Markdown(f"**{word}**")
