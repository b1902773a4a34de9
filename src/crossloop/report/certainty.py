"""How sure a report is: whether a set is ranked, what its twins showed, where its measuring ended. Pure."""

from crossloop.journal import ComparisonRecord, MeasuredSet, Run, row_label
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown
from crossloop.statistics import ROUNDS_TO_SEPARATE

FEW_PAIRS = 50
"""Below so many pairs the floor is mostly a matter of how few they are (docs/method.md, "The noise floor")."""


def ranked(measured: MeasuredSet) -> bool:
    """Whether there are rounds enough to open a tier; with fewer all rows share the first, proving nothing."""
    return len(measured.rows) == 1 or _paired_rounds(measured) >= ROUNDS_TO_SEPARATE


def too_few_rounds(measured: MeasuredSet) -> str:
    """Why a set is not ranked."""
    rounds = digits.counted(_paired_rounds(measured), "paired round")
    return f"{rounds}, {ROUNDS_TO_SEPARATE} are needed to tell rows apart"


def _paired_rounds(measured: MeasuredSet) -> int:
    """Most rounds that any row shares with the one that the others are divided by."""
    return max((row.figures.ratio_to_best.slices for row in measured.rows), default=0)


# Under a table ------------------------------------------------------------------------------------


def control_notes(record: ComparisonRecord | None) -> list[str]:
    """A line under the ranked table: who ran twice, how far apart the two came, what follows."""
    if record is None or (record.control is None and record.noise_floor is None):
        return []
    if record.noise_floor is None:
        follows = f"Too few for a noise floor, which takes {ROUNDS_TO_SEPARATE}."
    else:
        borrowed = ", that of the scenario's main parameter set" if _borrowed(record) else ""
        follows = (
            f"Noise floor {digits.percent(record.noise_floor)}{borrowed}: rows nearer than that are tied."
        )
    if record.control is None:
        return [follows]
    control, ratio = record.control, record.control.ratio
    return [
        f"A/A control: {row_label(control.adapter, control.style)} ran twice, in processes of its own. "
        f"Twin ÷ itself: {digits.fine_ratio(ratio)}, {digits.counted(ratio.slices, 'pair')} in "
        f"{digits.counted(ratio.generations, 'generation')}. {follows}"
    ]


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


def _borrowed(record: ComparisonRecord) -> bool:
    return record.control is None or record.control.ratio.slices < ROUNDS_TO_SEPARATE


# Over all -----------------------------------------------------------------------------------------


def stopping_doubts(run: Run) -> tuple[Markdown, ...]:
    """How many comparisons ran out of time before they were as precise as they should be."""
    limited = [
        record for measured in run.all_sets if (record := measured.record) and record.precision is not None
    ]
    spent = [
        record.precision for record in limited if record.stopped == "budget" and record.precision is not None
    ]
    if not spent:
        return ()
    return (
        Markdown(
            f"**Time ran out.** In {digits.integer(len(spent))} of {digits.integer(len(limited))} comparisons the time "
            "was spent before each ratio to the leanest was known within "
            f"± {digits.percent(spent[0])}. `--budget` gives more."
        ),
    )


def noise_floor(run: Run) -> Markdown:
    """What the A/A controls of a run show, or that it has none."""
    records = [measured.record for measured in run.all_sets if measured.record is not None]
    pairs = [record.control.ratio.slices for record in records if record.control is not None]
    floors = [
        (record.noise_floor, record.control.ratio.slices)
        for record in records
        if record.control is not None and record.noise_floor is not None and not _borrowed(record)
    ]
    if floors:
        return Markdown(_floors(*zip(*floors, strict=True)))
    if pairs:
        return Markdown(
            "**Noise floor: not known.** One row of each comparison ran twice (A/A control), for "
            f"{digits.counted(max(pairs), 'pair')} of slices at most. A floor takes {ROUNDS_TO_SEPARATE}. This run "
            "tells what works, and not which of two rows costs less."
        )
    return Markdown(
        "**Noise floor: not known.** This run has no A/A control (one adapter measured under two names). The intervals "
        "show only what the slices show."
    )


def _floors(by_comparison: tuple[float, ...], pairs: tuple[int, ...]) -> str:
    lowest, highest = digits.percent(min(by_comparison)), digits.percent(max(by_comparison))
    floors = highest if lowest == highest else f"{lowest} to {highest}, by table"
    text = (
        f"**Noise floor: {floors}.** In {digits.counted(len(by_comparison), 'comparison')} one row ran twice, under "
        "two names (A/A control). The floor is how far from 1 their ratio may lie, interval included. "
        "Rows nearer than the floor are tied."
    )
    if min(pairs) < FEW_PAIRS:
        text += (
            f" The smallest control has {digits.counted(min(pairs), 'pair')} of slices: with so few the floor is wide. "
            "A longer profile narrows it."
        )
    return text
