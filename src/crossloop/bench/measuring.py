"""The measuring loop: generations of processes, rounds in random order, one visit after the other.

Whatever is measured goes through it: a bench, a self-test, two builds, the evidence pass, `benchmarks/adapter_tax.py`.
"""

import math
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from crossloop.bench.progress import UNWATCHED, Watch
from crossloop.bench.results import Results
from crossloop.bench.rooms import Room, SliceRoom, open_room
from crossloop.bench.site import Site
from crossloop.bench.stages import Comparison, Due, Row, Stage, row_seed
from crossloop.journal import PlainPhase, SliceRecord
from crossloop.supervise.child import ChildError

WORTH_STARTING = 0.25
"""Part of a generation that the rest of a budget must hold for another one to be begun."""

PREPARED = 2
"""Processes that are started side by side where each lives for one visit: one for each CPU of a run."""

Found = TypeVar("Found")


class Measuring:
    """A stage that is measured. What goes wrong with a row is noted in its *results*."""

    def __init__(
        self,
        site: Site,
        stage: Stage,
        results: Results,
        seed: int,
        watch: Watch = UNWATCHED,
        opened: Callable[[Site, Stage], SliceRoom] = open_room,
    ):
        self._site = site
        self._stage = stage
        self._results = results
        self._seed = seed
        self._watch = watch
        self._opened = opened

    def slices(
        self,
        *,
        deadline: float = math.inf,
        keeps_plan: bool = False,
        is_precise: Callable[[Comparison], bool] | None = None,
    ) -> Iterator[SliceRecord]:
        """Each slice as it is taken. Raises ChildError when the stage as such cannot be run.

        After *deadline* (time.monotonic) no round is begun, but for the first of a generation, and with *keeps_plan*
        all that were planned. With *is_precise* further generations of what is not precise follow, as long as the time
        until then holds one.
        """
        generations = self._stage.pace.generations
        last = math.inf if keeps_plan else deadline
        for generation in range(generations):
            yield from self._generation(generation, self._stage.comparisons, last)
        if is_precise is None or not self._stage.narrows:
            return
        took_s = 0.0
        while unknown := [comparison for comparison in self._stage.comparisons if not is_precise(comparison)]:
            start = time.monotonic()
            if deadline - start <= WORTH_STARTING * took_s:
                return
            yield from self._generation(generations, unknown, deadline)
            generations, took_s = generations + 1, time.monotonic() - start

    def _generation(
        self, generation: int, comparisons: Sequence[Comparison], deadline: float
    ) -> Iterator[SliceRecord]:
        due = self._stage.due(generation, self._results.done, self._seed)
        due = [due_round for due_round in due if due_round.comparison in comparisons]
        if not due:  # an interrupted run has taken them
            return
        number = self._results.first_generation + generation
        order = random.Random(row_seed(self._seed, self._stage.name, "rows", str(number)))  # noqa: S311
        with self._opened(self._site, self._stage) as room:
            self._start(room, due)
            for due_round in due:
                if due_round.round and time.monotonic() > deadline:
                    return
                rows = self._results.visitable(due_round.comparison)
                yield from self._round(room, due_round.comparison, rows, number, due_round.round, order)
                slices = self._results.slices[due_round.comparison.place]
                again = [row for row in self._stage.once_more(due_round.comparison, slices) if row in rows]
                later = due_round.round + due_round.comparison.rounds
                yield from self._round(room, due_round.comparison, again, number, later, order)

    def _start(self, room: SliceRoom, due: Sequence[Due]) -> None:
        """Start and warm every row that is due, so that no first slice pays for what happens once."""
        first: dict[Row, Comparison] = {}
        for due_round in due:
            for row in self._results.visitable(due_round.comparison):
                first.setdefault(row, due_round.comparison)
        self._watch.tell(f"{self._stage.name}: starting {len(first)} processes")
        failed = room.start(first)
        for row, comparison in first.items() if self._stage.lasting else ():
            try:
                if row in failed:
                    raise failed[row]
                first_step = self._stage.steps(row, comparison, ())[0]
                room.visit(row, comparison, [replace(first_step, runs_in=False)], 0)
            except ChildError as error:
                self._results.note(row, comparison, error)
            self._watch.done(self._stage.start_s(row))

    def _round(
        self,
        room: SliceRoom,
        comparison: Comparison,
        rows: Collection[Row],
        generation: int,
        turn: int,
        order: random.Random,
    ) -> Iterator[SliceRecord]:
        for row, taken in visits(
            room, self._stage, comparison, rows, self._results, order, self._site, self._watch
        ):
            numbers: dict[object, int] = {}
            for slice_ in taken:
                number = numbers.get(slice_.phase, 0)
                numbers[slice_.phase] = number + 1
                record = slice_.record(row, comparison, generation, turn + number)
                self._results.add(record)
                yield record
            slices = sum(slice_.phase is not PlainPhase.CONNECT for slice_ in taken)
            self._watch.done(self._stage.visit_s(row, comparison), slices=slices)


def visits(
    room: Room[Any, Found],
    stage: Stage,
    comparison: Comparison,
    rows: Collection[Row],
    results: Results,
    order: random.Random,
    site: Site,
    watch: Watch,
) -> Iterator[tuple[Row, list[Found]]]:
    """Visit *rows* once each in random order; what each has found. Raises ChildError as `Results.note` does."""
    ordered = order.sample(list(rows), len(rows))
    for place, row in enumerate(ordered):
        if place % PREPARED == 0:
            room.prepare(ordered[place : place + PREPARED])
        seed = order.randrange(2**31)
        watch.tell(stage.visit_text(row, comparison), stage.visit_s(row, comparison))
        refused = stage.refused(row, comparison, results.slices, site.conditions.limit_bytes)
        if refused is not None:
            results.fail(row, comparison, refused)
            continue
        steps = stage.steps(row, comparison, results.slices[comparison.place])
        try:
            findings = room.visit(row, comparison, steps, seed)
        except ChildError as error:
            results.note(row, comparison, error)
        else:
            yield row, findings
