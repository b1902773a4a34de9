"""What has no figure and why, grouped by reason: what is not here, what is not offered, what went wrong. Pure."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from crossloop.journal import CellRecord, Run, row_key, row_label
from crossloop.journal.naming import adapter_of
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, block, code, inline
from crossloop.markup.tables import Column, Field, Table, listing, number_field, table, text_field
from crossloop.outcomes import OutcomeName
from crossloop.report.places import adapters_with_pages, place_of_adapter, places_of_scenarios

_SETS_SHOWN = 6
_WRONG: tuple[OutcomeName, ...] = ("crashed", "failed", "timed-out", "over-limit")
"""Outcomes that are no property of an adapter: something went wrong. The most serious comes first."""
_LACKING = re.compile(r"\S+ offers [\w, ]+; this needs ([\w ]+)")
"""What the plan of a bench writes where an adapter does not offer the level of a scenario."""


@dataclass(frozen=True)
class Missing:
    """Everything of a run that has no figure."""

    platform: Markdown
    """The adapters that this platform does not have, in a line; empty where it has all."""
    platform_reasons: Table
    not_installed: Table
    """Adapters that are not installed, why, and the command that brings them."""
    not_run: Markdown
    """Adapters that were asked for and never reached, in a line; empty where there are none."""
    reasons: Table
    """Reasons of adapters that are here: each once, with the adapters and the scenarios that it holds for."""
    incidents: "tuple[Incident, ...]"
    incident_table: Table
    left_out: "LeftOut"


def missing(run: Run) -> Missing:
    """Group what has no figure."""
    absent = [record for record in run.adapters.values() if not record.usable]
    platform = [record for record in absent if record.outcome == "unsupported"]
    others = [record for record in absent if record.outcome not in {"unsupported", *_WRONG}]
    known = {adapter_of(name) for name in (*run.adapters, *(cell.adapter for cell in run.cells))}
    not_run = [name for name in run.adapter_ids if name not in known]
    ended = incidents(run)
    return Missing(
        platform=_names([record.adapter for record in platform]),
        platform_reasons=table(
            [Column("Adapter"), Column("Reason")], [(record.adapter, record.reason) for record in platform]
        ),
        not_installed=table(
            [Column("Adapter"), Column("Outcome"), Column("Reason"), Column("To get it")],
            [
                (
                    record.adapter,
                    record.outcome,
                    record.reason,
                    code(f"crossloop setup {shlex.quote(record.adapter)}"),
                )
                for record in others
            ],
        ),
        not_run=_names(not_run),
        reasons=_reasons(run),
        incidents=ended,
        incident_table=incident_table(ended, run),
        left_out=left_out(run),
    )


def plain_reason(cell: CellRecord) -> str:
    """The reason of a cell without what differs between adapters, so that alike ones can stand together."""
    lacking = _LACKING.fullmatch(cell.reason)
    return f"the adapter offers no {lacking[1]}" if lacking else cell.reason


def _names(names: Iterable[str]) -> Markdown:
    return Markdown(", ".join(map(code, names)))


def _reasons(run: Run) -> Table:
    """What adapters that are here do not offer, the reason that empties most cells first."""
    absent = {name: record.reason for name, record in run.adapters.items() if not record.usable}
    alike: dict[tuple[OutcomeName, str], list[CellRecord]] = {}
    for cell in run.cells:
        if cell.figures is not None or cell.outcome in _WRONG:
            continue
        if absent.get(cell.adapter) != cell.reason:  # else it is said of the adapter as a whole
            alike.setdefault((cell.outcome, plain_reason(cell)), []).append(cell)
    links = _links(run)
    rows = [
        (
            reason or digits.MISSING,
            "" if outcome == "unsupported" else outcome,
            _linked((cell.adapter for cell in cells), links),
            _linked((cell.scenario for cell in cells), links),
        )
        for (outcome, reason), cells in sorted(alike.items(), key=lambda group: -len(group[1]))
    ]
    columns = [Column("Reason"), Column("Outcome", optional=True), Column("Adapters"), Column("Scenarios")]
    return table(columns, rows, "Each of these cells is unsupported, where the table gives no other outcome.")


def _links(run: Run) -> Mapping[str, str]:
    """Adapter or scenario → its page. Ids of both are never alike in a suite."""
    return {**{name: place_of_adapter(name) for name in adapters_with_pages(run)}, **places_of_scenarios(run)}


def _linked(names: Iterable[str], links: Mapping[str, str]) -> Markdown:
    shown = [
        f"[{inline(name)}]({links[name]})" if name in links else inline(name) for name in dict.fromkeys(names)
    ]
    return Markdown(", ".join(shown))


# What went wrong ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Incident:
    """Cells that ended alike: one adapter, one outcome, one reason, one end of the error output."""

    adapter: str
    outcome: OutcomeName
    reason: str
    stderr_tail: str
    cells: tuple[CellRecord, ...]
    profile: str

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Scenarios of the cells; none when the adapter is not usable at all."""
        return tuple(dict.fromkeys(cell.scenario for cell in self.cells))

    @property
    def heading(self) -> Markdown:
        """`pyev crashed in tcp-echo, 3 cells`."""
        scenarios = ", ".join(self.scenarios) or "every scenario"
        count = len(self.cells)
        cells = f", {digits.counted(count, 'cell')}" if count else ""
        return Markdown(f"{inline(self.adapter)}: {inline(self.outcome)} in {inline(scenarios)}{cells}")

    @property
    def where(self) -> str:
        """Styles and parameter sets, the first few of them."""
        places = [f"{row_label(*row_key(cell))}, {parameters_text(cell.parameters)}" for cell in self.cells]
        more = f"; and {len(places) - _SETS_SHOWN} more" if len(places) > _SETS_SHOWN else ""
        return "; ".join(places[:_SETS_SHOWN]) + more

    @property
    def command(self) -> Markdown:
        """What runs these cells again."""
        command = ["crossloop", "bench", "--adapters", adapter_of(self.adapter)]
        if self.cells:
            command += ["--scenarios", ",".join(self.scenarios)]
        return code(shlex.join([*command, "--profile", self.profile]))

    @property
    def stderr_block(self) -> Markdown:
        """End of the process's error output; empty when it printed nothing."""
        return block(self.stderr_tail) if self.stderr_tail.strip() else Markdown("")


