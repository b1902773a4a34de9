"""Running other programs for `crossloop setup`: with a time limit, bounded output, and no survivors.

Output goes to a file, not a pipe: a compiler that floods it costs disk for a moment and no memory. On the
limit the whole process tree ends, because pip starts compilers and those start others.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PACKAGE_SYSTEMS = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "apk": "sudo apk add",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "brew": "brew install",
}
TAIL_BYTES = 256 * 1024
"""How much of a program's output is read back: its end, where the reason stands."""


@dataclass(frozen=True)
class CommandRun:
    """One finished program. `status` is None when the limit ended it or it could not be started."""

    status: int | None
    output: str
    """End of standard output and standard error, as they came."""
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.status == 0


def run_command(
    command: Sequence[str],
    *,
    limit_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> CommandRun:
    """Run *command* to its end, or end it and its children after *limit_s*. Never raises for what it does.

    *environment* is added to ours; the language is C, so that messages can be recognised.
    """
    started = time.monotonic()
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
    with tempfile.TemporaryFile() as sink:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=variables,
                cwd=folder,
            )
        except OSError as error:
            return CommandRun(None, f"{command[0]}: {error.strerror}", time.monotonic() - started)
        try:
            status: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            _end_tree(process)
            status = None
        except BaseException:  # interrupted by the person: leave nothing behind, then go on ending
            _end_tree(process)
            raise
        size = sink.seek(0, os.SEEK_END)
        sink.seek(max(0, size - TAIL_BYTES))
        output = sink.read().decode(errors="replace")
    if status is None:
        output += f"\nended after the limit of {limit_s:.0f} s\n"
    return CommandRun(status, output, time.monotonic() - started)


def python_command(*arguments: str) -> list[str]:
    """Command line of the running interpreter; everything is installed into *its* environment."""
    return [sys.executable, *arguments]


def _end_tree(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all its descendants, and reap it. Children first listed, then killed."""
    descendants = []
    with contextlib.suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in descendants:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    psutil.wait_procs(descendants, timeout=5)


def install_command(names: Mapping[str, str]) -> str:
    """The command that brings a package here, by its *names* in package systems (`apt-get`); empty where none is."""
    for program, verb in _PACKAGE_SYSTEMS.items():
        if program in names and shutil.which(program):
            return f"{verb} {names[program]}"
    return ""
