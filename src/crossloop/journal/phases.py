"""The phases of slices: what a slice measured. The journal has their text, `str(phase)`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

_RATE = "rate:"


class PlainPhase(StrEnum):
    """A phase that a comparison has once."""

    CAPACITY = "capacity"
    """Closed loop: each connection sends as soon as it is answered."""
    WORK = "work"
    """The measured process drives itself."""
    LOAD = "load"
    """Open loop at a scenario's own rate, on connections drawn at random."""
    CONNECT = "connect"
    """Operations are connections made and answered once; memory before that is among the counters."""


@dataclass(frozen=True)
class RatePhase:
    """Open loop beside capacity, at one offered load."""

    label: str
    """`common`, or the share of the row's own capacity: `50%`."""

    def __str__(self) -> str:
        return f"{_RATE}{self.label}"


Phase: TypeAlias = PlainPhase | RatePhase

MAIN_PHASES: frozenset[Phase] = frozenset({PlainPhase.CAPACITY, PlainPhase.WORK, PlainPhase.LOAD})
"""Phases whose slices make a row's main figures; each row of a comparison has one of them."""
COMMON = "common"
"""Label of the offered rate that all rows of a comparison are given."""
_PLAIN: Mapping[str, PlainPhase] = {str(phase): phase for phase in PlainPhase}


def phase_of(text: str) -> Phase | None:
    """The phase of a slice by its text; None for one that this crossloop does not know."""
    return RatePhase(text.removeprefix(_RATE)) if text.startswith(_RATE) else _PLAIN.get(text)
