"""System calls of another process, counted by strace(1).

`strace -c -f -p PID` attaches to processes that run (ptrace(2), PTRACE_SEIZE), counts in itself, and prints one
table when it is told to end by SIGINT. What follows:

- A traced call costs two stops and four switches, some 20 µs: nothing is timed meanwhile. Counts that depend on how
  busy a process is (how many messages one epoll_wait brings) are those of a slow one.
- `-f` follows what is forked and started from then on; every process that is there already is named by a `-p`. Its
  threads come along.
- It takes leave: the kernel detaches the traced when their tracer ends, however it ends, and they run on. And strace
  ends when the last process that it traces does. So neither is ever left behind by the other's death.
- Who may attach is the kernel's decision: the same user, and CAP_SYS_PTRACE in a container whose seccomp filter
  allows ptrace; with the Yama module (`/proc/sys/kernel/yama/ptrace_scope`, 1 on Ubuntu) only an ancestor, or whom
  the traced process names itself (PR_SET_PTRACER, prctl(2)); a worker that is served with `"traced": true` does.

Every failure is a `TracingError` in words, with what would help. strace is Linux's; other systems have none.
"""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ATTACH_LIMIT_S = 15.0
DETACH_LIMIT_S = 20.0
"""strace detaches one thread after the other, each when it has stopped it; both take milliseconds, unless the machine
is busy."""
SETTLE_S = 0.02
"""strace says that it is attached before the process has stopped for the first time: what it calls until then is not
counted. Nothing tells when that is; on a machine with a CPU to spare it is at once."""
MAX_NAMES = 64
_ATTACHED = re.compile(rb"^strace: Process (\d+) attached", re.MULTILINE)
_CALL = re.compile(r"[a-z0-9_]{1,40}")


class TracingError(Exception):
    """No system calls can be counted; the message says why, and what would help."""


@dataclass(frozen=True)
class Count:
    """How often one system call was made, and how often it returned an error."""

    calls: int
    errors: int


def parsed(text: str) -> dict[str, Count]:
    """Counts by name from the table that `strace -c` prints; empty where no call was made.

    Its columns are `% time`, `seconds`, `usecs/call`, `calls`, `errors` and `syscall`, of which `errors` is empty
    for most lines. Raises `TracingError` for anything else.
    """
    lines = iter(text.splitlines())
    for line in lines:
        if line.split() == ["%", "time", "seconds", "usecs/call", "calls", "errors", "syscall"]:
            break
    else:
        return {}
    next(lines, None)  # a rule
    counts: dict[str, Count] = {}
    for line in lines:
        columns = line.split()
        if not columns or columns[0].startswith("-"):
            return counts
        if not (
            len(columns) in (5, 6)
            and all(column.isdigit() for column in columns[3:-1])
            and _CALL.fullmatch(columns[-1])
        ):
            raise TracingError(f"strace printed {line[:80]!r}, expected a line of its table of calls")
        counts[columns[-1]] = Count(int(columns[3]), int(columns[4]) if len(columns) == 6 else 0)
    raise TracingError("strace's table of calls has no end")


def tracer() -> str:
    """Path of strace. Raises `TracingError` where there is none."""
    if sys.platform != "linux":
        raise TracingError(f"strace is Linux's; {sys.platform} has no like of it that needs no privileges")
    path = shutil.which("strace")
    if path is None:
        raise TracingError("strace is not on PATH; `sudo apt-get install strace`, or its like, brings it")
    return path


@contextlib.contextmanager
def traced(pids: Sequence[int]) -> Iterator[dict[str, Count]]:
    """Count the system calls of *pids* and of what they start while the block runs.

    Counts by name are there when the block has ended without an exception. strace is gone in any case. Raises
    `TracingError`.
    """
    path = tracer()
    name = "strace"  # its messages begin with the name that it is called by, which must not be a path
    process = subprocess.Popen(
        [name, "-c", "-f", *(word for pid in pids for word in ("-p", str(pid)))],
        executable=path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    )
    counts: dict[str, Count] = {}
    with process:
        try:
            _await_attached(process, pids)
            time.sleep(SETTLE_S)
            yield counts
            process.send_signal(signal.SIGINT)
            counts.update(parsed(_rest(process)))
        finally:
            process.kill()


def _await_attached(process: "subprocess.Popen[bytes]", pids: Sequence[int]) -> None:
    """Read what strace prints until it has named each of *pids*. Raises `TracingError`."""
    assert process.stderr is not None
    descriptor, printed = process.stderr.fileno(), b""
    deadline = time.monotonic() + ATTACH_LIMIT_S
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not {int(pid) for pid in _ATTACHED.findall(printed)} >= set(pids):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise TracingError(f"strace did not attach within {ATTACH_LIMIT_S:g} s")
            data = os.read(descriptor, 65536)
            if not data:
                raise TracingError(refusal(printed.decode("utf-8", "replace")))
            printed += data


def _rest(process: "subprocess.Popen[bytes]") -> str:
    """What strace prints on its way out, its table last. Raises `TracingError`."""
    try:
        _nothing, printed = process.communicate(timeout=DETACH_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise TracingError(f"strace did not detach within {DETACH_LIMIT_S:g} s") from error
    return printed.decode("utf-8", "replace")


def refusal(text: str) -> str:
    """Why strace ended instead of attaching, by its last words, with what helps."""
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
    if "Operation not permitted" in last:
        return (
            "the kernel does not let strace attach (ptrace: Operation not permitted); `sudo sysctl -w "
            "kernel.yama.ptrace_scope=0` allows it, in a container `--cap-add=SYS_PTRACE`"
        )
    return f"strace could not attach: {last.removeprefix('strace: ')[:200]}"
