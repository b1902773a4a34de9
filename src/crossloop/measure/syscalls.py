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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ATTACH_LIMIT_S = 15.0
DETACH_LIMIT_S = 20.0
"""strace detaches one thread after the other, each when it has stopped it; both take milliseconds, unless the machine
is busy."""
SETTLE_S = 0.02
"""strace says that it is attached before the process has stopped for the first time: what it calls until then is not
counted. Nothing tells when that is; on a machine with a CPU to spare it is at once."""
MAX_OUTPUT_BYTES = 1024 * 1024
MAX_NAMES = 64
_ATTACHED = re.compile(rb"^strace: Process (\d+) attached")
_CALL = re.compile(r"[a-z0-9_]{1,40}")


class TracingError(Exception):
    """No system calls can be counted; the message says why, and what would help."""


@dataclass(frozen=True)
class Count:
    """How often one system call was made, and how often it returned an error."""

    calls: int
    errors: int


@dataclass
class Tracing:
    """What `traced` fills in when its block has ended."""

    counts: dict[str, Count]


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
    found: dict[str, Count] = {}
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("-"):
            return found
        if not (
            len(words) in (5, 6)
            and all(word.isdigit() for word in words[3:-1])
            and _CALL.fullmatch(words[-1])
        ):
            raise TracingError(f"strace printed {line[:80]!r}, expected a line of its table of calls")
        found[words[-1]] = Count(int(words[3]), int(words[4]) if len(words) == 6 else 0)
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
def traced(pids: Sequence[int]) -> Iterator[Tracing]:
    """Count the system calls of *pids* and of what they start while the block runs.

    The counts are there when the block has ended without an exception. strace is gone in any case. Raises
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
    tracing = Tracing({})
    try:
        output = _Output(process)
        output.read_until(lambda text: _all_attached(text, pids), ATTACH_LIMIT_S, "attach")
        time.sleep(SETTLE_S)
        yield tracing
        process.send_signal(signal.SIGINT)
        text = output.read_until(lambda _text: False, DETACH_LIMIT_S, "detach", to_end=True)
        tracing.counts = parsed(text)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _all_attached(text: bytes, pids: Sequence[int]) -> bool:
    seen = {int(found[1]) for line in text.splitlines() if (found := _ATTACHED.match(line))}
    return seen >= set(pids)


class _Output:
    """What strace prints, read as it comes, within limits of time and size."""

    def __init__(self, process: "subprocess.Popen[bytes]"):
        assert process.stderr is not None
        self._descriptor = process.stderr.fileno()
        self._text = b""

    def read_until(
        self, enough: Callable[[bytes], bool], limit_s: float, doing: str, *, to_end: bool = False
    ) -> str:
        """Read until *enough*, or *to_end*; what was read. Raises `TracingError`."""
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while not enough(self._text):
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise TracingError(f"strace did not {doing} within {limit_s:g} s")
                data = os.read(self._descriptor, 65536)
                self._text += data
                if len(self._text) > MAX_OUTPUT_BYTES:
                    raise TracingError(f"strace printed more than {MAX_OUTPUT_BYTES:,} bytes")
                if not data and not to_end:
                    raise TracingError(refusal(self._text.decode("utf-8", "replace")))
                if not data:
                    break
        return self._text.decode("utf-8", "replace")


def refusal(text: str) -> str:
    """Why strace ended instead of attaching, by its last words, with what helps."""
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
    if "Operation not permitted" in last:
        return (
            "the kernel does not let strace attach (ptrace: Operation not permitted); `sudo sysctl -w "
            "kernel.yama.ptrace_scope=0` allows it, in a container `--cap-add=SYS_PTRACE`"
        )
    return f"strace could not attach: {last.removeprefix('strace: ')[:200]}"
