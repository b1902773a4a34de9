"""What `crossloop doctor` says about one aspect of the machine."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Diagnosis:
    """One aspect: `ok`; `warning` (figures are less sure, or something is missing); `problem` (no run)."""

    status: Status
    detail: str
    """What was seen, with its unit."""
    remedy: str = ""
    """The command or the change that helps; empty when all is well or nothing is known to help."""
