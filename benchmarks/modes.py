"""Where two modes come from: many slices of few rows, and what the modes of each go with.

    python benchmarks/modes.py [--adapters asyncio,uvloop] [--connections 1,10,50] [--size 1024]
                               [--generations 5] [--rounds 20] [--seed 1]

The first style of each adapter serves echo, as in `crossloop bench`: workers live at once, slices of 40 ms after 12 ms
of run-in alternate in random order, fresh processes for each generation. For each row: median CPU per message and
messages a second; their spread, the 90 % quantile of the slices ÷ the 10 % quantile within a generation (the median
generation), and the highest median of a generation ÷ the lowest; and how far slices follow the age of the process and
the regime, as rank correlations, -1 to 1. Then the modes, where `crossloop.statistics.modes` finds two.

Prints markdown; progress on stderr. Exit 0; 2 for an unknown adapter; 3 when nothing could be measured.
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from crossloop.bench.execution import Bench
from crossloop.bench.header import cpus, run_header
from crossloop.bench.loading import ask_exchanges
from crossloop.bench.plan import Plan, make_plan
from crossloop.bench.profiles import PROFILES
from crossloop.bench.site import Conditions
from crossloop.journal import CellRecord, JournalWriter, MeasuredRow, SliceRecord, read_journal
from crossloop.report import ScenarioTexts
from crossloop.report.modes import mode_lines
from crossloop.suite import SuiteError, load_suite, select
from crossloop.supervise.probe import probe_all

TEXTS = ScenarioTexts("TCP echo", unit="message")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--adapters", default="asyncio,uvloop")
    parser.add_argument("--connections", default="1,10,50")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--generations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def plan_of(options: argparse.Namespace) -> Plan:
    """The first style of each adapter on each number of connections. Raises SuiteError."""
    suite = load_suite()
    chosen = select("adapter", suite.adapters, options.adapters)
    sets = tuple(
        ("standard", {"size": options.size, "connections": int(number)})
        for number in options.connections.split(",")
    )
    echo = suite.scenarios["tcp-echo"]
    about = dataclasses.replace(echo.about, sets=sets, primary_styles_only_beyond=0)
    profile = dataclasses.replace(
        PROFILES["standard"],
        generations=options.generations,
        headline_rounds=options.rounds,
        rounds=options.rounds,
        rates_headline=(),
        rates=(),
    )
    scenarios = [dataclasses.replace(echo, about=about)]
    probed = list(probe_all(suite, chosen, {echo.id: echo}))
    return make_plan(profile, scenarios, probed, ask_exchanges(suite, scenarios, profile.name))


def measure(plan: Plan, options: argparse.Namespace) -> tuple[list[SliceRecord], list[CellRecord]]:
    """All slices and cells of *plan*."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        with JournalWriter(path) as journal:
            journal.write(run_header("modes", [], ["tcp-echo"], seed=options.seed))
            bench = Bench(
                load_suite(),
                plan,
                journal,
                conditions=Conditions(*cpus()),
                seed=options.seed,
                evidence=False,
            )
            bench.run()
        records = read_journal(path)
    return (
        [record for record in records if isinstance(record, SliceRecord)],
        [record for record in records if isinstance(record, CellRecord)],
    )


FIGURES: dict[str, Callable[[SliceRecord], float]] = {
    "CPU µs per message": lambda slice_: slice_.cpu_ns / slice_.operations / 1e3,
    "messages/s": lambda slice_: slice_.operations * 1e9 / slice_.elapsed_ns,
}
CONDITIONS: dict[str, Callable[[SliceRecord], float]] = {
    "subject's CPU": lambda slice_: slice_.cpu_ns / slice_.elapsed_ns,
    "load's CPU": lambda slice_: slice_.load_cpu_ns / slice_.elapsed_ns,
    "messages per sleep": lambda slice_: slice_.operations / max(slice_.sleeps or 0, 1),
    "steal": lambda slice_: (slice_.steal_ns or 0) / slice_.elapsed_ns,
}


def lines_of(cell: CellRecord, slices: Sequence[SliceRecord]) -> list[str]:
    """A table's line for each figure of a row."""
    lines = []
    generations = sorted({slice_.generation for slice_ in slices})
    for name, figure in FIGURES.items():
        values = np.array([figure(slice_) for slice_ in slices])
        middles = [
            np.median([figure(slice_) for slice_ in slices if slice_.generation == g]) for g in generations
        ]
        within = [
            _spread(np.array([figure(slice_) for slice_ in slices if slice_.generation == g]))
            for g in generations
        ]
        follows = ", ".join(
            f"{condition} {_correlation(values, np.array([read(slice_) for slice_ in slices])):+.2f}"
            for condition, read in CONDITIONS.items()
        )
        age = _correlation(values, np.array([float(slice_.round) for slice_ in slices]))
        lines.append(
            f"| {cell.adapter} | {cell.parameters['connections']} | {name} | {np.median(values):,.4g} | "
            f"{np.median(within):.2f} | {max(middles) / min(middles):.2f} | {age:+.2f} | {follows} | {len(slices)} |"
        )
    return lines


def _spread(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    return float(np.quantile(values, 0.9) / np.quantile(values, 0.1))


def _correlation(
    a: "np.ndarray[tuple[int], np.dtype[np.float64]]", b: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> float:
    """Rank correlation (C. Spearman); 0 where one of them is constant."""
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float) for values in (a, b)]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def main() -> int:
    """Measure and print; returns the exit status."""
    options = parse()
    try:
        plan = plan_of(options)
    except SuiteError as error:
        print(f"modes: --adapters: {error}", file=sys.stderr)
        return 2
    slices, cells = measure(plan, options)
    measured = [cell for cell in cells if cell.figures is not None]
    if not measured:
        print("modes: nothing could be measured", file=sys.stderr)
        return 3
    print("| adapter | connections | figure | median | spread within a generation | between generations | rank "
          "correlation with age | with the regime | slices |")  # fmt: skip
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | --- | ---: |")
    for cell in measured:
        cell_slices = [
            slice_ for slice_ in slices
            if (slice_.adapter, slice_.style, slice_.parameters) == (cell.adapter, cell.style, cell.parameters)
            and slice_.operations
        ]  # fmt: skip
        print("\n".join(lines_of(cell, cell_slices)))
    print()
    for cell in measured:
        if cell.figures is not None:
            for line in mode_lines([MeasuredRow(cell.adapter, cell.style, cell.figures)], TEXTS):
                print(f"- {cell.parameters['connections']} connections: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
