"""The self-test's measuring: one adapter slowed by known amounts, held against itself again and again.

All rows serve the scenario's application in the same frame (`variants.Slowed`): the *base* and its *twin* do nothing in
it, the others turn an empty loop, so that the turns are all that differs. Each comparison has fresh processes, several
generations of them, as a comparison of two builds would: what processes get for life is noise that the rule has
to live with, and rounds in processes that are there already would not show it. All slowdowns take their slices in
the same rounds, so that one comparison serves them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossloop import statistics
from crossloop.bench.detection import Injection, detected, injections
from crossloop.bench.measuring import Measuring
from crossloop.bench.profiles import Pace
from crossloop.bench.progress import UNWATCHED, Watch
from crossloop.bench.results import Results
from crossloop.bench.site import Site
from crossloop.bench.stages import Comparison, Rounds, Row, Stage, cost, row_seed, values_of
from crossloop.bench.variants import Slowed, Variant, variant_name
from crossloop.journal import DetectionRecord, SliceRecord
from crossloop.load.commands import Exchange
from crossloop.suite import ScenarioEntry

SLOWDOWNS = (0.0, 0.01, 0.02, 0.03, 0.05)
"""What is injected, as fractions of the base's CPU per message; 0 is the A/A control."""
BASE, TWIN = Slowed("base", 0), Slowed("twin", 0)
CALIBRATION = Slowed("calibration", 300)
"""Turns that are worth a good part of a message: what a turn costs is then known well, in the place where it is run."""
CALIBRATION_ROUNDS = 20
MOST_REPEATS = 3
"""A comparison that breaks off (a process went, the load could not connect) is taken again so often."""

Slices = list[tuple[int, int, float]]


@dataclass(frozen=True)
class Trial:
    """What is held against itself, and for how long."""

    scenario: ScenarioEntry
    row: Row
    parameters: Mapping[str, Any]
    exchange: Exchange
    pace: Pace
    rounds: int
    """Rounds in each generation."""
    slowdowns: Sequence[float] = SLOWDOWNS

    @property
    def seconds(self) -> float:
        """Estimated time of one comparison."""
        return self.stage(
            (BASE, TWIN, *(Slowed(f"slow-{slowdown}", 1) for slowdown in self.slowdowns))
        ).seconds

    @property
    def calibration_s(self) -> float:
        """Estimated time of the calibration."""
        return self.stage((BASE, CALIBRATION), CALIBRATION_ROUNDS).seconds

    def stage(self, variants: Sequence[Slowed], rounds: int | None = None) -> Stage:
        """All *variants*, compared in the same rounds."""
        named: dict[str, Variant] = {variant_name(self.row.adapter, variant): variant for variant in variants}
        rows = tuple(Row(name, self.row.style) for name in named)
        comparison = Comparison(
            self.scenario, self.parameters, rows, rounds or self.rounds, exchange=self.exchange
        )
        return Rounds((comparison,), self.pace, named)

    def row_of(self, variant: Slowed) -> Row:
        """The row of a variant."""
        return Row(variant_name(self.row.adapter, variant), self.row.style)


@dataclass
class SelfTest:
    """A trial under way. Each method raises ChildError and KeyboardInterrupt as they come."""

    site: Site
    trial: Trial
    seed: int
    record: Callable[[SliceRecord], object] = lambda _slice: None
    watch: Watch = UNWATCHED
    _generation: int = field(default=0, init=False)

    def calibrate(self) -> list[Injection]:
        """What the base costs and what a turn of the loop does, in its place; then the variants that are worth it.

        Raises ValueError when the loop cannot be told from nothing.
        """
        stage = self.trial.stage((BASE, CALIBRATION), CALIBRATION_ROUNDS)
        costs = self._measure(stage)
        base, loaded = (costs[self.trial.row_of(variant)] for variant in (BASE, CALIBRATION))
        base_ns = statistics.estimate(base, self.seed).value
        ratio = statistics.paired_ratio(loaded, base, self.seed)
        turn_ns = base_ns * (ratio.value - 1) / CALIBRATION.iterations
        return injections(base_ns, turn_ns, self.trial.slowdowns)

    def compare(self, number: int, injected: Sequence[Injection]) -> list[DetectionRecord]:
        """One comparison of all slowdowns with the base, in processes of its own."""
        stage = self.trial.stage((BASE, TWIN, *(injection.variant for injection in injected)))
        costs = self._measure(stage)
        base = costs[self.trial.row_of(BASE)]
        seed = row_seed(self.seed, str(number))
        twins = statistics.paired_ratio(costs[self.trial.row_of(TWIN)], base, seed)
        records = []
        for injection in injected:
            row = self.trial.row_of(injection.variant)
            ratio = statistics.paired_ratio(costs[row], base, row_seed(seed, str(row)))
            records.append(detected(row, number, ratio, twins))
        return records

    def begin_after(self, generation: int) -> None:
        """Number generations on from those that a journal has already."""
        self._generation = generation + 1

    def _measure(self, stage: Stage) -> dict[Row, Slices]:
        """CPU nanoseconds per message of every row of *stage*, over all its generations."""
        results = Results(stage, strict=True)
        results.first_generation = self._generation
        self._generation += stage.pace.generations
        for record in Measuring(self.site, stage, results, self.seed, self.watch).slices():
            self.record(record)
        (comparison,) = stage.comparisons
        return {row: values_of(results.slices[comparison.place], cost, row) for row in stage.rows}
