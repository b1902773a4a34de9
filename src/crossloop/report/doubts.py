"""What to doubt about a run: one short list, worst first; then how sure each scenario is. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crossloop.journal import MeasuredSet, Run
from crossloop.markup import digits
from crossloop.markup.digits import MISSING
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.references import MARKED_SHARE
from crossloop.report.certainty import noise_floor, ranked, stopping_doubts
from crossloop.report.fields import near_the_load
from crossloop.report.places import adapters_with_pages, place_of_adapter, places_of_scenarios
from crossloop.report.references import Certificate, certificate
from crossloop.report.texts import ScenarioTexts

STEAL_NOTED = 0.01
"""Share of CPU time taken by the hypervisor from which it is mentioned."""
LATE_SHARE = 0.1
"""Part of a slice by which load hosts may begin apart before it is mentioned."""
_NAMES_SHOWN = 8


@dataclass(frozen=True)
class Doubts:
    """What the page of doubts says."""

    lines: tuple[Markdown, ...]
    """Worst first."""
    scenarios: Table
    """How sure each scenario's main parameter set is, the least sure first."""
    certificate: Certificate


def doubts(run: Run, texts: Mapping[str, ScenarioTexts]) -> Doubts:
    """Everything that a reader should know before believing a figure."""
    reach = certificate(run, texts)
    lines = [
        *_incomplete(run),
        *_warnings(run),
        *_unexpected_checks(run),
        *_stolen(run),
        *_client_bound(run),
        *_late_hosts(run),
        *([reach.sentence] if reach.sentence else []),
        noise_floor(run),
        *_not_ranked(run),
        *stopping_doubts(run),
        *_two_modes(run),
    ]
    return Doubts(tuple(lines), _scenarios(run, texts), reach)


def _incomplete(run: Run) -> Iterator[Markdown]:
    if run.end is None:
        yield Markdown(
            "**The run is incomplete.** Its journal has no end record. What stands here was measured; what is missing "
            "was not reached."
        )


def _warnings(run: Run) -> Iterator[Markdown]:
    for warning in run.warnings:
        remedy = f" *Remedy:* {inline(warning.remedy)}" if warning.remedy else ""
        yield Markdown(f"**{inline(warning.name)}**: {inline(warning.cause)}{remedy}")


def _unexpected_checks(run: Run) -> Iterator[Markdown]:
    unexpected = [check for check in run.checks if not check.as_expected]
    if unexpected:
        pages = set(adapters_with_pages(run))
        names = dict.fromkeys(check.adapter for check in unexpected)
        links = [
            f"[{inline(name)}]({place_of_adapter(name)})" if name in pages else inline(name) for name in names
        ]
        yield Markdown(
            f"**Promises with an unexpected outcome: {digits.integer(len(unexpected))}**, of {_listed(links)}. "
            "The list of known limits in the suite says otherwise."
        )


def _stolen(run: Run) -> Iterator[Markdown]:
    shares = [
        share
        for measured in run.all_sets
        for row in measured.rows
        if (share := row.figures.regime.steal_share) is not None
    ]
    noted = sum(share >= STEAL_NOTED for share in shares)
    if noted:
        yield Markdown(
            f"**Stolen time.** The hypervisor took up to {digits.percent(max(shares))} of CPU time, 1 % or more in "
            f"{digits.integer(noted)} of {digits.counted(len(shares), 'cell')}. Trust the ratios: they are paired."
        )


def _client_bound(run: Run) -> Iterator[Markdown]:
    def limited(measured: MeasuredSet) -> int:
        return sum(row.figures.regime.name == "client-bound" for row in measured.rows)

    rows = sum(len(measured.rows) for measured in run.all_sets)
    if count := sum(map(limited, run.all_sets)):
        yield Markdown(
            f"**The load was the limit** in {digits.integer(count)} of {digits.counted(rows, 'measured cell')} "
            f"({_scenarios_of(run, filter(limited, run.all_sets))}). Operations per second are lower bounds there (≥)."
        )


