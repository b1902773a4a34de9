"""Stages: comparisons that share their measured processes, and the order in which rows are visited. Pure.

A stage is of one of two kinds. `Rounds` takes its comparisons again and again, row by row, in processes that live for
a generation. A `Climb` (`crossloop.bench.ladder`) takes the rungs of ladders from the lowest up, each in fresh
processes, until one fails.
"""

import math
import random
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

from crossloop import statistics
from crossloop.bench.profiles import Pace
from crossloop.bench.variants import Twin, Variant, variant_name
from crossloop.journal import (
    COMMON,
    CellRecord,
    Phase,
    PlainPhase,
    RatePhase,
    SetKey,
    SliceRecord,
    parameters_key,
    phase_of,
    processes_of,
)
from crossloop.load.commands import Exchange
from crossloop.outcomes import Outcome
from crossloop.statistics import ROUNDS_TO_SEPARATE
from crossloop.suite import ScenarioEntry

COMMON_RATE_PER_S = 5_000.0
COMMON_BYTES_PER_S = 100e6
"""The offered load common to all adapters: 5,000 requests or 100 MB a second, whichever is less. Every
adapter reaches it on one CPU of a small virtual machine, so that latencies are compared at equal work."""
START_S = 0.1
"""Time to start and end one worker, two of them side by side, for the estimate; measured on two CPUs of a virtual
machine, as are those below."""
VISIT_S = 0.009
"""Time that a visit takes beside its slices: resuming, connecting, asking, stopping."""
WORKLOAD_S = 0.02
"""Time that a visit of a process that drives itself takes besides: what whole repetitions take beyond slice and run-in,
and what is made and verified between them. The mean over the scenarios of this suite; DNS takes twice that."""
CONNECT_S = 0.0001
"""Time to make and close one of many connections."""
LONG_VISIT_S = 5.0
"""From here on a person is told how long a visit takes before it is made."""


def row_seed(seed: int, *parts: str) -> int:
    """A seed of its own for each order and each estimate, the same in every run of the same seed."""
    return zlib.crc32("\0".join((str(seed), *parts)).encode())


class Row(NamedTuple):
    """One line of a table: an adapter, or a variant of it (`ID@LABEL`), in one style."""

    adapter: str
    style: str

    def __str__(self) -> str:
        return f"{self.adapter}/{self.style}" if self.style not in ("", "native") else self.adapter


def row_of(record: SliceRecord | CellRecord) -> Row:
    """Whose it is."""
    return Row(record.adapter, record.style)


@dataclass(frozen=True)
class Step:
    """One slice of a visit that is to be taken."""

    phase: Phase
    rate: float = 0.0
    """Offered operations a second; 0 in a closed loop, and where the process drives itself."""
    runs_in: bool = True
    """Whether an unmeasured run-in comes before it; not before a slice that nobody keeps."""


@dataclass(frozen=True)
class Comparison:
    """Rows that are measured side by side on one set of parameters, slice by slice."""

    scenario: ScenarioEntry
    parameters: Mapping[str, Any]
    rows: tuple[Row, ...]
    rounds: int
    """Rounds in each generation."""
    rates: tuple[str, ...] = ()
    """Offered loads beside capacity; empty but for exchanges of which a connection has one in flight."""
    control: Row | None = None
    """The row that runs twice (A/A control)."""
    references: tuple[Row, ...] = ()
    """Native references: they run in the same rounds, at capacity alone, and are ranked with nobody."""
    exchange: Exchange | None = None
    """What the load exchanges; None where the measured process drives itself."""
    in_processes: tuple[Row, ...] = ()
    """Rows whose server is in several processes; they run beside like references, each against its row in one."""

    @property
    def twin(self) -> Row | None:
        """The second one of the control, which is measured and not ranked."""
        if self.control is None:
            return None
        return Row(variant_name(self.control.adapter, Twin()), self.control.style)

    @property
    def measured(self) -> tuple[Row, ...]:
        """Every row that takes slices."""
        twin = () if self.twin is None else (self.twin,)
        return (*self.rows, *twin, *self.beside)

    @property
    def beside(self) -> tuple[Row, ...]:
        """Rows that are measured at capacity alone, and ranked with nobody."""
        return (*self.references, *self.in_processes)

    @cached_property
    def key(self) -> str:
        """Identity of the parameter set within its scenario."""
        return parameters_key(self.parameters)

    @property
    def place(self) -> SetKey:
        """Identity within a run."""
        return self.scenario.id, self.key

    @property
    def driven(self) -> bool:
        """Whether a load process drives it; else the measured process does itself."""
        return self.scenario.about.drive != "work"

    @property
    def connections(self) -> int:
        """Connections of the load; 0 without."""
        return int(self.parameters["connections"]) if self.driven else 0

    @property
    def main(self) -> PlainPhase:
        """The phase that makes its main figures."""
        if not self.driven:
            return PlainPhase.WORK
        return PlainPhase.LOAD if self.rate else PlainPhase.CAPACITY

    @property
    def rate(self) -> float:
        """Of a fixed load: exchanges a second over all connections; 0: a closed loop."""
        return float(self.parameters.get("rate", 0)) if self.driven else 0.0

    @property
    def slices_per_round(self) -> int:
        """Slices that one round takes."""
        beside = len(self.beside)
        return (len(self.measured) - beside) * (1 + len(self.rates)) + beside

    def offered_rate(self, label: str, capacity_per_s: float) -> float:
        """Arrivals per second of an offered load: the common one, or a share of the row's own *capacity_per_s*."""
        if label != COMMON:
            return capacity_per_s * float(label.rstrip("%")) / 100
        return min(COMMON_RATE_PER_S, COMMON_BYTES_PER_S / exchange_bytes(self.exchange))

    def __str__(self) -> str:
        pairs = (f"{name}={value}" for name, value in self.parameters.items())
        return " ".join((self.scenario.id, *pairs))


