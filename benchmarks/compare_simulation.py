"""How often `crossloop compare` cries wolf, and what it finds: simulated runs with a known truth.

    python benchmarks/compare_simulation.py [--runs N] [--seed N]

Each line is a pair of runs of 20 rows on 10 sets of parameters, 200 cells. A slice's logarithm is the row's own
figure, plus what the machine did to everybody in that round (a random walk) and between the runs (25 % up or down),
plus what a process got for life, plus noise of Student's t with three degrees of freedom, whose outliers are those of a
shared machine. Noise differs between rows by a factor of up to three. Printed: in how many pairs of equal runs
anything was called a regression, by this method and by what one would do without it (a 95 % interval of its own for
each cell, and the same threshold); then in how many pairs a change that was put in was found whole, and in how many
another row was called a regression.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crossloop.compare.change import Logarithms, RowKey, shifts
from crossloop.compare.verdicts import CellPair, verdicts
from crossloop.journal import CellRecord

ROWS, SETS = 20, 10
THRESHOLD = 0.03


@dataclass(frozen=True)
class Shape:
    """How often is measured, and how noisily: standard deviations of logarithms."""

    generations: int
    rounds: int
    noise: float
    process: float

    def __str__(self) -> str:
        noise, process = (f"{100 * part:g} %" for part in (self.noise, self.process))
        return f"{self.generations} × {self.rounds}, noise {noise}, between processes {process}"


SHAPES = (
    Shape(3, 3, 0.03, 0.005),
    Shape(3, 3, 0.15, 0.05),
    Shape(5, 10, 0.03, 0.005),
    Shape(5, 10, 0.03, 0.02),
    Shape(5, 20, 0.03, 0.005),
    Shape(1, 20, 0.03, 0.005),
    Shape(1, 20, 0.03, 0.02),
)
CHANGES: Mapping[str, Mapping[tuple[int, int | None], float]] = {
    "none": {},
    "one cell + 5 %": {(0, 0): 0.05},
    "one cell + 10 %": {(0, 0): 0.10},
    "one cell + 30 %": {(0, 0): 0.30},
    "one row + 10 %": {(0, None): 0.10},
    "6 rows − 30 %": {(row, None): -0.30 for row in range(6)},
}
"""Name → (row, set or None for all) → relative change in NEW."""


def run_of(
    random: np.random.Generator, shape: Shape, change: Mapping[tuple[int, int | None], float]
) -> list[dict[RowKey, Logarithms]]:
    """One run: for each set of parameters its rows' logarithms."""
    drift = random.normal(0, 0.25)
    process = random.normal(0, shape.process, (ROWS, shape.generations))
    sets = []
    for number in range(SETS):
        common = drift + np.cumsum(random.normal(0, 0.03, (shape.generations, shape.rounds)), axis=1)
        rows: dict[RowKey, Logarithms] = {}
        for row in range(ROWS):
            scale = shape.noise * (0.5 + row % 5 / 4)
            noise = random.standard_t(3, (shape.generations, shape.rounds)) / math.sqrt(3) * scale
            moved = math.log1p(change.get((row, number), change.get((row, None), 0.0)))
            values = row / 5 + moved + common + process[row][:, None] + noise
            rows[f"row-{row}", ""] = {
                (generation, turn): float(values[generation, turn])
                for generation in range(shape.generations)
                for turn in range(shape.rounds)
            }
        sets.append(rows)
    return sets


def judged_pair(
    random: np.random.Generator, shape: Shape, change: Mapping[tuple[int, int | None], float]
) -> tuple[set[tuple[str, int | None]], set[tuple[str, int | None]], int]:
    """(regressions, improvements, what separate 95 % intervals would call a regression) of one pair of runs."""
    base, new = run_of(random, shape, {}), run_of(random, shape, change)
    measured = []
    for number, (before, after) in enumerate(zip(base, new, strict=True)):
        for row, shift in shifts(before, after).items():
            cell = CellRecord(*row, "simulated", {"set": number}, "measured")
            measured.append(CellPair(cell, shift, None))
    rows, cells = verdicts(measured, THRESHOLD)
    called: dict[str, set[tuple[str, int | None]]] = {"regression": set(), "improvement": set()}
    for judged in (*rows, *cells):
        if judged.verdict in called:
            which = judged.parameters.get("set")
            called[judged.verdict].add((judged.adapter, None if which is None else int(which)))
    naive = sum(
        cell.ratio is not None and cell.ratio.low > 1 and cell.ratio.value > 1 + THRESHOLD for cell in cells
    )
    return called["regression"], called["improvement"], naive


def main() -> None:
    """Print the tables of docs/compare.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print(
        "| generations × rounds | change | found | other regressions in | separate 95 % intervals: regressions in |"
    )
    print("| :--- | :--- | ---: | ---: | ---: |")
    for shape in SHAPES:
        for name, change in CHANGES.items():
            caught = wolf = naive = 0
            wanted = {(f"row-{row}", number) for row, number in change}
            for _run in range(options.runs):
                regressions, improvements, separate = judged_pair(random, shape, change)
                caught += bool(wanted) and wanted <= regressions | improvements
                wolf += any(
                    (row, number) not in wanted
                    and (row, None) not in wanted
                    and not any(row == other for other, _set in wanted)
                    for row, number in regressions
                )
                naive += separate > 0
            shown = [f"{100 * count / options.runs:.1f} %" for count in (caught, wolf, naive)]
            cells = (shape, name, shown[0] if wanted else "–", shown[1], "–" if wanted else shown[2])
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
