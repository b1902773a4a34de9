"""Every cell that has no figure: what happened, why, and how to see it again; and what a profile leaves out."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from crossloop.journal import CellRecord, Run, row_key, row_label
from crossloop.journal.naming import adapter_of
from crossloop.markup import digits
from crossloop.markup.digits import parameters_text
from crossloop.markup.escaping import Markdown, block, code, inline
from crossloop.markup.tables import Field, Table, listing, number_field, text_field
from crossloop.outcomes import OutcomeName

_SETS_SHOWN = 6
_SERIOUS_FIRST: tuple[OutcomeName, ...] = (
    "crashed",
    "failed",
    "timed-out",
    "over-limit",
    "not-installed",
    "unsupported",
    "measured",
)


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
        if self.outcome == "not-installed":
            return code(f"crossloop setup {shlex.quote(adapter_of(self.adapter))}")
        words = ["crossloop", "bench", "--adapters", adapter_of(self.adapter)]
        if self.cells:
            words += ["--scenarios", ",".join(self.scenarios)]
        return code(shlex.join([*words, "--profile", self.profile]))

    @property
    def stderr_block(self) -> Markdown:
        """End of the process's error output; empty when it printed nothing."""
        return block(self.stderr_tail) if self.stderr_tail.strip() else Markdown("")


def incidents(run: Run) -> tuple[Incident, ...]:
    """Cells without figures, those that ended alike together, the most serious outcome first."""
    grouped: dict[tuple[str, OutcomeName, str, str], list[CellRecord]] = {}
    for cell in run.cells:
        if cell.figures is None:
            grouped.setdefault((cell.adapter, cell.outcome, cell.reason, cell.stderr_tail), []).append(cell)
    seen = {adapter for adapter, *_ in grouped}
    for name, record in run.adapters.items():
        if not record.usable and name not in seen:
            grouped[name, record.outcome, record.reason, ""] = []
    found = [Incident(*key, tuple(cells), run.record.profile) for key, cells in grouped.items()]
    return tuple(sorted(found, key=lambda one: _SERIOUS_FIRST.index(one.outcome)))


def incident_table(found: tuple[Incident, ...]) -> Table:
    """Overview: one line an incident."""
    fields: list[Field[Incident]] = [
        text_field("Adapter", lambda one: one.adapter),
        text_field("Outcome", lambda one: one.outcome),
        text_field("Scenarios", lambda one: ", ".join(one.scenarios) or "all"),
        number_field("Cells", lambda one: digits.integer(len(one.cells)) if one.cells else digits.MISSING),
        text_field("Reason", lambda one: one.reason or digits.MISSING),
        text_field("To see it again", lambda one: one.command),
    ]
    return listing(found, fields)


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
    sentence = (
        f"This profile runs each scenario at its headline, and further parameter sets of few. {counted}."
    )
    return LeftOut(Markdown(sentence), listing(sorted(missing), fields))


def _sets_in(run: Run, profile: str) -> Callable[[str], str]:
    return lambda scenario: digits.integer(run.record.left_out[scenario].get(profile, 0))


def _command(profile: str, scenario: str) -> Markdown:
    return code(shlex.join(["crossloop", "bench", "--profile", profile, "--scenarios", scenario]))
