"""Whether a measured set is ranked: whether it has rounds enough to tell its rows apart."""

from crossloop.journal import MeasuredSet
from crossloop.statistics import ROUNDS_TO_SEPARATE


def paired_rounds(measured: MeasuredSet) -> int:
    """Most rounds that any row shares with the one that the others are divided by."""
    return max((row.figures.ratio_to_best.slices for row in measured.rows), default=0)


def ranked(measured: MeasuredSet) -> bool:
    """Whether there are rounds enough to open a tier; with fewer all rows share the first, proving nothing."""
    return len(measured.rows) == 1 or paired_rounds(measured) >= ROUNDS_TO_SEPARATE


def too_few_rounds(measured: MeasuredSet) -> str:
    """Why a set is not ranked."""
    rounds = paired_rounds(measured)
    return f"{rounds} paired round{'' if rounds == 1 else 's'}, {ROUNDS_TO_SEPARATE} are needed to tell rows apart"
