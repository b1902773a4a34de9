"""Bringing what adapters need, one by one (supervisor side).

`bring_all` is `crossloop setup`; what it brought, `recorded_setup`, goes into listings and journals.
"""

from crossloop.installing.bring import Brought, bring_all
from crossloop.installing.parts import GROUPS, PARTS
from crossloop.installing.record import RecordError, record_path, recorded_setup
from crossloop.installing.results import (
    AlreadyThere,
    Built,
    InstallFailed,
    InstallName,
    InstallResult,
    NotForThisPlatform,
    StandardLibrary,
    SystemPackage,
    Wheel,
)

__all__ = [
    "GROUPS",
    "PARTS",
    "AlreadyThere",
    "Brought",
    "Built",
    "InstallFailed",
    "InstallName",
    "InstallResult",
    "NotForThisPlatform",
    "RecordError",
    "StandardLibrary",
    "SystemPackage",
    "Wheel",
    "bring_all",
    "record_path",
    "recorded_setup",
]
