"""The journal, `run.jsonl`: what happened, append-only; every report is derived from it."""

from crossloop.journal.files import JournalError, JournalWriter, read_journal
from crossloop.journal.records import (
    SCHEMA_VERSION,
    AdapterRecord,
    CellRecord,
    CheckRecord,
    EndRecord,
    Estimate,
    Figures,
    Latency,
    Machine,
    RateFigures,
    Record,
    Regime,
    RunRecord,
    SliceRecord,
    WarningRecord,
)

__all__ = [
    "SCHEMA_VERSION",
    "AdapterRecord",
    "CellRecord",
    "CheckRecord",
    "EndRecord",
    "Estimate",
    "Figures",
    "JournalError",
    "JournalWriter",
    "Latency",
    "Machine",
    "RateFigures",
    "Record",
    "Regime",
    "RunRecord",
    "SliceRecord",
    "WarningRecord",
    "read_journal",
]
