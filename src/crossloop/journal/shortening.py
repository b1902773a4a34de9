"""A journal without its slices: what pages are made of stays, what is measured from slices again goes."""

from collections.abc import Sequence

import msgspec

from crossloop.journal.records import SLICES_LEFT_OUT, Record, RunRecord, SliceRecord


def without_slices(records: Sequence[Record]) -> list[Record]:
    """*records* but those of kind `slice`; the setting `slices-left-out` of the first says how many these were.

    Records that were shortened before stay as they are.
    """
    kept = [record for record in records if not isinstance(record, SliceRecord)]
    left_out = len(records) - len(kept)
    return [_noted(record, left_out) if isinstance(record, RunRecord) else record for record in kept]


def _noted(head: RunRecord, left_out: int) -> RunRecord:
    if not left_out:
        return head
    return msgspec.structs.replace(head, settings={**head.settings, SLICES_LEFT_OUT: left_out})


def slices_left_out(records: Sequence[Record]) -> bool:
    """Whether a journal was shortened."""
    return any(isinstance(record, RunRecord) and SLICES_LEFT_OUT in record.settings for record in records[:1])
