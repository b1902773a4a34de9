"""Reading files: what does it cost to read a file without stopping the loop?

No mechanism of readiness reports when a file can be read: for select, poll and epoll it always can, and then the read
blocks. So every library's documentation names a thread: `run_in_executor`, gevent's thread pool. The file is read
there, and the loop is woken with the result. That hand-over, there and back, is the price; reading a small file from
the kernel's memory costs less. `threads` reads in the calling thread, and shows the difference.

`at_a_time` files are read at once, each `size` bytes long.

Timed region: from entering the loop until the last file was read. Opening and closing are part of it. The files were
written just before, so none comes from a disk.

Check: each file's content, byte for byte, at its place.

What this does not say: how fast a disk is. Nor how io_uring reads files: no library here uses it for files.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    FileReads,
    Parameters,
    ScenarioAbout,
    Workload,
    fixed_filler,
)

ABOUT = ScenarioAbout(
    levels=("FileReads",),
    drive="work",
    title="Reading files",
    short_title="Files",
    question="What does it cost to read a small file without stopping the loop?",
    group="system",
    unit="file",
    sets=(
        ("smoke", {"size": 4096, "at_a_time": 1}),
        ("standard", {"size": 4096, "at_a_time": 10}),
        ("standard", {"size": 1048576, "at_a_time": 1}),
        ("full", {"size": 1048576, "at_a_time": 10}),
    ),
    limits={"size": (1, 16777216), "at_a_time": (1, 100)},
    brief=True,
)

_FILES = 50
"""In one repetition."""


class Scenario(Workload):
    """Files that differ by their first bytes."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Write the files, in a folder of their own."""
        super().__init__(adapter, style, parameters, server)
        self._files = cast(FileReads, adapter)
        self._at_a_time: int = parameters["at_a_time"]
        size: int = parameters["size"]
        filler = fixed_filler(size)
        self._expected = [(b"%d " % number + filler)[:size] for number in range(_FILES)]
        self._folder = TemporaryDirectory(prefix="crossloop-")
        self._paths = [str(Path(self._folder.name, str(number))) for number in range(_FILES)]
        for path, content in zip(self._paths, self._expected, strict=True):
            Path(path).write_bytes(content)
        self._contents: Sequence[bytes] = ()

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._contents = ()

    def run(self) -> int:
        """One repetition; returns the files that were read."""
        self._contents = self._files.read_files(self._paths, self._at_a_time)
        return len(self._contents)

    def verify(self) -> None:
        """Each file is what was written."""
        if len(self._contents) != _FILES:
            raise CheckFailedError(f"{len(self._contents)} of {_FILES} files were read")
        for number, (content, expected) in enumerate(zip(self._contents, self._expected, strict=True)):
            if content != expected:
                raise CheckFailedError(
                    f"file {number} was read as {len(content)} bytes that are not its content of {len(expected)}"
                )

    def close(self) -> None:
        """Remove the files."""
        self._contents = ()
        self._folder.cleanup()
