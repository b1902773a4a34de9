"""Bringing what adapters need, one by one, and examining the machine (supervisor side).

`bring_all` is `crossloop setup`, `examine` is `crossloop doctor`, `machine` and `recorded_setup` go into
listings and journals.
"""

from crossloop.installing.bring import Brought, bring_all
from crossloop.installing.doctor import examine
from crossloop.installing.findings import Finding, Status
from crossloop.installing.machine import machine
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
    install_name,
    install_text,
)

__all__ = [
    "GROUPS",
    "PARTS",
    "AlreadyThere",
    "Brought",
    "Built",
    "Finding",
    "InstallFailed",
    "InstallName",
    "InstallResult",
    "NotForThisPlatform",
    "RecordError",
    "StandardLibrary",
    "Status",
    "SystemPackage",
    "Wheel",
    "bring_all",
    "examine",
    "install_name",
    "install_text",
    "machine",
    "record_path",
    "recorded_setup",
]
