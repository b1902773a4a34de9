"""What an adapter states about itself at run time, and the means to ask the process and the kernel.

Nothing here is remembered or assumed: versions come from the library that is loaded, files from the
module or the process's memory map, kernel objects from the process's own descriptor table.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any


def gil_enabled() -> bool:
    """Whether this interpreter runs with its global lock (PEP 703; always true before 3.13)."""
    probe: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return True if probe is None else probe()


def kernel_objects() -> frozenset[str]:
    """Kinds of anonymous kernel objects this process holds: `eventpoll`, `io_uring`, `eventfd`, …

    Linux only (`/proc/self/fd`, see proc(5)); elsewhere the empty set.
    """
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return frozenset()
    kinds = set()
    for entry in folder.iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # the descriptor of the listing itself is gone by now
            continue
        if target.startswith("anon_inode:"):
            kinds.add(target.removeprefix("anon_inode:").strip("[]"))
    return frozenset(kinds)


def holds_io_uring() -> bool | None:
    """Whether this process holds an io_uring; None where it cannot be seen."""
    return "io_uring" in kernel_objects() if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One adapter in one process, asked and not remembered."""

    binding: str
    binding_version: str
    library: str
    """`libevent`, `libev`, `libuv`, `none`."""
    library_version: str
    """Version of the library that is *linked*, as it says itself; empty for `none`."""
    mechanism: str
    """The kernel mechanism in use: `epoll`, `kqueue`, `poll`, `select`, `iocp`, `io_uring`."""
    loaded_from: str
    """File that the library's code came from."""
    io_uring: bool | None = field(default_factory=holds_io_uring)
    """Whether the process holds an io_uring, as it is when this is made; None where the platform has no way to tell."""
    gil: bool = field(default_factory=gil_enabled)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def module_file(module: ModuleType) -> str:
    """File that a module was loaded from, without the part that is private to this machine."""
    return _public(getattr(module, "__file__", None) or "built in")


def mapped_files() -> tuple[Path, ...]:
    """Files in this process's memory, in the order of /proc/self/maps (proc_pid_maps(5)); none without that."""
    maps = Path("/proc/self/maps")
    fields = (line.split(maxsplit=5) for line in maps.read_text().splitlines()) if maps.is_file() else ()
    return tuple(
        dict.fromkeys(Path(each[5]) for each in fields if len(each) == 6 and each[5].startswith("/"))
    )


def native_file(fragment: str) -> str:
    """Mapped shared object whose file name contains *fragment* (`libevent_core`); empty if none is seen."""
    return next((_public(str(path)) for path in mapped_files() if fragment in path.name), "")


PUBLIC_MARKERS = ("site-packages", "dist-packages", "crossloop")
"""Folders from which on a file's place is no private matter."""


def _public(path: str) -> str:
    """Cut what names a machine's folders: a report says `site-packages/uvloop/…`, not where that is."""
    for marker in PUBLIC_MARKERS:
        _head, separator, tail = path.rpartition(f"{os.sep}{marker}{os.sep}")
        if separator:
            return f"{marker}/{tail.replace(os.sep, '/')}"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    _head, separator, tail = path.rpartition(f"{os.sep}{version}{os.sep}")
    return f"{version}/{tail}" if separator else path.replace(os.sep, "/")
