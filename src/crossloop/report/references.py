"""What a report says of the native references: their own table, and the headroom certificate in its head. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from crossloop.journal import MeasuredRow, MeasuredSet, Regime, Run, set_key
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.references import MARKED_SHARE, REFERENCES_SETTING
from crossloop.report.fields import (
    LABEL,
    MEMORY,
    REGIME,
    SLICES,
    SYSTEM,
    USER,
    cpu,
    near_the_load,
    sleeps,
)
from crossloop.report.texts import ScenarioTexts

_NAMES_SHOWN = 6


@dataclass(frozen=True)
class Certificate:
    """How far the load reached, by parameter set, and who came near; or why nothing is known of that."""

    sentence: Markdown
    """Empty where no scenario has a load."""
    table: Table


def certificate(run: Run, about: Mapping[str, ScenarioTexts]) -> Certificate:
    """The headroom certificate of a run."""
    loaded = [measured for measured in run.all_sets if _has_load(measured)]
    certified = [measured for measured in loaded if measured.references]
    fields: list[Field[MeasuredSet]] = [
        text_field("Scenario", lambda measured: about[measured.scenario].title),
        text_field("at", lambda measured: parameters_text(measured.parameters)),
        text_field("native echo", lambda measured: measured.references[0].adapter),
        number_field(
            "the load reached, per s",
            lambda measured: digits.estimate(measured.references[0].figures.operations_per_s),
        ),
        text_field(
            "limit (server / load CPU)", lambda measured: _limit(measured.references[0].figures.regime)
        ),
        text_field(f"rows above {digits.percent(MARKED_SHARE)} of it", _names),
    ]
    caption = "Headroom certificate: the load against a native echo, in the same rounds."
    shown = listing(certified, fields, caption)
    if not loaded:
        return Certificate(Markdown(""), shown)
    if not certified:
        return Certificate(_none(run), shown)
    marked = sum(len(_marked(measured)) for measured in loaded)
    rows = sum(len(measured.rows) for measured in loaded)
    sentence = (
        "**Headroom certificate**: the load was measured against a trivial native echo as well. "
        f"{digits.integer(marked)} of {digits.integer(rows)} rows exceed {digits.percent(MARKED_SHARE)} of the rate "
        "that it reached there (‡)."
    )
    neither = sum(measured.references[0].figures.regime.name == "idle" for measured in certified)
    if neither:
        sentence += (
            f" In {digits.integer(neither)} neither load nor echo was at its limit: the machine kept both waiting. The "
            "certificate says little there."
        )
    if lacking := len(loaded) - len(certified):
        sentence += f" {digits.integer(lacking)} of {digits.integer(len(loaded))} sets have none."
    return Certificate(Markdown(sentence), shown)


def _has_load(measured: MeasuredSet) -> bool:
    """Whether a load asked for as much as it could get."""
    return any(
        row.figures.regime.name != "self-driven" and row.figures.offered_per_s is None
        for row in measured.rows
    )


def _limit(regime: Regime) -> str:
    who = {"server-bound": "the echo", "client-bound": "the load"}.get(regime.name, "neither")
    return f"{who} ({digits.share(regime.server_share)} / {digits.share(regime.load_share)})"


def _marked(measured: MeasuredSet) -> list[tuple[float, str]]:
    """Share and name of the rows above the bound, the nearest to the load first."""
    near = [
        (row.figures.of_native.value, row.label)
        for row in measured.rows
        if row.figures.of_native and near_the_load(row.figures)
    ]
    return sorted(near, key=lambda row: (-row[0], row[1]))


def _names(measured: MeasuredSet) -> str:
    if not any(row.figures.of_native for row in measured.rows):
        return MISSING
    rows = _marked(measured)
    if not rows:
        return "none"
    names = ", ".join(f"{label} {digits.percent(share)}" for share, label in rows[:_NAMES_SHOWN])
    more = f" and {digits.integer(len(rows) - _NAMES_SHOWN)} more" if len(rows) > _NAMES_SHOWN else ""
    return f"{digits.integer(len(rows))}: {names}{more}"


def _none(run: Run) -> Markdown:
    """That there is no certificate, and why."""
    reasons = [
        f"{inline(name)}: {inline(record.outcome)}: {inline(record.reason)}"
        for name, record in run.references.items()
        if not record.usable
    ]
    reasons += [
        f"{inline(cell.adapter)}: {inline(cell.outcome)}: {inline(cell.reason)}"
        for cell in run.reference_cells
        if cell.figures is None
    ]
    if run.record.settings.get(REFERENCES_SETTING) is False:
        why = "the native references were left out (`--no-references`)"
    elif reasons:
        why = "; ".join(dict.fromkeys(reasons))
    else:
        why = "this run measured no native echo"
    return Markdown(
        f"**No headroom certificate**: {why}. The regime is the only guard against measuring the load."
    )


def references_table(measured: MeasuredSet, texts: ScenarioTexts, run: Run) -> Table:
    """The references of one parameter set, in the order of the journal."""

    def fact(row: MeasuredRow, name: str) -> str:
        return str(run.references[row.adapter].facts.get(name) or "")

    fields = [
        text_field("Reference", LABEL.cell),
        text_field(
            "Linked library", lambda row: _library(fact(row, "library"), fact(row, "library_version"))
        ),
        text_field("Mechanism", lambda row: fact(row, "mechanism") or MISSING),
        cpu(texts.unit),
        USER,
        SYSTEM,
        number_field(f"{texts.units}/s", lambda row: digits.number(row.figures.operations_per_s.value)),
        REGIME,
        sleeps(texts.units),
        MEMORY,
        SLICES,
    ]
    caption = (
        "Native references: the same server in C, one a library, in the same rounds as the rows above, at "
        "capacity, and ranked with nobody."
    )
    notes = [
        f"{name}: {record.outcome}: {record.reason}"
        for name, record in run.references.items()
        if not record.usable and measured.references
    ]
    notes += [
        f"{cell.adapter}: {cell.outcome}: {cell.reason}"
        for cell in run.reference_cells
        if cell.figures is None and set_key(cell) == measured.key
    ]
    if measured.references and not measured.taxes:
        notes.append(
            "No binding tax: it takes c-epoll, an adapter on a library that has its reference, and a tenth of a second "
            "of c-epoll's CPU time, in which the kernel tells its own part from the program's."
        )
    return listing(measured.references, fields, caption, notes)


def _library(name: str, version: str) -> str:
    return MISSING if name in {"", "none"} else f"{name} {version}".strip()
