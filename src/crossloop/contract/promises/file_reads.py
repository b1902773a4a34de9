"""Promises of `FileReads`."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from crossloop.api import FileReads
from crossloop.contract.peer import pattern
from crossloop.contract.promise import Aside, Promises, ViolationError, require_equal

FILE_READS = Promises(lambda subject: cast(FileReads, subject.adapter))
_WHOLE = "each of the files whole, in the order of the paths"
SIZES = (0, 1, 4095, 4096, 4097, 65536, 65537, 3 << 20)


@FILE_READS.promise("files-whole", f"files of {', '.join(map(str, SIZES))} bytes, three at a time", _WHOLE)
def whole(files: FileReads) -> None:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, str(size)) for size in SIZES]
        for path, size in zip(paths, SIZES, strict=True):
            path.write_bytes(pattern(size))
        contents = files.read_files([str(path) for path in paths], 3)
    require_equal([len(content) for content in contents], list(SIZES), "sizes")
    wrong = [size for content, size in zip(contents, SIZES, strict=True) if content != pattern(size)]
    require_equal(wrong, [], "sizes of the files whose content is another")


@FILE_READS.promise(
    "files-at-once",
    "two named pipes, of which the second is written first",
    "so many at once; the loop goes on while one is read",
)
def at_once(files: FileReads) -> None:
    """Who reads one after the other, or reads in the loop, waits for the first pipe for ever."""
    if sys.platform == "win32":
        return  # it has no named pipes in its file system
    with TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("first", "second")]
        for path in paths:
            os.mkfifo(path)

        def write() -> None:
            for path in reversed(paths):
                path.write_text(path.name)

        aside = Aside(write, "writer")
        aside.start()
        contents = files.read_files([str(path) for path in paths], 2)
        aside.join()
    require_equal(list(contents), [b"first", b"second"], "what was read")


@FILE_READS.promise("files-none", "a file that is not there", "OSError for one that cannot be read")
def none_there(files: FileReads) -> None:
    with TemporaryDirectory() as folder:
        there, missing = Path(folder, "there"), Path(folder, "missing")
        there.write_bytes(b"content")
        try:
            files.read_files([str(there), str(missing), str(there)], 2)
        except FileNotFoundError:
            pass
        else:
            raise ViolationError("read_files raises FileNotFoundError", "it returned")
        require_equal(list(files.read_files([str(there)], 1)), [b"content"], "what was read afterwards")
