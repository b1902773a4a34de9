"""What a report says of the A/A control: under each table what its twins showed, and over all the noise floor."""

from collections.abc import Sequence

from crossloop.journal import ComparisonRecord, Run, row_label
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown
from crossloop.statistics import ROUNDS_TO_SEPARATE

FEW_PAIRS = 50
"""Below so many pairs the floor is mostly a matter of how few they are (docs/method.md, "The noise floor")."""


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
    control = record.control
    return [
        f"A/A control: {row_label(control.adapter, control.style)} ran twice, in processes of its own. "
        f"Twin ÷ itself: {digits.fine_ratio(control.ratio)}, {_pairs(control.ratio.slices)} in "
        f"{_counted(control.ratio.generations, 'generation')}. {follows}"
    ]


def _borrowed(record: ComparisonRecord) -> bool:
    return record.control is None or record.control.ratio.slices < ROUNDS_TO_SEPARATE


def _counted(count: int, noun: str) -> str:
    return f"{digits.integer(count)} {noun}{'' if count == 1 else 's'}"


def _pairs(count: int) -> str:
    return _counted(count, "pair")


def noise_floor(run: Run) -> Markdown:
    """What the A/A controls of a run show, or that it has none."""
    records = [one.record for sets in run.sets.values() for one in sets if one.record]
    controls = [one for one in records if one.control is not None]
    own = [one for one in controls if one.noise_floor is not None and not _borrowed(one)]
    if own:
        return Markdown(_floors(own))
    if controls:
        most = max(one.control.ratio.slices for one in controls if one.control is not None)
        return Markdown(
            f"**Noise floor: not known.** One row of each comparison ran twice (A/A control), for {_pairs(most)} "
            f"of slices at most, and {ROUNDS_TO_SEPARATE} are the fewest that say anything. This run tells what "
            "works, and not which of two rows costs less."
        )
    floor = run.end.noise_floor if run.end else None
    if floor is None:
        return Markdown(
            "**Noise floor: not known.** The A/A control (one adapter measured under two names) is not part of "
            "this run, so that the intervals show only what the slices show."
        )
    return Markdown(
        "**Noise floor**, by the A/A control: one adapter measured under two names differed by a factor of "
        f"{digits.fine_ratio(floor)}; what lies inside that is noise."
    )


def _floors(records: Sequence[ComparisonRecord]) -> str:
    found = [one.noise_floor for one in records if one.noise_floor is not None]
    pairs = min(one.control.ratio.slices for one in records if one.control is not None)
    lowest, highest = digits.percent(min(found)), digits.percent(max(found))
    floors = highest if lowest == highest else f"{lowest} to {highest}, by table"
    text = (
        f"**Noise floor: {floors}.** In {_counted(len(records), 'comparison')} one row ran twice, under two names "
        "(A/A control). The floor is how far from 1 the ratio of the two may lie, its interval included: a thing "
        "that differs from itself by so much cannot be told from another that does. Rows nearer than the floor "
        "are tied."
    )
    if pairs < FEW_PAIRS:
        text += (
            f" The smallest control has {_pairs(pairs)} of slices: with so few the floor is wide, as the "
            "intervals are; a longer profile narrows both."
        )
    return text