def exchange_bytes(exchange: Exchange | None) -> int:
    """The larger side of an exchange, request or answer, without the headers of either; 1 without an exchange."""
    if exchange is None:
        return 1
    parts = (exchange.request, exchange.answer)
    return max(
        1, *(len(part.before) + part.own_filler + part.fixed_filler + len(part.after) + 16 for part in parts)
    )


@dataclass(frozen=True)
class Due:
    """A comparison whose rows are to be visited, once each in random order."""

    round: int
    """Within the generation."""
    comparison: Comparison


Known = Mapping[SetKey, Sequence[SliceRecord]]
"""Slices so far, by the comparison's place."""
Ended = Mapping[SetKey, Mapping[Row, Outcome]]
"""Rows without a figure, and why, by the comparison's place."""


@dataclass(frozen=True)
class Stage(ABC):
    """Comparisons that share their measured processes, whatever the kind of stage."""

    comparisons: tuple[Comparison, ...]
    pace: Pace
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """By the adapter's name in a row: what `ID@LABEL` stands for. Each variant among the rows must be there."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Adapter → the library that it waits with; `none` for the kernel's epoll itself. Of others nothing is said."""
    objective_p99_ms: float = 0.0
    """Of a ladder (`ScenarioAbout.objective_p99_ms`)."""

    kind: ClassVar[str]
    """What its pace is known by."""
    narrows: ClassVar[bool]
    """Whether further generations are taken where intervals are not narrow enough."""
    lasting: ClassVar[bool]
    """Whether processes live for a generation; else for a visit."""

    @property
    def name(self) -> str:
        """Its scenarios."""
        return "+".join(dict.fromkeys(comparison.scenario.id for comparison in self.comparisons))

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row that takes part in any comparison, twins and references included."""
        return tuple(dict.fromkeys(row for comparison in self.comparisons for row in comparison.measured))

    @property
    def slices(self) -> int:
        """Slices in all generations."""
        return self.pace.generations * sum(
            comparison.slices_per_round * comparison.rounds for comparison in self.comparisons
        )

    @property
    @abstractmethod
    def seconds(self) -> float:
        """Estimated time."""

    @abstractmethod
    def visit_s(self, row: Row, comparison: Comparison) -> float:
        """Estimated time of one visit."""

    @abstractmethod
    def due(self, generation: int, done: Mapping[SetKey, int], seed: int) -> list[Due]:
        """What is visited in a generation, in this order. *done*: rounds that are there already, of all generations."""

    @abstractmethod
    def steps(self, row: Row, comparison: Comparison, slices: Sequence[SliceRecord]) -> list[Step]:
        """Slices of a visit; *slices* are those of the comparison so far."""

    @abstractmethod
    def cut(self, part: float) -> Self:
        """With *part* of its rounds, as far as that can still tell rows apart."""

    def refused(self, row: Row, comparison: Comparison, known: Known, limit_bytes: int) -> Outcome | None:
        """Why a row that has not failed had better not be visited; None: nothing is known against it."""
        return None

    def stops(self, known: Known, failures: Ended) -> Ended:
        """Rows that are out because of what became of them in another comparison, or in this one."""
        return {}

    def once_more(self, comparison: Comparison, slices: Sequence[SliceRecord]) -> Sequence[Row]:
        """Rows that are visited once more when the others were visited."""
        return ()

    def visit_text(self, row: Row, comparison: Comparison) -> str:
        """What a visit is called while it is made; how long it takes, where that is long."""
        seconds = self.visit_s(row, comparison)
        return f"{comparison}: {row}" + (f", about {seconds:.0f} s" if seconds >= LONG_VISIT_S else "")

    @property
    def processes(self) -> int:
        """Measured processes of all rows; what they start themselves not counted."""
        return sum(processes_of(row.adapter) for row in self.rows)

    def start_s(self, row: Row) -> float:
        """Estimated time to start the processes of a row, to warm them by a slice without run-in, and to end them."""
        return START_S * processes_of(row.adapter) + VISIT_S + self.pace.slice_ms / 1e3

    def slice_s(self) -> float:
        """A slice with its run-in."""
        return (self.pace.slice_ms + self.pace.run_in_ms) / 1e3


@dataclass(frozen=True)
class Rounds(Stage):
    """Comparisons whose rows are visited in rounds: in each, the comparisons and then the rows in random order."""

    narrows = lasting = True

    @property
    def kind(self) -> str:  # type: ignore[override]  # of its comparisons, which are all of one kind
        """Driven by a load, or by themselves."""
        return "driven" if self.comparisons[0].driven else "work"

    @property
    def seconds(self) -> float:
        """Processes, each with the slice that warms it, and visits."""
        visits = sum(
            comparison.rounds * sum(self.visit_s(row, comparison) for row in comparison.measured)
            for comparison in self.comparisons
        )
        return self.pace.generations * (sum(map(self.start_s, self.rows)) + visits)

    def visit_s(self, row: Row, comparison: Comparison) -> float:
        """By its slices and connections."""
        slices = 1 if row in comparison.beside else 1 + len(comparison.rates)
        beside = comparison.connections * CONNECT_S if comparison.driven else WORKLOAD_S
        return VISIT_S + slices * self.slice_s() + beside

    def due(self, generation: int, done: Mapping[SetKey, int], seed: int) -> list[Due]:
        """In random order within each round."""
        order = random.Random(row_seed(seed, self.name, str(generation)))  # noqa: S311
        schedule = []
        for number in range(max(comparison.rounds for comparison in self.comparisons)):
            due = [comparison for comparison in self.comparisons if number < comparison.rounds]
            due = [
                comparison
                for comparison in due
                if generation * comparison.rounds + number >= done.get(comparison.place, 0)
            ]
            order.shuffle(due)
            schedule += [Due(number, comparison) for comparison in due]
        return schedule

    def steps(self, row: Row, comparison: Comparison, slices: Sequence[SliceRecord]) -> list[Step]:
        """Capacity first, then the offered loads that are known: shares need a capacity to be shares of."""
        steps = [Step(comparison.main, comparison.rate)]
        if row in comparison.beside or not comparison.rates:
            return steps
        known = values_of(slices, speed, row, {PlainPhase.CAPACITY})
        capacity = statistics.estimate(known, 0, 2).value if known else 0.0
        for label in comparison.rates:
            if label == COMMON or known:
                steps.append(Step(RatePhase(label), comparison.offered_rate(label, capacity)))
        return steps

    def cut(self, part: float) -> Self:
        """With fewer rounds in each comparison, but not fewer than it takes to tell rows apart."""
        fewest = math.ceil(ROUNDS_TO_SEPARATE / self.pace.generations)
        comparisons = [
            replace(comparison, rounds=max(min(fewest, comparison.rounds), int(comparison.rounds * part)))
            for comparison in self.comparisons
        ]
        return replace(self, comparisons=tuple(comparisons))


def cost(slice_: SliceRecord) -> float:
    """CPU nanoseconds an operation."""
    return max(slice_.cpu_ns, 1) / slice_.operations


def speed(slice_: SliceRecord) -> float:
    """Operations a second."""
    return slice_.operations * 1e9 / slice_.elapsed_ns


def values_of(
    slices: Sequence[SliceRecord],
    value: Callable[[SliceRecord], float],
    row: Row | None = None,
    phases: Collection[Phase] | None = None,
) -> list[tuple[int, int, float]]:
    """(generation, round, value) of each slice in which anything was done; of one row and some phases where given."""
    return [
        (slice_.generation, slice_.round, value(slice_))
        for slice_ in slices
        if slice_.operations
        and (row is None or row_of(slice_) == row)
        and (phases is None or phase_of(slice_.phase) in phases)
    ]
