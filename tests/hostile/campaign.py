"""A campaign: parts made of trials, each of which names what went wrong in it, counted in one table."""

import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MARK = "CROSSLOOP_HOSTILE"
"""Environment variable that tells the processes of one trial from all others."""


@dataclass(frozen=True)
class Trial:
    """One thing that is tried. `run` gets an empty folder and returns what went wrong, in words; empty for nothing."""

    name: str
    run: Callable[[Path], Sequence[str]]


@dataclass(frozen=True)
class Part:
    """A kind of trials. `trials` gets a source of chance and how many are wanted, and may yield fewer."""

    id: str
    summary: str
    count: int
    """Trials of a whole campaign."""
    trials: Callable[[random.Random, int], Iterator[Trial]]


@dataclass
class Tally:
    """What became of a part."""

    part: Part
    tried: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    """(trial, what went wrong)"""


def run_part(
    part: Part, seed: int, count: int, folder: Path, say: Callable[[str], object] = lambda _text: None
) -> Tally:
    """Run *count* trials of a part, each in a folder of its own below *folder*. A trial that raises has failed."""
    tally = Tally(part)
    for trial in part.trials(random.Random(f"{part.id} {seed}"), count):
        trial_folder = folder / f"{part.id}-{tally.tried}"
        trial_folder.mkdir()
        tally.tried += 1
        try:
            faults = list(trial.run(trial_folder))
        except Exception as error:
            faults = ["".join(traceback.format_exception(error))]
        tally.faults += [(trial.name, fault) for fault in faults]
        for fault in faults:
            say(f"{part.id}: {trial.name}: {fault}")
    return tally


def left_running(mark: str) -> list[str]:
    """Processes that carry *mark* and do not end by themselves, as faults; each is ended."""
    left = [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(MARK) == mark
    ]
    _gone, alive = psutil.wait_procs(left, timeout=10)
    faults = [f"a process was left running: {process.pid} {process.name()}" for process in alive]
    for process in alive:
        process.kill()
    return faults


def table(tallies: Sequence[Tally]) -> str:
    """The counts in markdown."""
    head = "| Part | What is tried | Trials | With a fault |\n| :--- | :--- | ---: | ---: |\n"
    return head + "".join(
        f"| `{tally.part.id}` | {tally.part.summary} | {tally.tried:,} | "
        f"{len({name for name, _ in tally.faults}):,} |\n"
        for tally in tallies
    )
