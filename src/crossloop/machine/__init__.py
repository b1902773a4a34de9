"""Examining the machine: what it is, what it allows, how much it disturbs (supervisor side).

`examine` is `crossloop doctor`; `machine` goes into the head of a journal.
"""

from crossloop.machine.diagnosis import Diagnosis, Status
from crossloop.machine.doctor import PROBES, examine
from crossloop.machine.facts import machine, under_wine

__all__ = ["PROBES", "Diagnosis", "Status", "examine", "machine", "under_wine"]
