"""What a report says of where measuring ended: under each table, and over all."""

from collections.abc import Sequence

from crossloop.journal import ComparisonRecord, Run
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown


def stopping_notes(record: ComparisonRecord | None) -> list[str]:
    """A line under the ranked table of a comparison whose length was not fixed."""
    if record is None or record.precision is None:
        return []
    rounds = (
        f"after {digits.integer(record.rounds)} rounds in {digits.integer(record.generations)} generations"
    )
    wanted, widest = f"± {digits.percent(record.precision)}", ""
    if record.half_width is not None:
        widest = f"; the widest interval is ± {digits.percent(record.half_width)}"
    if record.stopped == "budget":
        return [f"Stopped {rounds}, when the time was spent{widest}, where {wanted} was asked for."]
    return [f"Stopped {rounds}, when each ratio to the leanest was known within {wanted}{widest}."]


def stopping_doubts(run: Run) -> Sequence[Markdown]:
    """Over all: how many comparisons ran out of time before they were as precise as they should be."""
    records = [one.record for sets in run.sets.values() for one in sets]
    asked = [one for one in records if one is not None and one.precision is not None]
    spent = [one for one in asked if one.stopped == "budget"]
    if not spent or spent[0].precision is None:
        return ()
    return (
        Markdown(
            f"In {digits.integer(len(spent))} of {digits.integer(len(asked))} comparisons the time was spent before "
            f"each ratio to the leanest was known within ± {digits.percent(spent[0].precision)}; their tables "
            "say how near they came. `--budget` gives more."
        ),
    )
