"""Exit status, and the two ways in which a command ends early: a refusal in one line, and a fault of our own."""

import os
import tempfile
import traceback
from pathlib import Path

import click

from crossloop.plain_text import without_folders

DONE = 0
FALSE = 1
BAD_INPUT = 2
NOTHING_MEASURED = 3
UNFORESEEN = 70
"""EX_SOFTWARE of sysexits.h: an error of crossloop itself. It says nothing about what was asked."""
INTERRUPTED = 130
STATUSES = frozenset({DONE, FALSE, BAD_INPUT, NOTHING_MEASURED, INTERRUPTED})


class StopError(click.ClickException):
    """Ends a command with one line on stderr: what failed, the values that disagree, the next command."""

    def __init__(self, message: str, status: int = BAD_INPUT):
        super().__init__(message)
        self.status = status


def unforeseen(error: BaseException) -> str:
    """One line on an error that nobody foresaw; its traceback goes into a file, which the line names."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(": ")
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return (
        f"unforeseen {without_folders(what)}{where}: this is a fault of crossloop, and says nothing of what was "
        f"asked; report it in the issues of its repository{_kept(error)}"
    )


def _kept(error: BaseException) -> str:
    """Where the traceback was written, as the end of a sentence; empty where no file can be."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="crossloop-traceback-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return ""
    return f", with {name}"
