"""Outcomes: what became of a cell. A closed union of frozen dataclasses, each with evidence and reason.

`match` over an outcome ends in `assert_never`, so that a new kind is an error of types everywhere. `name` is an
outcome's name in the journal.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

from crossloop.plain_text import without_folders

OutcomeName: TypeAlias = Literal[
    "measured", "unsupported", "not-installed", "failed", "crashed", "timed-out", "over-limit"
]


@dataclass(frozen=True)
class Measured:
    """It ran, every answer was verified; the figures are in the cell."""

    name: ClassVar[OutcomeName] = "measured"


@dataclass(frozen=True)
class Unsupported:
    """The library, platform or kernel cannot do it, as the adapter says itself."""

    reason: str
    name: ClassVar[OutcomeName] = "unsupported"


@dataclass(frozen=True)
class NotInstalled:
    """The binding is not here; the reason says what happened at `crossloop setup` and what would help."""

    reason: str
    name: ClassVar[OutcomeName] = "not-installed"


@dataclass(frozen=True)
class Failed:
    """It ran and the result is wrong, or it raised; a wrong answer outweighs any speed."""

    reason: str
    stderr_tail: str = ""
    beside: str = ""
    """The process beside the measured one that failed: nothing is known of the measured one then."""
    name: ClassVar[OutcomeName] = "failed"


@dataclass(frozen=True)
class Crashed:
    """The process ended by itself: a signal, or an exit that nobody asked for."""

    reason: str
    stderr_tail: str = ""
    name: ClassVar[OutcomeName] = "crashed"


@dataclass(frozen=True)
class TimedOut:
    """Nothing came back within the limit; the process was ended."""

    reason: str
    limit_s: float
    stderr_tail: str = ""
    name: ClassVar[OutcomeName] = "timed-out"


@dataclass(frozen=True)
class OverLimit:
    """A bound of this suite, of memory or of output, ended it or forbids it beforehand: nothing is known against it."""

    reason: str
    stderr_tail: str = ""
    name: ClassVar[OutcomeName] = "over-limit"


Outcome: TypeAlias = Measured | Unsupported | NotInstalled | Failed | Crashed | TimedOut | OverLimit


def outcome_reason(outcome: Outcome) -> str:
    """Reason of an outcome, without the names of this machine's folders; empty for `Measured` alone."""
    return "" if isinstance(outcome, Measured) else without_folders(outcome.reason)


def at(place: str, outcome: Outcome) -> Outcome:
    """*outcome* with the place that it belongs to before its reason."""
    if isinstance(outcome, Measured):
        return outcome
    return replace(outcome, reason=f"{place}: {outcome.reason}")


def outcome_stderr(outcome: Outcome) -> str:
    """End of the process's error output, where the outcome has one."""
    return outcome.stderr_tail if isinstance(outcome, Failed | Crashed | TimedOut | OverLimit) else ""


def outcome_beside(outcome: Outcome) -> str:
    """The process beside the measured one whose failure this is; empty where it is the measured one's."""
    return outcome.beside if isinstance(outcome, Failed) else ""
