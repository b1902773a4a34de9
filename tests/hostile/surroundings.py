"""Commands in odd surroundings: full disks, small limits, closed and full streams, encodings, noise. POSIX only.

A trial is one command under one to three oddities, each of another kind. What may be seen: a result, or a refusal
with a status of the contract. Two journals that are the same never regressed; a doctor's 1 has a problem in its output.
"""

import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import psutil

from crossloop.journal import JournalError, read_journal
from tests.documents import ROOT
from tests.hostile.campaign import Part, Trial
from tests.hostile.journals import sliced_run

LIMIT_S = 240
LEFT_S = 5
"""How long what a command started may still take to end."""
MARK = "CROSSLOOP_TRIAL"
"""Variable by which a trial's processes are known."""
SHELL = shutil.which("bash") or "/bin/sh"
"""Not every sh knows the limit of processes."""
REPORT = ROOT / "reports" / "linux"


@dataclass(frozen=True)
class Oddity:
    """One thing that is odd: variables (None: taken away), words of the shell before the command, and after it."""

    kind: str
    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict)
    before: str = ""
    after: str = ""


def _limit(letter: str, *values: int) -> list[Oddity]:
    return [
        Oddity(f"limit -{letter}", f"ulimit -{letter} {value}", before=f"ulimit -{letter} {value};")
        for value in values
    ]


def _variables(kind: str, *sets: Mapping[str, str | None]) -> list[Oddity]:
    return [
        Oddity(kind, " ".join(f"{key}={value}" for key, value in variables.items()), variables)
        for variables in sets
    ]


def _streams(number: int, name: str) -> list[Oddity]:
    return [
        Oddity(name, f"{name} closed", after=f"{number}>&-"),
        Oddity(name, f"{name} full", after=f"{number}>/dev/full"),
        Oddity(name, f"{name} read-only", after=f"{number}</dev/null"),
        # A named pipe whose only reader has gone.
        Oddity(
            name,
            f"{name} without a reader",
            before="/usr/bin/mkfifo gone; :<gone& exec 9>gone; wait;",
            after=f"{number}>&9 9>&-",
        ),
    ]  # fmt: skip


ODDITIES: tuple[Oddity, ...] = (
    *_streams(1, "stdout"),
    *_streams(2, "stderr"),
    Oddity("stdin", "stdin closed", after="<&-"),
    *_limit("n", 8, 20, 40, 64, 128, 256),
    *_limit("v", 60_000, 300_000, 540_000, 800_000, 1_500_000),
    *_limit("f", 0, 1, 16, 100, 1000),
    *_limit("u", 1, 20, 100),  # (root is not bound by it)
    *_limit("s", 128, 1024),
    *_limit("c", 0),
    *_variables(
        "encoding",
        *({"PYTHONIOENCODING": codec} for codec in ("cp437", "cp1252", "cp932", "ascii:strict", "utf-16", "latin-1")),
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX"},
        {"LC_ALL": "xx_YY.no-such"},
    ),
    *_variables("home", {"HOME": None}, {"HOME": "/nowhere"}, {"HOME": "/dev/null"}, {"HOME": ""}),
    *_variables("tmpdir", {"TMPDIR": "/nowhere"}, {"TMPDIR": "/proc"}, {"TMPDIR": ""}),
    *_variables("path", {"PATH": None}, {"PATH": ""}, {"PATH": "/nowhere"}),
    *_variables(
        "noise",
        {"PYTHONVERBOSE": "1"},
        {"PYTHONWARNINGS": "error"},
        {"PYTHONWARNINGS": "always"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONMALLOCSTATS": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONUNBUFFERED": "1"},
        {"PYTHONSAFEPATH": None, "PYTHONNOUSERSITE": "1"},
        {"LD_PRELOAD": "/nowhere/at/all.so"},
        {"MALLOC_CHECK_": "3"},
    ),
    *_variables("terminal", {"TERM": "dumb"}, {"COLUMNS": "1"}, {"COLUMNS": "no"}, {"FORCE_COLOR": "1"}),
    *_variables("tools", {"MPLBACKEND": "nonsense"}, {"MPLCONFIGDIR": "/proc/nowhere"}, {"CC": "'"}, {"TZ": ":x"}),
)  # fmt: skip
BEFORE_PYTHON = {-13, -25}
"""Ended by SIGPIPE or SIGXFSZ (Windows names neither).

Python ignores them, but not yet when it says what it imports to begin with (PYTHONVERBOSE). Where stderr takes nothing
it does not start then: `PYTHONVERBOSE=1 python -c 1 2>/dev/full` has the status 1."""
DISK_KIB = (4, 8, 16, 64, 256, 1024, 4096)

