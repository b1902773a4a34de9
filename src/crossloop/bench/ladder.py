"""Ladders: which parameter sets are rungs of one, what ends an adapter's climb, and what is said above that. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Self

from crossloop.bench.stages import (
    CONNECT_S,
    START_S,
    VISIT_S,
    Comparison,
    Due,
    Ended,
    Known,
    Row,
    Stage,
    Step,
    row_of,
)
from crossloop.journal import Latency, Objective, PlainPhase, SetKey, SliceRecord, parameters_key
from crossloop.load.histogram import latency_of
from crossloop.outcomes import Crashed, Failed, NotInstalled, Outcome, OverLimit, TimedOut, Unsupported

CLEARLY_BEYOND = 1.25
"""What a rung is foreseen to take, as a multiple of the limit, from which on it is not tried."""
MIB = 1 << 20


@dataclass(frozen=True)
class Climb(Stage):
    """The rungs of ladders, climbed from the lowest up, each visit in processes of its own.

    All slices of a rung are taken in one visit, since most of its time is connecting; hence no further generations.
    """

    kind = "climb"
    narrows = lasting = False

    @property
    def seconds(self) -> float:
        """A process for each visit, and its connections."""
        visits = sum(self.visit_s(row, rung) for rung in self.comparisons for row in rung.measured)
        return self.pace.generations * visits

    def visit_s(self, row: Row, comparison: Comparison) -> float:
        """With the process that it starts."""
        slices = comparison.rounds * self.slice_s()
        return START_S + VISIT_S + slices + comparison.connections * CONNECT_S

    def due(self, generation: int, done: Mapping[SetKey, int], seed: int) -> list[Due]:
        """From the lowest rung up."""
        return [
            Due(0, rung) for rung in self.comparisons if generation * rung.rounds >= done.get(rung.place, 0)
        ]

    def steps(self, row: Row, comparison: Comparison, slices: Sequence[SliceRecord]) -> list[Step]:
        """The scenario's own load, as often as there are rounds."""
        return [Step(comparison.main, comparison.rate)] * comparison.rounds

    def cut(self, part: float) -> Self:
        """As it is: a climb that is cut would end nowhere."""
        return self

    def refused(self, row: Row, comparison: Comparison, known: Known, limit_bytes: int) -> Outcome | None:
        """Where the next rung may not fit into the memory that a worker may take, by the rungs below."""
        below = [
            slice_
            for rung in self.comparisons
            for slice_ in known[rung.place]
            if slice_.phase == str(PlainPhase.CONNECT) and row_of(slice_) == row
        ]
        return beyond_memory(comparison, self._parameter, below, limit_bytes)

    def stops(self, known: Known, failures: Ended) -> Ended:
        """Rows that climb no further than a rung below."""
        ended = {
            rung.key: {**self._too_slow(known[rung.place]), **failures[rung.place]}
            for rung in self.comparisons
        }
        stopped = stops(self.comparisons, self._parameter, ended)
        return {rung.place: stopped[rung.key] for rung in self.comparisons}

    def once_more(self, comparison: Comparison, slices: Sequence[SliceRecord]) -> Sequence[Row]:
        """A neighbour on the machine can make anybody late: who was gets one chance more, some time after."""
        return list(self._too_slow(slices))

    @property
    def _parameter(self) -> str:
        return self.comparisons[0].scenario.about.ladder

    def _too_slow(self, slices: Sequence[SliceRecord]) -> dict[Row, Outcome]:
        loaded: dict[Row, list[SliceRecord]] = {}
        for slice_ in slices:
            if slice_.phase == str(PlainPhase.LOAD):
                loaded.setdefault(row_of(slice_), []).append(slice_)
        slow = {
            row: too_slow(judged(latencies(taken), self.objective_p99_ms)) for row, taken in loaded.items()
        }
        return {row: outcome for row, outcome in slow.items() if outcome is not None}


def latencies(slices: Sequence[SliceRecord]) -> list[Latency]:
    """Percentiles of each slice that holds a sample."""
    return [percentiles for slice_ in slices if (percentiles := latency_of([slice_.latency])) is not None]


