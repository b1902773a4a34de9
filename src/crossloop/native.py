"""Parts of crossloop that are written in C: what each is made of, and where its build is.

The wheel is pure Python and carries the sources; `crossloop setup` compiles them on the machine where they are
to run (`installing.compiling`), into `<sys.prefix>/lib/crossloop/native/`. A build's file name holds a digest of
everything that it was made from, so that the build of another version is never taken for this one's: it has
another name. Standard library only, because processes that measure look their parts up here.
"""

import hashlib
import platform
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DIGEST_DIGITS = 16


class NotBuiltError(Exception):
    """A part has no build that fits; the message is the reason, and the command that helps."""


@dataclass(frozen=True)
class NativePart:
    """One part: C sources that become one shared library or one program."""

    id: str
    """What `crossloop setup` calls it."""
    folder: Path
    """Where its sources are."""
    files: tuple[str, ...]
    """Names of its sources; those that end in `.c` are compiled together, the others are included by them."""
    kind: Literal["library", "program"]
    elsewhere: str
    """What Windows, which has no system compiler to build it with, does without it."""

    @property
    def digest(self) -> str:
        """Of the sources, and of the kind of machine that the build is for."""
        hashed = hashlib.sha256(f"{self.kind} {sys.platform} {platform.machine()}".encode())
        for name in self.files:
            content = (self.folder / name).read_bytes()
            hashed.update(f"\n{name} {len(content)}\n".encode() + content)
        return hashed.hexdigest()[:DIGEST_DIGITS]

    @property
    def path(self) -> Path:
        """The file that its build is, or would be."""
        return native_folder() / f"{self.id}-{self.digest}{self._suffix}"

    def is_built(self) -> bool:
        """Whether its build is there, and whole as far as its size tells."""
        return self.path.is_file() and not _is_cut(self.path)

    def builds(self) -> list[Path]:
        """All builds of it that are there, of whatever version."""
        pattern = f"{self.id}-{'[0-9a-f]' * DIGEST_DIGITS}{self._suffix}"
        return sorted(native_folder().glob(pattern))

    @property
    def _suffix(self) -> str:
        return ".so" if self.kind == "library" else ""


def _is_cut(path: Path) -> bool:
    """Whether an ELF file ends before its table of sections, which linkers write last (elf(5)).

    To load such a file is a SIGBUS, which is no error but the end of the process. Loaders of other formats refuse it.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if not head.startswith(b"\x7fELF"):
        return not head
    order = "<" if head[5:6] == b"\x01" else ">"
    layout, place = (f"{order}Q10xHHH", 0x28) if head[4:5] == b"\x02" else (f"{order}I10xHHH", 0x20)
    if len(head) < place + struct.calcsize(layout):
        return True
    begin, size, count, _names = struct.unpack_from(layout, head, place)
    return path.stat().st_size < int(begin) + int(size) * int(count)


def native_folder() -> Path:
    """The environment's folder for builds."""
    return Path(sys.prefix) / "lib" / "crossloop" / "native"


def build_of(part: NativePart) -> Path:
    """The build of *part* as it is now. Raises `NotBuiltError` that tells a missing one from a stale one."""
    if sys.platform == "win32":
        raise NotBuiltError(part.elsewhere)
    path = part.path
    if part.is_built():
        return path
    if path.is_file():
        what = f"the build of {part.id} is cut off"
    else:
        what = f"the build of {part.id} is of another version" if part.builds() else f"{part.id} is not built"
    raise NotBuiltError(f"{what}; `crossloop setup {part.id}` makes it")


LOAD_ENGINE = NativePart(
    id="load-engine",
    folder=Path(__file__).parent / "load",
    files=("engine.c", "engine.h", "content.h", "http.h", "link.h", "readiness.h"),
    kind="library",
    elsewhere="the native engine needs epoll, kqueue or poll, and is not built for Windows",
)
"""The hot loops of the load generator, for `crossloop.load.native`."""
LIBEVENT_CALLS = NativePart(
    id="libevent-calls",
    folder=Path(__file__).parent / "bindings" / "libevent",
    files=("calls.c",),
    kind="library",
    elsewhere="cffi calls Python from libevent on Windows",
)
"""How libevent calls Python, for `crossloop.bindings.libevent.calls`."""
