"""Rendering in a process of its own: who measures need not hold the plotting library as well."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from crossloop.cli.exits import BAD_INPUT, DONE, STATUSES, StopError
from crossloop.journal import journal_path


def render_apart(suites: Sequence[Path], folders: Sequence[Path], out: Path | None = None) -> None:
    """Render the report of *folders* into *out*, or of one folder into itself.

    Raises `StopError` where that failed; it has said why, unless it was ended.
    """
    options = [word for suite in suites for word in ("--suite", str(suite))]
    report = ["report", *map(str, folders), *(["--out", str(out)] if out is not None else [])]
    command = [sys.executable, "-P", "-m", "crossloop", *options, *report]
    status = subprocess.run(command, check=False).returncode
    if status in {-signal.SIGINT, -signal.SIGTERM}:
        raise KeyboardInterrupt
    if status != DONE:
        ended = f"ended with status {status}" if status > 0 else f"was ended by signal {-status}"
        raise StopError(
            f"the process that renders the report {ended}; the figures are in "
            f"{journal_path(folders[0]) if out is None else out}, "
            f"`crossloop {shlex.join(report)}` renders them again",
            status if status in STATUSES else BAD_INPUT,
        )