def ladders(comparisons: Sequence[Comparison], ladder: str) -> list[list[Comparison]]:
    """Comparisons that differ in the parameter *ladder* alone, each group from its lowest rung up."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        others = {name: value for name, value in comparison.parameters.items() if name != ladder}
        groups.setdefault(parameters_key(others), []).append(comparison)
    return [sorted(group, key=lambda rung: float(rung.parameters[ladder])) for group in groups.values()]


def judged(latencies: Sequence[Latency], objective_p99_ms: float) -> Objective | None:
    """How a rung stands to its objective: by the median of the slices' p99, of an even number the lower one.

    The median, as everywhere: a neighbour that takes the CPU for a tenth of a second makes the p99 of all
    slices together, and says nothing about who was measured. None without a slice or an objective.
    """
    if not latencies or not objective_p99_ms:
        return None
    p99_us = median_low(latency.p99 for latency in latencies)
    allowed_us = objective_p99_ms * 1000
    return Objective(allowed_p99_us=allowed_us, p99_us=p99_us, met=p99_us <= allowed_us)


def too_slow(objective: Objective | None) -> Outcome | None:
    """What ends a climb where a rung misses its objective; None where it keeps it, or has none.

    The rung itself has its figures; this is what the rungs above it get.
    """
    if objective is None or objective.met:
        return None
    got_ms, allowed_ms = objective.p99_us / 1000, objective.allowed_p99_us / 1000
    return TimedOut(f"too slow, p99 {got_ms:,.0f} ms where {allowed_ms:,g} ms are allowed", allowed_ms / 1000)


def beyond_memory(
    rung: Comparison, ladder: str, below: Sequence[SliceRecord], limit_bytes: int
) -> Outcome | None:
    """`OverLimit` where a rung would clearly take more than *limit_bytes*, by what each took on the highest below.

    *below* are a row's slices of connecting on lower rungs. None where there is none, or it may be enough.
    """
    if not below:
        return None
    highest = max(below, key=lambda slice_: slice_.operations)
    before = highest.counters["rss_before_bytes"]
    each = ((highest.rss_bytes or 0) - before) / highest.operations
    wanted = rung.parameters[ladder]
    needed = before + each * wanted
    if needed <= CLEARLY_BEYOND * limit_bytes:
        return None
    return OverLimit(
        f"{wanted:,} {ladder} would take about {needed / MIB:,.0f} MiB of memory, by the {each / MIB:,.2g} MiB that "
        f"each took at {highest.operations:,}; the limit is {limit_bytes / MIB:,.0f} MiB (`--memory`)"
    )


def stops(
    comparisons: Sequence[Comparison], ladder: str, ended: Mapping[str, Mapping[Row, Outcome]]
) -> dict[str, dict[Row, Outcome]]:
    """By comparison: rows that climb no further, and why.

    *ended*, by comparison, are the rows whose climb ended on it. A rung above that is not tried any more; its
    outcome is of the kind that ended the climb, and names the rung.
    """
    stopped: dict[str, dict[Row, Outcome]] = {rung.key: {} for rung in comparisons}
    for rungs in ladders(comparisons, ladder):
        last: dict[Row, Outcome] = {}
        for rung in rungs:
            for row in rung.measured:
                if row in last:
                    stopped[rung.key][row] = last[row]
                elif row in ended.get(rung.key, {}):
                    last[row] = _beyond(ended[rung.key][row], ladder, rung.parameters[ladder])
    return stopped


def _beyond(outcome: Outcome, ladder: str, value: Any) -> Outcome:
    """The outcome of the rungs above one that ended with *outcome*."""
    reason = f"stopped at {value:,} {ladder}"
    match outcome:
        case Unsupported():
            return Unsupported(f"{reason}: {outcome.reason}")
        case NotInstalled():
            return NotInstalled(f"{reason}: {outcome.reason}")
        case Crashed():
            return Crashed(f"{reason}: {outcome.reason}")
        case TimedOut():
            return TimedOut(f"{reason}: {outcome.reason}", outcome.limit_s)
        case OverLimit():
            return OverLimit(f"{reason}: {outcome.reason}")
        case Failed():
            return Failed(f"{reason}: {outcome.reason}", beside=outcome.beside)
        case _:  # a climb does not end with a figure alone
            raise ValueError(f"{outcome!r} ends no climb")