def incidents(run: Run) -> tuple[Incident, ...]:
    """Cells in which something went wrong, those that ended alike together, the most serious outcome first."""
    alike: dict[tuple[str, OutcomeName, str, str], list[CellRecord]] = {}
    for cell in run.cells:
        if cell.outcome in _WRONG:
            alike.setdefault((cell.adapter, cell.outcome, cell.reason, cell.stderr_tail), []).append(cell)
    seen = {adapter for adapter, *_ in alike}
    for name, record in run.adapters.items():
        if record.outcome in _WRONG and not record.usable and name not in seen:
            alike[name, record.outcome, record.reason, ""] = []
    ended = [Incident(*key, tuple(cells), run.record.profile) for key, cells in alike.items()]
    return tuple(sorted(ended, key=lambda incident: _WRONG.index(incident.outcome)))


def incident_table(ended: tuple[Incident, ...], run: Run) -> Table:
    """A line for each."""
    links = _links(run)
    fields: list[Field[Incident]] = [
        text_field("Adapter", lambda incident: _linked([incident.adapter], links)),
        text_field("Outcome", lambda incident: incident.outcome),
        text_field("Scenarios", lambda incident: _linked(incident.scenarios, links) or Markdown("all")),
        number_field(
            "Cells",
            lambda incident: digits.integer(len(incident.cells)) if incident.cells else digits.MISSING,
        ),
        text_field("Reason", lambda incident: incident.reason or digits.MISSING),
        text_field("To see it again", lambda incident: incident.command),
    ]
    return listing(ended, fields)


# What the profile leaves out ----------------------------------------------------------------------


@dataclass(frozen=True)
class LeftOut:
    """What larger profiles run beyond this run's."""

    sentence: Markdown
    """Empty where this run's profile leaves nothing out."""
    table: Table
    """A row for each scenario."""


def left_out(run: Run) -> LeftOut:
    """Parameter sets that the run's profile does not have, by scenario, and the command that brings them."""
    missing = run.record.left_out
    profiles = list(dict.fromkeys(name for sets in missing.values() for name in sets))
    fields: list[Field[str]] = [
        text_field("Scenario", lambda scenario: scenario),
        *(number_field(f"Further sets in {name}", _sets_in(run, name)) for name in profiles),
        text_field("Command", lambda scenario: _command(profiles[-1], scenario)),
    ]
    if not missing:
        return LeftOut(Markdown(""), Table((), ()))
    counted = ", ".join(
        f"{code(name)} runs {digits.counted(sum(sets.get(name, 0) for sets in missing.values()), 'set')} more"
        for name in profiles
    )
    sentence = f"This profile runs each scenario at its main parameter set, and few further ones. {counted}."
    return LeftOut(Markdown(sentence), listing(sorted(missing), fields))


def _sets_in(run: Run, profile: str) -> Callable[[str], str]:
    return lambda scenario: digits.integer(run.record.left_out[scenario].get(profile, 0))


def _command(profile: str, scenario: str) -> Markdown:
    return code(shlex.join(["crossloop", "bench", "--profile", profile, "--scenarios", scenario]))
