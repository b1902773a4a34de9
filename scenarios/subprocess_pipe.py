"""A child's output: what does it cost to read a mebibyte that a child writes into a pipe?

The child is cat(1), which writes a file to its standard output as fast as it is read. A pipe holds 64 KiB on Linux, and
then the writer sleeps; so the two hand the CPU to each other, or work side by side on two. Libraries differ in how much
they read at a time, how often they copy it, and what lies between: asyncio reads up to 256 KiB into a `StreamReader`
and pauses the pipe when that holds too much, libuv into a buffer of its own, gevent by read(2) in the greenlet, tornado
by a stream of its own.

Timed region: from entering the loop until the child has ended and was waited for. CPU time is the child's, too: a
reader that takes small pieces has the writer woken more often. Starting the child (`subprocess`) is in it.

Check: the program read the file's content, byte for byte, and the child's status is 0.

What this does not say: anything about sockets, which `bulk` has, or about children that are written to.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    ChildProcesses,
    Parameters,
    ScenarioAbout,
    Workload,
    fixed_filler,
)

ABOUT = ScenarioAbout(
    levels=("ChildProcesses",),
    drive="work",
    title="Output of a child",
    short_title="Pipe",
    question="What does it cost to read a mebibyte that a child writes into a pipe?",
    group="system",
    place=30,
    unit="mebibyte",
    sets=(
        ("smoke", {"mebibytes": 16}),
        ("full", {"mebibytes": 64}),
    ),
    limits={"mebibytes": (1, 1024)},
    brief=True,
)

_COPY = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer, 1 << 17)"
"""For Windows, which has no cat(1)."""


class Scenario(Workload):
    """One child that writes a file."""

    counts_children: ClassVar[bool] = True

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Write the file, in a folder of its own."""
        super().__init__(adapter, style, parameters, server)
        self._children = cast(ChildProcesses, adapter)
        self._mebibytes: int = parameters["mebibytes"]
        self._content = fixed_filler(self._mebibytes << 20)
        self._folder = TemporaryDirectory(prefix="crossloop-")
        file = Path(self._folder.name, "output")
        file.write_bytes(self._content)
        self._command = (
            (sys.executable, "-S", "-c", _COPY, str(file)) if sys.platform == "win32" else ("cat", str(file))
        )
        self._pieces: list[bytes] = []
        self._status = -1

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._pieces.clear()
        self._status = -1

    def run(self) -> int:
        """One repetition; returns the mebibytes that were read."""
        self._status = self._children.read_child(self._command, self._pieces.append)
        return sum(map(len, self._pieces)) >> 20

    def verify(self) -> None:
        """All of it was read, and the child says that it wrote all."""
        self.counters["pieces"] = self.counters.get("pieces", 0) + len(self._pieces)
        read = b"".join(self._pieces)
        if read != self._content:
            what = (
                f"{len(read)} bytes of {len(self._content)}"
                if len(read) < len(self._content)
                else "other bytes"
            )
            raise CheckFailedError(f"of a child's output {what} were read")
        if self._status != 0:
            raise CheckFailedError(f"the child ended with status {self._status}, expected 0")

    def close(self) -> None:
        """Remove the file."""
        self._pieces.clear()
        self._folder.cleanup()
