"""Promises of `ChildProcesses`. The children are the system's shell: small, and everywhere."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from crossloop.api import ChildProcesses
from crossloop.contract.observing import descriptors
from crossloop.contract.peer import compare, pattern
from crossloop.contract.promise import Promises, ViolationError, require, require_equal

CHILD_PROCESSES = Promises(lambda subject: cast(ChildProcesses, subject.adapter))
_STATUS = "the exit status of each, in the order of the commands; a signal's number below zero"
_ALL = "all are waited for"
OUTPUT_BYTES = 3 << 20
NAP_S = 0.1


def _shell(text: str) -> Sequence[str]:
    if sys.platform == "win32":
        return (os.environ.get("COMSPEC", "cmd.exe"), "/c", text)
    return ("/bin/sh", "-c", text)


@CHILD_PROCESSES.promise("children-statuses", "12 children with different statuses, four at a time", _STATUS)
def statuses(children: ChildProcesses) -> None:
    expected = [number * 7 for number in range(12)]
    ended = children.run_children([_shell(f"exit {status}") for status in expected], 4)
    require_equal(list(ended), expected, "statuses")


@CHILD_PROCESSES.promise("children-signal", "a child that a signal ends", _STATUS)
def ended_by_a_signal(children: ChildProcesses) -> None:
    if sys.platform == "win32":
        return  # no process there is ended by a signal
    ended = children.run_children([_shell("kill -TERM $$")], 1)
    require_equal(list(ended), [-15], "statuses")


@CHILD_PROCESSES.promise(
    "children-at-a-time", f"six that take {NAP_S:g} s, at most two of them at once", "at most so many at once"
)
def at_a_time(children: ChildProcesses) -> None:
    nap = _shell(
        f"ping -n 1 -w {NAP_S * 1e3:.0f} 192.0.2.1 > nul" if sys.platform == "win32" else f"sleep {NAP_S}"
    )
    begun_s = time.monotonic()
    children.run_children([nap] * 6, 2)
    elapsed_s = time.monotonic() - begun_s
    require(elapsed_s >= 3 * NAP_S, f"three times {NAP_S:g} s at least", f"{elapsed_s:.3f} s")


@CHILD_PROCESSES.promise(
    "children-none",
    "a program that is not there, beside one that is",
    "OSError for one that cannot be started",
)
def none_there(children: ChildProcesses) -> None:
    try:
        children.run_children([_shell("exit 0"), ("/nowhere/crossloop-has-none",)], 2)
    except OSError:
        pass
    else:
        raise ViolationError("run_children raises OSError", "it returned")
    _require_none_left()
    require_equal(list(children.run_children([_shell("exit 3")], 1)), [3], "statuses afterwards")


@CHILD_PROCESSES.promise(
    "children-output",
    f"{OUTPUT_BYTES >> 20} MiB of output, and a status",
    "what it writes is handed on, piece by piece",
)
def output(children: ChildProcesses) -> None:
    data = pattern(OUTPUT_BYTES)
    pieces: list[bytes] = []
    with TemporaryDirectory() as folder:
        file = Path(folder, "output")
        file.write_bytes(data)
        show = "type" if sys.platform == "win32" else "cat"
        both = " & " if sys.platform == "win32" else "; "
        status = children.read_child(_shell(f'{show} "{file}"{both}exit 5'), pieces.append)
    require(len(pieces) > 1, "more than one piece", f"{len(pieces)}")
    compare(b"".join(pieces), data)
    require_equal(status, 5, "status")


@CHILD_PROCESSES.promise(
    "children-take-raises",
    "what takes the output raises",
    "the exception is raised once the child has been ended and waited for",
)
def take_raises(children: ChildProcesses) -> None:
    def fail(_data: bytes) -> None:
        raise KeyError("from what takes")

    try:
        children.read_child(
            _shell("echo something & ping -n 60 127.0.0.1 > nul")
            if sys.platform == "win32"
            else _shell("echo something; exec sleep 60"),
            fail,
        )
    except KeyError as error:
        require_equal(error.args, ("from what takes",), "arguments of the error")
    else:
        raise ViolationError("read_child raises KeyError", "it returned")
    _require_none_left()


@CHILD_PROCESSES.promise("children-leave-nothing", "descriptors and children after 30 more of them", _ALL)
def leave_nothing(children: ChildProcesses) -> None:
    """The first ones may make what stays: a thread, a pipe for SIGCHLD."""
    commands = [_shell("exit 0")] * 10
    children.run_children(commands, 5)
    before = descriptors()
    for _ in range(3):
        children.run_children(commands, 5)
    after = descriptors()
    if before is not None and after is not None:
        require(len(after) <= len(before), f"{len(before)} descriptors, as before", f"{len(after)}: {after}")
    _require_none_left()


def _require_none_left() -> None:
    """Raises ViolationError when this process has a child, alive or not waited for."""
    if sys.platform == "win32":
        return
    try:
        pid, _status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise ViolationError("no child left", "one is alive" if pid == 0 else f"child {pid} was not waited for")
