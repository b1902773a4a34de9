"""The document `compare.json`: what two runs say of each other. Units are in the names.

A reader checks it against docs/compare.schema.json (made by `python -m crossloop.compare.schema`) and ignores keys
that it does not know.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from crossloop.journal import fitted
from crossloop.journal.records import Count, Name, Parameters, Phrase, Positive, Style, Text

COMPARE_VERSION = 1

Verdict = Literal["regression", "improvement", "tie", "not comparable"]


class Interval(Struct, frozen=True):
    """A ratio NEW ÷ BASE with its 95 % interval."""

    value: Positive
    low: Positive
    high: Positive


class CellVerdict(Struct, frozen=True):
    """One cell in both runs."""

    adapter: Name
    style: Style
    scenario: Name
    parameters: Parameters
    verdict: Verdict
    reason: Text = ""
    """Of what has no ratio, and of outcomes that changed."""
    ratio: Interval | None = None
    """CPU per operation, NEW ÷ BASE, each relative to its own run's reference."""
    chance: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Of a ratio as far from 1 where nothing changed; adjusted for the number of cells."""
    threshold: Positive | None = None
    """A ratio within 1 ± this is a tie, whatever its interval; as a part of one."""
    raw_ratio: Positive | None = None
    """Of the two medians as they are, drift included."""
    base_ns_per_operation: Positive | None = None
    new_ns_per_operation: Positive | None = None
    repeats: list[Count] = []
    """In BASE and in NEW, of what `repeated` names."""
    repeated: Literal["", "generations", "rounds"] = ""
    slices: list[Count] = []


class Side(Struct, frozen=True):
    """One of the two: a run, or a build within a run."""

    name: Text
    started: Phrase
    crossloop: Phrase
    profile: Name
    python: Phrase
    place: Text
    complete: bool
    noise_floor: Positive | None = None
    """What an A/A control of this run showed, as a part of one; None: it had none."""


class CompareDocument(Struct, frozen=True):
    """The whole document."""

    schema: int
    base: Side
    new: Side
    anchor: Text
    """The row that is the reference; empty: the median of the other rows."""
    threshold: Positive
    """As asked for; a cell's own may be higher, by the noise floors."""
    threshold_reason: Text
    paired: bool
    """Whether both are of one run, measured in the same rounds: the ratio is theirs and needs no reference."""
    warnings: list[Text]
    rows: list[CellVerdict]
    """Each row of a scenario over all parameters that both runs measured it on; `parameters` is empty."""
    cells: list[CellVerdict]

    def count(self, verdict: Verdict) -> int:
        """Cells with this verdict."""
        return sum(cell.verdict == verdict for cell in self.cells)

    @property
    def regressed(self) -> bool:
        """Whether a cell, or a row over its cells, is a regression."""
        return any(cell.verdict == "regression" for cell in (*self.cells, *self.rows))


def encoded(document: CompareDocument) -> bytes:
    """The document as JSON that `decoded` takes, its texts cut to their bounds. Raises `UnfitRecordError`."""
    return msgspec.json.format(msgspec.json.encode(fitted(document)), indent=2) + b"\n"


def decoded(text: bytes) -> CompareDocument:
    """The document in *text*. Raises `msgspec.DecodeError`, of which `ValidationError` is one."""
    return msgspec.json.decode(text, type=CompareDocument)
