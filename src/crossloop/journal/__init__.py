"""The journal, `run.jsonl`: what happened, append-only; every report is derived from it."""

from crossloop.journal.bounds import fitted
from crossloop.journal.counters import KNOWN_COUNTERS, KnownCounter, combined
from crossloop.journal.errors import JournalError, UnfitRecordError
from crossloop.journal.files import JournalWriter, begin_journal, journal_bytes, read_journal
from crossloop.journal.lock import held
from crossloop.journal.machines import machine_differences, machine_key
from crossloop.journal.naming import BASELINE, adapter_of, is_variant, processes_of, row_label
from crossloop.journal.parameters import ParameterSet, parameters_key
from crossloop.journal.phases import COMMON, MAIN_PHASES, Phase, PlainPhase, RatePhase, phase_of
from crossloop.journal.places import behaviours_path, checks_path, dropin_path, journal_at, journal_path
from crossloop.journal.read_model import MeasuredRow, MeasuredSet, RowKey, Run, SetKey, Turn, row_key, set_key
from crossloop.journal.records import *  # noqa: F403  (its `__all__` is public here as well)
from crossloop.journal.shortening import slices_left_out, without_slices