def _late_hosts(run: Run) -> Iterator[Markdown]:
    allowed_us = LATE_SHARE * run.record.slice_ms * 1000

    def late(measured: MeasuredSet) -> int:
        return sum(
            any(host.start_error_us > allowed_us for host in row.figures.hosts) for row in measured.rows
        )

    if count := sum(map(late, run.all_sets)):
        yield Markdown(
            f"**Load hosts began apart** by more than {digits.percent(LATE_SHARE)} of a slice in "
            f"{digits.counted(count, 'row')} ({_scenarios_of(run, filter(late, run.all_sets))}). Their figures are of "
            "times that do not quite meet. A host that does something else as well is late."
        )


def _not_ranked(run: Run) -> Iterator[Markdown]:
    few = [measured for measured in run.all_sets if measured.rows and not ranked(measured)]
    if few:
        yield Markdown(
            f"**Not ranked:** {digits.integer(len(few))} of {digits.counted(len(run.all_sets), 'parameter set')} "
            f"have too few rounds for tiers ({_scenarios_of(run, few)})."
        )


def _two_modes(run: Run) -> Iterator[Markdown]:
    split = [measured for measured in run.all_sets if any(row.figures.modes for row in measured.rows)]
    rows = sum(bool(row.figures.modes) for measured in split for row in measured.rows)
    if rows:
        yield Markdown(
            f"**Two modes:** the slices of {digits.counted(rows, 'row')} fall into two groups, and a median is between "
            f"them or in one ({_scenarios_of(run, split)}). The page of the scenario says what goes with which."
        )


def _scenarios_of(run: Run, sets: Iterable[MeasuredSet]) -> str:
    places = places_of_scenarios(run)
    names = dict.fromkeys(measured.scenario for measured in sets)
    return _listed([f"[{inline(name)}]({places[name]})" for name in names])


def _listed(links: list[str]) -> str:
    more = f" and {digits.integer(len(links) - _NAMES_SHOWN)} more" if len(links) > _NAMES_SHOWN else ""
    return ", ".join(links[:_NAMES_SHOWN]) + more


# How sure each scenario is ------------------------------------------------------------------------


def _scenarios(run: Run, texts: Mapping[str, ScenarioTexts]) -> Table:
    places = places_of_scenarios(run)
    mains = [sets[0] for sets in run.sets.values() if sets[0].rows]
    fields: list[Field[MeasuredSet]] = [
        text_field(
            "Scenario",
            lambda measured: Markdown(
                f"[{inline(texts[measured.scenario].title)}]({places[measured.scenario]})"
            ),
        ),
        number_field("noise floor", _floor),
        number_field("widest interval", _half_width),
        number_field("rounds (generations)", _rounds),
        number_field(
            "rows limited by the load",
            lambda measured: digits.integer(
                sum(row.figures.regime.name == "client-bound" for row in measured.rows)
            ),
        ),
        number_field(
            f"rows above {digits.percent(MARKED_SHARE)} of the load's reach",
            lambda measured: digits.integer(_near(measured)),
        ),
    ]
    caption = (
        "Main parameter set of each scenario, the least sure first. Noise floor: rows nearer to each other than that "
        "are tied. Widest interval: of the ratios to the leanest row."
    )
    return listing(sorted(mains, key=_unsureness, reverse=True), fields, caption)


def _unsureness(measured: MeasuredSet) -> tuple[bool, float]:
    floor = None if measured.record is None else measured.record.noise_floor
    return floor is None, floor or 0.0


def _floor(measured: MeasuredSet) -> str:
    record = measured.record
    return "not known" if record is None or record.noise_floor is None else digits.percent(record.noise_floor)


def _half_width(measured: MeasuredSet) -> str:
    record = measured.record
    return (
        MISSING if record is None or record.half_width is None else f"± {digits.percent(record.half_width)}"
    )


def _rounds(measured: MeasuredSet) -> str:
    record = measured.record
    if record is None:
        return MISSING
    return f"{digits.integer(record.rounds)} ({digits.integer(record.generations)})"


def _near(measured: MeasuredSet) -> int:
    return sum(near_the_load(row.figures) for row in measured.rows)
