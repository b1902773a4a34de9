"""The self-test's measuring: one adapter slowed by known amounts, held against itself again and again.

All rows serve the scenario's application in the same frame (`variants.Slowed`): the *base* and its *twin* do nothing in
it, the others turn an empty loop, so that the turns are all that differs. Each comparison has fresh processes, several
generations of them, as a comparison of two builds would: what processes get for life is noise that the rule has
to live with, and rounds in processes that are there already would not show it. All slowdowns take their slices in
the same rounds, so that one comparison serves them all.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossloop import statistics
from crossloop.bench.cells import row_seed
from crossloop.bench.detection import Injection, detected, injections
from crossloop.bench.plan import Comparison, Pace, Row, Stage
from crossloop.bench.rooms import Conditions, open_room
from crossloop.bench.variants import Slowed, Variant, variant_name
from crossloop.journal import DetectionRecord, SliceRecord
from crossloop.suite import ScenarioEntry, Suite

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
    pace: Pace
    rounds: int
    """Rounds in each generation."""
    slowdowns: Sequence[float] = SLOWDOWNS

    @property
    def seconds(self) -> float:
        """Estimated time of one comparison."""
        return self.stage((BASE, TWIN, *(Slowed(f"slow-{one}", 1) for one in self.slowdowns))).seconds

    @property
    def calibration_s(self) -> float:
        """Estimated time of the calibration."""
        return self.stage((BASE, CALIBRATION), CALIBRATION_ROUNDS).seconds

    def stage(self, variants: Sequence[Slowed], rounds: int | None = None) -> Stage:
        """A room's worth of *variants*, all compared in the same rounds."""
        named: dict[str, Variant] = {variant_name(self.row.adapter, one): one for one in variants}
        rows = tuple(Row(name, self.row.style) for name in named)
        comparison = Comparison(self.scenario, self.parameters, rows, rounds or self.rounds, ())
        return Stage(self.scenario, (comparison,), self.pace, variants=named)

    def row_of(self, variant: Slowed) -> Row:
        """The row of a variant."""
        return Row(variant_name(self.row.adapter, variant), self.row.style)


@dataclass
class SelfTest:
    """A trial under way. Each method raises ChildError and KeyboardInterrupt as they come."""

    suite: Suite
    trial: Trial
    conditions: Conditions
    seed: int
    record: Callable[[SliceRecord], object] = lambda _one: None
    tell: Callable[[str], object] = lambda _text: None
    _generation: int = field(default=0, init=False)

    def calibrate(self) -> list[Injection]:
        """What the base costs and what a turn of the loop does, in its place; then the variants that are worth it.

        Raises ValueError when the loop cannot be told from nothing.
        """
        stage = self.trial.stage((BASE, CALIBRATION), CALIBRATION_ROUNDS)
        found = self._measure(stage, "calibration")
        base, loaded = (found[self.trial.row_of(one)] for one in (BASE, CALIBRATION))
        base_ns = statistics.estimate(base, self.seed).value
        ratio = statistics.paired_ratio(loaded, base, self.seed)
        turn_ns = base_ns * (ratio.value - 1) / CALIBRATION.iterations
        return injections(base_ns, turn_ns, self.trial.slowdowns)

    def compare(self, number: int, injected: Sequence[Injection]) -> list[DetectionRecord]:
        """One comparison of all slowdowns with the base, in processes of its own."""
        stage = self.trial.stage((BASE, TWIN, *(one.variant for one in injected)))
        found = self._measure(stage, f"comparison {number + 1}")
        base = found[self.trial.row_of(BASE)]
        seed = row_seed(self.seed, str(number))
        twins = statistics.paired_ratio(found[self.trial.row_of(TWIN)], base, seed)
        records = []
        for one in injected:
            row = self.trial.row_of(one.variant)
            ratio = statistics.paired_ratio(found[row], base, row_seed(seed, str(row)))
            records.append(detected((row.adapter, row.style), number, ratio, twins))
        return records

    def begin_after(self, generation: int) -> None:
        """Number generations on from those that a journal has already."""
        self._generation = generation + 1

    def _measure(self, stage: Stage, words: str) -> dict[Row, Slices]:
        """CPU nanoseconds per message of every row of *stage*, over all its generations."""
        found: dict[Row, Slices] = {row: [] for row in stage.rows}
        for number in range(stage.pace.generations):
            self._measure_generation(stage, f"{words}, generation {number + 1}", found)
        return found

    def _measure_generation(self, stage: Stage, words: str, found: dict[Row, Slices]) -> None:
        (comparison,) = stage.comparisons
        generation, self._generation = self._generation, self._generation + 1
        order = random.Random(row_seed(self.seed, "selftest", str(generation)))  # noqa: S311
        capacity = (("capacity", 0.0),)
        with open_room(self.suite, stage, self.conditions) as room:
            for row in stage.rows:  # started and warmed, as in a bench
                self.tell(f"{words}: starting {row}")
                room.slices(row, comparison, capacity, 0)
            for turn in range(comparison.rounds):
                rows = list(stage.rows)
                order.shuffle(rows)
                self.tell(f"{words}, round {turn + 1}")
                for row in rows:
                    (answer,) = room.slices(row, comparison, capacity, order.randrange(2**31))
                    one = answer.record(row, comparison, generation, turn)
                    self.record(one)
                    if one.operations:
                        found[row].append((generation, turn, max(one.cpu_ns, 1) / one.operations))
