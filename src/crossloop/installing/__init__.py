"""Bringing what adapters need, one by one (supervisor side).

`bring_all` is `crossloop setup`; what it brought, `recorded_setup`, goes into listings and journals.
"""

from crossloop.installing.bring import bring_all
from crossloop.installing.parts import GROUPS, PARTS
from crossloop.installing.record import RecordError, recorded_setup
from crossloop.installing.results import InstallFailed

__all__ = ["GROUPS", "PARTS", "InstallFailed", "RecordError", "bring_all", "recorded_setup"]
