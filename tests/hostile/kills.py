"""A process of a short bench is killed at a random moment, then the bench is resumed.

Whoever is killed, the run ends with a status of the contract and a journal that reads; `--resume` completes it; what
the killed process was not to blame for has its figures; nothing is left running.
"""

import functools
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from crossloop.journal import CellRecord, EndRecord, JournalError, read_journal
from tests.hostile.campaign import MARK, Part, Trial, left_running

ADAPTERS = ("asyncio-select", "epoll", "poll", "processes", "select", "threads")
LIMIT_S = 240.0
"""For one bench on a machine that others use as well."""
STARVED = "no operation was completed in any slice"
"""What a row says that got no CPU in a slice of smoke: the machine's matter, and nothing that a kill brought."""
SPAN_S = 6.0
"""Within this after the first process of the kind was seen, one is killed."""


def _is_load(command: list[str]) -> bool:
    return "crossloop.load.server" in command


def _is_worker(command: list[str]) -> bool:
    return "crossloop.worker" in command


def _is_reference(command: list[str]) -> bool:
    return "--supervised" in command


def _is_report(command: list[str]) -> bool:
    return "report" in command


@dataclass(frozen=True)
class Victim:
    """A kind of process: how it is told by its command, in which scenarios it is, and what its death may cost a row."""

    name: str
    known_by: Callable[[list[str]], bool] | None
    scenarios: str
    costs: frozenset[str] = frozenset()
    """Outcomes beside `measured` that rows may have for it."""


VICTIMS = (
    Victim("supervisor", None, "tcp-echo,timers"),
    Victim("load", _is_load, "tcp-echo"),
    Victim("companion", _is_worker, "dns", frozenset({"crashed"})),  # or a worker: they have one command
    Victim("worker", _is_worker, "tcp-echo,timers", frozenset({"crashed"})),
    Victim("reference", _is_reference, "tcp-echo", frozenset({"crashed"})),
    Victim("report", _is_report, "tcp-echo"),
)


def trials(chance: random.Random, count: int) -> Iterator[Trial]:
    """Each kind in turn."""
    for number in range(count):
        victim = VICTIMS[number % len(VICTIMS)]
        adapters = (
            ",".join(chance.sample(ADAPTERS, 2)) if victim.scenarios != "dns" else "asyncio,asyncio-select"
        )
        run = functools.partial(_run, victim, adapters, chance.random() * SPAN_S, chance.randrange(2**31))
        yield Trial(f"{victim.name} of {adapters}", run)


PART = Part("kills", "a process of a bench is killed at a random moment, then `bench --resume`", 60, trials)


def _run(victim: Victim, adapters: str, delay_s: float, seed: int, folder: Path) -> list[str]:
    mark = uuid.uuid4().hex
    out = folder / "out"
    command = [
        sys.executable, "-m", "crossloop", "bench", "--profile", "smoke", "--adapters", adapters,
        "--scenarios", victim.scenarios, "--out", str(out), "--no-evidence",
    ]  # fmt: skip
    environment = {**os.environ, MARK: mark}
    errors = folder / "errors"
    with errors.open("wb") as sink:
        bench = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sink, env=environment)
        try:
            killed = _kill(victim, bench.pid, delay_s, seed)
            status = bench.wait(LIMIT_S)
        finally:
            bench.kill()
            bench.wait()
    said = errors.read_text(errors="replace")
    expected = {-9} if victim.known_by is None and killed else {0, 2, 3}
    faults = [] if status in expected else [f"status {status}: {said[-600:]}"]
    resumed = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, timeout=LIMIT_S, check=False, env=environment
    )
    if resumed.returncode:
        faults.append(f"resumed: status {resumed.returncode}: {resumed.stderr[-600:]}")
    faults += [f"{text[-1500:]}" for text in (said, resumed.stderr) if "Traceback" in text]
    return [*faults, *_journal_faults(victim, out), *left_running(mark)]


def _kill(victim: Victim, supervisor: int, delay_s: float, seed: int) -> bool:
    """Kill one of the kind some time after the first of them was seen; whether there was one still."""
    bench = psutil.Process(supervisor)
    if victim.known_by is not None:
        while not _of_kind(victim, bench) and bench.status() != psutil.STATUS_ZOMBIE:
            psutil.wait_procs([bench], timeout=0.02)
    psutil.wait_procs([bench], timeout=delay_s if victim.name != "report" else delay_s / 10)
    running = _of_kind(victim, bench)
    if not running:
        return False
    try:
        random.Random(seed).choice(running).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def _of_kind(victim: Victim, bench: psutil.Process) -> list[psutil.Process]:
    running = []
    try:
        for process in [bench] if victim.known_by is None else bench.children():
            if process.status() != psutil.STATUS_ZOMBIE and (
                victim.known_by is None or victim.known_by(process.cmdline())
            ):
                running.append(process)
    except psutil.Error:  # it ended while it was looked at
        pass
    return running


def _journal_faults(victim: Victim, out: Path) -> Iterator[str]:
    try:
        records = read_journal(out / "run.jsonl")
    except JournalError as error:
        yield str(error)
        return
    if not isinstance(records[-1], EndRecord) and not any(
        isinstance(record, EndRecord) for record in records
    ):
        yield "the journal has no end after --resume"
    if not (out / "README.md").is_file():
        yield "no page after --resume"
    for cell in records:
        if not isinstance(cell, CellRecord) or cell.reason == STARVED:
            continue
        if cell.outcome not in {"measured", "unsupported", *victim.costs}:
            yield f"{cell.adapter} in {cell.scenario} is {cell.outcome}: {cell.reason}"
