"""Bringing what adapters need, one by one, and examining the machine (supervisor side).

`bring_all` is `crossloop setup`, `examine` is `crossloop doctor`, `machine` and `recorded_setup` go into
listings and journals.
"""

from crossloop.installing.bring import Brought, bring_all
from crossloop.installing.machine import machine
from crossloop.installing.record import record_path, recorded_setup
from crossloop.installing.results import (
    AlreadyThere,
    Built,
    InstallFailed,
    InstallName,
    InstallResult,
    NotForThisPlatform,
    StandardLibrary,
    Wheel,
    install_name,
    install_text,
)

__all__ = [
    "AlreadyThere",
    "Brought",
    "Built",
    "InstallFailed",
    "InstallName",
    "InstallResult",
    "NotForThisPlatform",
    "StandardLibrary",
    "Wheel",
    "bring_all",
    "install_name",
    "install_text",
    "machine",
    "record_path",
    "recorded_setup",
]
