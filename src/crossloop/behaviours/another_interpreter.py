"""Programs that ask what happens at the end of an interpreter: each runs another one, which ends as any does."""

import subprocess
import sys
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from crossloop.api import Adapter

LIMIT_S = 15.0
"""After this time it does not end. Starting an interpreter takes seconds where many others start."""


def ends_well(source: str, options: tuple[str, ...] = ()) -> Answer:
    """Whether a Python program ends with status 0 and nothing on standard error; *options* of the interpreter."""
    command = [sys.executable, *options, "-c", f"import sys\nsys.path[:] = {sys.path!r}\n{source}"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return answered(False, "the process does not end")
    if ended.returncode:
        how = f"ended by signal {-ended.returncode}" if ended.returncode < 0 else f"status {ended.returncode}"
        return answered(False, how, ended.stderr)
    return answered(not ended.stderr, "it writes to standard error", ended.stderr)


def import_of_loop(new_loop: NewLoop) -> str:
    """A line that makes `new_loop` known to another interpreter."""
    return f"from {new_loop.__module__} import {new_loop.__name__} as new_loop\n"


def import_of_gevent() -> str:
    """Lines that import gevent with the loop that it has here."""
    import gevent

    kind = type(gevent.get_hub().loop)
    return f"import gevent\ngevent.config.loop = '{kind.__module__}.{kind.__name__}'\n"


def import_of_adapter(adapter: "Adapter") -> str:
    """A line that makes `Adapter` known to another interpreter."""
    return f"from {type(adapter).__module__} import Adapter\n"