COMMANDS: Mapping[str, Sequence[str]] = {
    "list": ("list",),
    "list --json": ("list", "--json"),
    "doctor": ("doctor",),
    "doctor --json": ("doctor", "--json"),
    "report": ("report", str(REPORT), "--out", "out"),
    "compare": ("compare", "measured", "measured", "--out", "out"),
    "export": ("export", "pyperf", str(REPORT), "exported"),
    "bench": (
        "bench", "--profile", "smoke", "--adapters", "select", "--scenarios", "timers", "--no-evidence", "--out", "out",
    ),
    "dry run": ("bench", "--profile", "smoke", "--adapters", "select", "--dry-run", "--out", "out"),
    "check": ("check", "--adapters", "select", "--out", "out"),
}  # fmt: skip
OFTEN = {"list": 3, "doctor": 3, "report": 3, "compare": 4, "bench": 4, "check": 1}
"""How often a command is taken beside the others."""


@cache
def mounts() -> bool:
    """Whether a file system of one's own can be had here."""
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def trials(chance: random.Random, count: int) -> Iterator[Trial]:
    """Commands under oddities of different kinds; one in five on a full disk."""
    names = [name for name in COMMANDS for _ in range(OFTEN.get(name, 1))]
    for _ in range(count):
        name = chance.choice(names)
        chosen: dict[str, Oddity] = {}
        for _again in range(chance.choice([1, 1, 2, 3])):
            oddity = chance.choice(ODDITIES)
            chosen.setdefault(oddity.kind, oddity)
        disk = chance.choice(DISK_KIB) if chance.random() < 0.2 and mounts() else None
        titles = [oddity.name for oddity in chosen.values()] + ([f"a disk of {disk} KiB"] if disk else [])
        yield Trial(f"{name}: {', '.join(titles)}", partial(_run, name, tuple(chosen.values()), disk))


def _run(name: str, oddities: Sequence[Oddity], disk_kib: int | None, folder: Path) -> list[str]:
    """Run one command; what was wrong with it."""
    environment = {**os.environ, MARK: str(folder), "OPENBLAS_NUM_THREADS": "1"}
    for oddity in oddities:
        for key, value in oddity.variables.items():
            environment.pop(key, None)
            if value is not None:
                environment[key] = value
    (folder / "out").mkdir()
    if name == "compare":
        sliced_run(folder / "measured")
    command = [SHELL, "-c", _script(name, oddities, disk_kib)]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, encoding="utf-8", errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return [f"no end within {LIMIT_S} s", *_left(folder)]
    verdict = _verdict(name, process.returncode, output, errors, oddities)
    return [*_left(folder), *verdict, *_journals(folder)]


def _script(name: str, oddities: Sequence[Oddity], disk_kib: int | None) -> str:
    """The shell's words: the oddities, then the command in their midst; on a disk of its own, what stays is copied."""
    command = [sys.executable, "-m", "crossloop", *COMMANDS[name]]
    before, after = (" ".join(getattr(oddity, at) for oddity in oddities) for at in ("before", "after"))
    script = f"{before} exec {shlex.join(command)} {after}"
    if disk_kib is None:
        return script
    mount = f"mount -t tmpfs -o size={disk_kib}k none out || exit 2; mkdir kept;"
    rest = f"({script}); status=$?; cp out/*.jsonl kept/ 2>/dev/null; exit $status"
    return f"PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin exec unshare -m {SHELL} -c {shlex.quote(f'{mount} {rest}')}"


def _left(folder: Path) -> list[str]:
    """Processes of a trial that are there after its end; they are ended."""
    mine = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                mine.append(process)
        except (psutil.Error, OSError):
            continue
    _gone, alive = psutil.wait_procs(mine, LEFT_S)
    faults = []
    for process in alive:
        try:
            faults.append(f"left running: {' '.join(process.cmdline())[:200]}")
            process.kill()
        except psutil.Error:
            continue
    return faults


def _verdict(name: str, status: int, output: str, errors: str, oddities: Sequence[Oddity]) -> list[str]:
    said = f"status {status}; {errors[-600:]}"
    if "Traceback (most recent call last)" in errors:
        return [f"a traceback; {errors[-2000:]}"]
    if any("PYTHONVERBOSE" in oddity.variables for oddity in oddities):
        mute = any(oddity.kind == "stderr" for oddity in oddities)
        if status in BEFORE_PYTHON or (status == 1 and mute):
            return []
    if status not in {0, 1, 2, 3}:
        return [said]
    if status == 1:
        fair = {"doctor": "problem", "doctor --json": '"problem"', "check": "actual:"}.get(name)
        shown = not any(oddity.kind == "stdout" for oddity in oddities)
        if fair is None or (shown and fair not in output.replace("\x00", "")):
            return [f"a verdict that nothing supports; {said}"]
    if name.startswith("list") and "does not start" in output:
        return [f"what the machine lacks is said of an adapter; {output[:600]}"]
    if status in {2, 3} and not errors.strip() and not any(oddity.kind == "stderr" for oddity in oddities):
        return [f"status {status} without a word"]
    return []


def _journals(folder: Path) -> list[str]:
    """Journals that are there and cannot be read."""
    faults = []
    for path in (*folder.glob("out/*.jsonl"), *folder.glob("kept/*.jsonl")):
        try:
            read_journal(path)
        except JournalError as error:
            faults.append(f"a journal that cannot be read: {error}")
    return faults


PART = Part(
    "surroundings",
    "a command under full disks, small limits, closed or full streams, encodings, noise",
    400,
    trials,
)
