"""What a report says of the native references: their own table, and the headroom certificate in its head. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import MeasuredRow, MeasuredSet, Run
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.references import MARKED_SHARE, REFERENCES_SETTING
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
    loaded = [one for found in run.sets.values() for one in found if _has_load(one)]
    rows = [_certificate_row(one, one.references[0], about[one.scenario]) for one in loaded if one.references]
    columns = [
        Column("Scenario"),
        Column("at"),
        Column("native echo"),
        Column("the load reached, per s", "right"),
        Column("limit (server / load CPU)"),
        Column(f"rows above {digits.percent(MARKED_SHARE)} of it"),
    ]
    shown = table(columns, rows, "Headroom certificate: the load against a native echo, in the same rounds.")
    if not loaded:
        return Certificate(Markdown(""), shown)
    if not rows:
        return Certificate(_none(run), shown)
    marked = sum(len(_marked(one)) for one in loaded)
    lacking = sum(not one.references for one in loaded)
    sentence = (
        "**Headroom certificate**: the load generator was measured against a trivial native echo as well, set by "
        f"set (the table below). {digits.integer(marked)} of {digits.integer(sum(len(one.rows) for one in loaded))} "
        f"rows exceed {digits.percent(MARKED_SHARE)} of what it reached there and are marked (‡)."
    )
    neither = sum(one.references[0].figures.regime.name == "idle" for one in loaded if one.references)
    if neither:
        sentence += (
            f" In {digits.integer(neither)} neither load nor echo was at its limit: the machine kept both waiting, and "
            "the certificate says little there."
        )
    if lacking:
        sentence += f" {digits.integer(lacking)} of {digits.integer(len(loaded))} sets have none."
    return Certificate(Markdown(sentence), shown)


def _has_load(one: MeasuredSet) -> bool:
    """Whether a load asked for as much as it could get."""
    return any(
        row.figures.regime.name != "self-driven" and row.figures.offered_per_s is None for row in one.rows
    )


def _certificate_row(one: MeasuredSet, native: MeasuredRow, texts: ScenarioTexts) -> tuple[str, ...]:
    regime = native.figures.regime
    who = {"server-bound": "the echo", "client-bound": "the load"}.get(regime.name, "neither")
    return (
        texts.title,
        parameters_text(one.parameters),
        native.adapter,
        digits.estimate(native.figures.operations_per_s),
        f"{who} ({digits.share(regime.server_share)} / {digits.share(regime.load_share)})",
        _names(_marked(one)) if _compared(one) else MISSING,
    )


def _compared(one: MeasuredSet) -> bool:
    return any(row.figures.of_native for row in one.rows)


def _marked(one: MeasuredSet) -> list[MeasuredRow]:
    """Rows above the share, the nearest to the load first."""
    found = [
        (share.value, row)
        for row in one.rows
        if (share := row.figures.of_native) is not None and share.value > MARKED_SHARE
    ]
    return [row for _share, row in sorted(found, key=lambda pair: (-pair[0], pair[1].label))]


def _names(rows: Sequence[MeasuredRow]) -> str:
    if not rows:
        return "none"
    names = ", ".join(
        f"{row.label} {digits.percent(row.figures.of_native.value)}"
        for row in rows[:_NAMES_SHOWN]
        if row.figures.of_native
    )
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
    columns = [
        Column("Reference"),
        Column("Linked library"),
        Column("Mechanism"),
        Column(f"CPU µs per {texts.unit}", "right"),
        Column("user µs", "right", optional=True),
        Column("system µs", "right", optional=True),
        Column(f"{texts.units}/s", "right"),
        Column("regime (server / load CPU)"),
        Column(f"{texts.units} per sleep", "right", optional=True),
        Column("memory MB", "right", optional=True),
        Column("slices (generations)", "right"),
    ]
    caption = (
        "Native references: the same echo in C, one server a library, in the same rounds as the rows above, at "
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
        if cell.figures is None
        and (cell.scenario, cell.parameters) == (measured.scenario, measured.parameters)
    ]
    if measured.references and not measured.taxes:
        notes.append(
            "No binding tax: it takes c-epoll, an adapter on a library that has its reference, and a tenth of a second "
            "of c-epoll's CPU time, in which the kernel tells its own part from the program's."
        )
    return table(columns, [_reference_row(row, run) for row in measured.references], caption, notes)


def _reference_row(row: MeasuredRow, run: Run) -> tuple[str, ...]:
    figures, regime = row.figures, row.figures.regime
    facts = run.references[row.adapter].facts
    cpu, share = figures.cpu_ns_per_operation, figures.user_share
    library, version = str(facts.get("library") or ""), str(facts.get("library_version") or "")
    return (
        row.label,
        MISSING if library in {"", "none"} else f"{library} {version}".strip(),
        str(facts.get("mechanism") or MISSING),
        digits.estimate(cpu, 1e-3),
        MISSING if share is None else digits.number(cpu.value * share / 1000),
        MISSING if share is None else digits.number(cpu.value * (1 - share) / 1000),
        digits.number(figures.operations_per_s.value),
        f"{regime.name} ({digits.share(regime.server_share)} / {digits.share(regime.load_share)})",
        digits.number(regime.operations_per_sleep),
        digits.megabytes(figures.rss_bytes),
        f"{digits.integer(cpu.slices)} ({digits.integer(cpu.generations)})",
    )
