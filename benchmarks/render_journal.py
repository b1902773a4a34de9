"""How long does it take to read and render a journal of 5,000 cells, and how much memory?

    python benchmarks/render_journal.py [--cells 5000] [--slices 0] [--runs 5] [--keep DIR]

Writes a synthetic journal (25 rows × parameter sets × 5 scenarios, figures by arithmetic, every tenth cell
without a figure), then reads and renders it in fresh processes, imports included, and prints for each the
elapsed seconds of reading and of rendering, those of the whole process, its CPU seconds (which others on the
machine disturb less), and its peak resident memory. The target is 3 s for the process. `--slices N` puts N
slices for each cell into the journal: passed over by the report, they cost reading alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeAlias

from crossloop.journal import (
    SCHEMA_VERSION,
    AdapterRecord,
    CellRecord,
    EndRecord,
    Estimate,
    Figures,
    JournalWriter,
    Latency,
    Machine,
    RateFigures,
    Regime,
    RunRecord,
    SliceRecord,
)

LIBRARIES = ("libuv", "libev", "libevent", "none", "none")
FAMILIES = ("libuv", "libev", "libevent", "asyncio", "tornado")
SCENARIOS = ("tcp-echo", "pipe-pairs", "timers", "wakeups", "dns")
ADAPTERS = 25
Parameters: TypeAlias = dict[str, int | float | bool | str]

RENDER = """
import json, sys, time
start = time.perf_counter()
from pathlib import Path
from crossloop.journal import read_journal
records = read_journal(Path(sys.argv[1]), slices=False)
read = time.perf_counter()
from crossloop.report import render, write
page = write(render(records), Path(sys.argv[2]))
done = time.perf_counter()
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / (1e6 if sys.platform == "darwin" else 1e3)
except ImportError:
    peak_mb = None
figures = {"read_s": read - start, "render_s": done - read, "cpu_s": time.process_time(), "peak_mb": peak_mb}
print(json.dumps({name: value and round(value, 3) for name, value in figures.items()}))
"""


def main() -> None:
    """Write the journal, time its rendering."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--slices", type=int, default=0, help="slices for each cell")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="leave journal and report in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "run.jsonl"
        journal.unlink(missing_ok=True)
        write_journal(journal, options.cells, options.slices)
        print(f"{options.cells} cells, {options.slices} slices a cell, {journal.stat().st_size / 1e6:.1f} MB")
        for _ in range(options.runs):
            print(json.dumps(time_rendering(journal, folder)))


def time_rendering(journal: Path, folder: Path) -> dict[str, float]:
    """One fresh process: seconds and megabytes."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RENDER, str(journal), str(folder)], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return {**figures, "process_s": round(time.perf_counter() - start, 3)}


def write_journal(path: Path, cells: int, slices: int) -> None:
    """A journal of so many cells, spread evenly over the scenarios."""
    with JournalWriter(path) as journal:
        journal.write(_run(), sync=False)
        for index in range(ADAPTERS):
            journal.write(_adapter(index), sync=False)
        for number in range(cells):
            adapter, place = number % ADAPTERS, number // ADAPTERS
            scenario = SCENARIOS[place % len(SCENARIOS)]
            parameters: Parameters = {"size": 1024, "connections": place // len(SCENARIOS) + 1}
            for turn in range(slices):
                journal.write(_slice(adapter, scenario, parameters, turn), sync=False)
            journal.write(_cell(number, adapter, scenario, parameters), sync=False)
        journal.write(EndRecord(elapsed_s=3600, cells={"measured": cells}), sync=False)


def _run() -> RunRecord:
    machine = Machine("Linux", "linux", "6.1", "x86_64", "synthetic", 2, 8 * 2**30, "CPython 3.13.0")
    return RunRecord(
        schema=SCHEMA_VERSION,
        crossloop="0",
        started="2026-11-23T00:00:00",
        profile="full",
        seed=1,
        machine=machine,
        adapters=[f"adapter-{index}" for index in range(ADAPTERS)],
        scenarios=list(SCENARIOS),
        server_cpu=0,
        load_cpu=1,
        slice_ms=100,
        run_in_ms=30,
    )


def _adapter(index: int) -> AdapterRecord:
    library, family = LIBRARIES[index % 5], FAMILIES[index % 5]
    return AdapterRecord(f"adapter-{index}", family, library, f"binding-{index}", True, "measured")


def _estimate(value: float) -> Estimate:
    return Estimate(value, value * 0.98, value * 1.02, 90, 3)


def _latency(p50: float) -> Latency:
    return Latency(20_000, p50, 2 * p50, 5 * p50, 12 * p50, 40 * p50)


def _cell(number: int, adapter: int, scenario: str, parameters: Parameters) -> CellRecord:
    if number % 10 == 9:
        return CellRecord(
            f"adapter-{adapter}",
            "native",
            scenario,
            parameters,
            "failed",
            f"failure of kind {number % 7}",
            "trace\n" * 9,
        )
    cost = 5_000 * (1 + adapter / 5) * (1 + number % 3 / 50)
    regime = Regime("server-bound", 0.98, 0.6, 12.5, 0.001)
    rates = [
        RateFigures(label, 20_000, 19_990, _latency(cost / 50), _estimate(cost * 1.3), regime)
        for label in ("common", "50%", "80%", "95%")
    ]
    figures = Figures(
        cpu_ns_per_operation=_estimate(cost),
        user_share=0.4,
        operations_per_s=_estimate(1e9 / cost),
        regime=regime,
        tier=adapter + 1,
        ratio_to_best=_estimate(cost / 5_000),
        rates=rates,
        latency_us=_latency(cost / 60),
        rss_bytes=30_000_000,
        counters={"late": 3},
    )
    return CellRecord(f"adapter-{adapter}", "native", scenario, parameters, "measured", figures=figures)


def _slice(adapter: int, scenario: str, parameters: Parameters, turn: int) -> SliceRecord:
    return SliceRecord(
        f"adapter-{adapter}",
        "native",
        scenario,
        parameters,
        "capacity",
        turn % 3,
        turn,
        12_345,
        100_000_000,
        98_000_000,
        latency=[(1000 * index, index) for index in range(1, 40)],
    )


if __name__ == "__main__":
    main()
