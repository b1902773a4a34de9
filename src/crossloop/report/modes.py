"""Rows whose slices fall into two modes: a line each, with what the modes go with. Pure."""

from collections.abc import Sequence
from typing import assert_never

from crossloop.journal import MeasuredRow, Mode, Modes
from crossloop.markup import digits
from crossloop.markup.digits import MISSING
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.report.texts import ScenarioTexts

_OTHERS = "others"
_SHOWN = {
    "server_share": "subject's CPU",
    "load_share": "load's CPU",
    "operations_per_sleep": "{units} per sleep",
    "steal_share": "steal",
}
"""Condition of a slice (`crossloop.statistics.modes.CONDITIONS`) → what the line calls it."""


def mode_lines(rows: Sequence[MeasuredRow], texts: ScenarioTexts) -> tuple[Markdown, ...]:
    """A line for each figure of each row that has two modes; none for all others."""
    return tuple(_line(row, modes, texts) for row in rows for modes in row.figures.modes)


def _line(row: MeasuredRow, modes: Modes, texts: ScenarioTexts) -> Markdown:
    slices = modes.low.slices + modes.high.slices
    parts = [
        f"{_value(modes, mode, texts)} in {_share(mode.slices, slices)}" for mode in (modes.low, modes.high)
    ]
    return Markdown(
        f"**Two modes** of {code(row.label)}: {parts[0]}, {parts[1]} of {digits.integer(slices)} slices (one mode "
        f"looks so in fewer than {digits.percent(modes.chance)} of cases). {_explained(modes, texts)}"
    )


def _value(modes: Modes, mode: Mode, texts: ScenarioTexts) -> str:
    match modes.figure:
        case "cpu_ns_per_operation":
            return f"{digits.number(mode.value / 1000)} µs of CPU per {inline(texts.unit)}"
        case "operations_per_s":
            return f"{digits.number(mode.value)} {inline(texts.units)}/s"
        case _:
            assert_never(modes.figure)


def _share(slices: int, of: int) -> str:
    return digits.percent(slices / of) if of else MISSING


def _explained(modes: Modes, texts: ScenarioTexts) -> str:
    causes = []
    for cause in modes.explained_by:
        match cause:
            case "machine":
                causes.append(f"the machine (the other rows at {_pair(modes, _OTHERS)} of their usual)")
            case "process":
                causes.append("the process (each generation is in one of them)")
            case "age":
                causes.append("the age of the process (early rounds are in one, late ones in the other)")
            case "regime":
                causes.append(f"who was the limit ({_conditions(modes, texts)})")
            case _:
                assert_never(cause)
    if not causes:
        return f"Nothing that was recorded tells them apart ({_conditions(modes, texts)})."
    return f"They go with {'; with '.join(causes)}."


def _conditions(modes: Modes, texts: ScenarioTexts) -> str:
    """Every condition that both modes have, of the low one and of the high one."""
    parts = [
        f"{inline(title.format(units=texts.units))} {_pair(modes, name)}"
        for name, title in _SHOWN.items()
        if name in modes.low.conditions and name in modes.high.conditions
    ]
    return ", ".join(parts) or "no condition was recorded"


def _pair(modes: Modes, name: str) -> str:
    low, high = (mode.conditions.get(name) for mode in (modes.low, modes.high))
    return f"{digits.number(low)} and {digits.number(high)}"
