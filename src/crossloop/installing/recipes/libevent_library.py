"""libevent's C library, `libevent_core`: found on the system, or fetched without root on Debian and Ubuntu.

The binding is crossloop's own and loads the library at run time (`crossloop.bindings.libevent.locate` says
where from). Where the system has none, it comes from the system's archive as
`debian_archive` says, and goes into `<sys.prefix>/lib/crossloop/libevent/`, with its licence; the system is not
touched. With it comes `libevent_extra`, which has the HTTP server: Debian's is a package of its own, and a system may
have the core alone. Then both are fetched, so that they are of one release. Without it the rest works, and the result
says what is missing. The same holds for the binding's part in C (`crossloop.bindings.libevent.calls`), for which there
may be no compiler.
"""

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from crossloop.bindings.libevent import locate
from crossloop.installing.commands import install_command, python_command, run_command
from crossloop.installing.compiling import bring_native
from crossloop.installing.debian_archive import (
    ArchivePackage,
    archive_there,
    place_library,
    take_from_archive,
)
from crossloop.installing.results import AlreadyThere, InstallFailed, InstallResult, SystemPackage
from crossloop.native import LIBEVENT_CALLS

PACKAGE = ArchivePackage("libevent-core-", r"libevent-core-2\.1-\d+(?:t64)?")
"""Debian's and Ubuntu's name: soname 2.1-7; `t64` since the 64-bit time_t transition of 2024."""
FILE = "libevent_core-2.1.so.?"
EXTRA_PACKAGE = ArchivePackage("libevent-extra-", r"libevent-extra-2\.1-\d+(?:t64)?")
EXTRA_FILE = "libevent_extra-2.1.so.?"

PROBE = """\
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.event_get_version.restype = ctypes.c_char_p
library.event_get_version_number.restype = ctypes.c_uint32
assert library.event_get_version_number() >= 0x02010000, "older than 2.1"
print(library.event_get_version().decode())
"""
EXTRA_PROBE = """\
import ctypes, sys
libraries = [ctypes.CDLL(name) for name in sys.argv[1:]]  # the core first, which the other is linked with
assert any(hasattr(library, "evhttp_new") for library in libraries), "no evhttp"
"""


@dataclass(frozen=True)
class FoundLibrary:
    """A file (or bare name, for the loader's own search) that loads, and what it says its version is."""

    file: str
    version: str


def bring_libevent() -> InstallResult:
    """Make sure that the binding will find libevent_core; try for libevent_extra and the part in C. Never raises."""
    result = _bring_library()
    if not isinstance(result, AlreadyThere | SystemPackage):
        return result
    calls = bring_native(LIBEVENT_CALLS)
    if isinstance(calls, InstallFailed):
        return replace(result, detail=f"{result.detail}, calls by cffi: {calls.why}")
    return result


def _bring_library() -> InstallResult:
    library = first_loadable(locate.candidates())
    if library is not None and (missing := extra_missing(library.file)) is None:
        return AlreadyThere(_detail(library))
    if library is not None and os.environ.get(locate.ENVIRONMENT_VARIABLE):  # nothing else is loaded then
        return AlreadyThere(f"{_detail(library)}, no evhttp: {missing}")
    started = time.monotonic()
    failure = fetch_from_archive(locate.setup_folder() / "libevent")
    if failure is not None:
        return failure if library is None else AlreadyThere(f"{_detail(library)}, no evhttp: {failure.why}")
    library = first_loadable(locate.candidates())
    if library is None:
        return InstallFailed("the package was unpacked, but its library does not load", _remedy())
    missing = extra_missing(library.file)
    detail = _detail(library) if missing is None else f"{_detail(library)}, no evhttp: {missing}"
    return SystemPackage(detail, time.monotonic() - started)


def _detail(library: FoundLibrary) -> str:
    return f"libevent {library.version}, {Path(library.file).name}"


def extra_missing(core: str) -> str | None:
    """Why there is no HTTP server beside the library *core*; None where there is one. Tried in a process of its own."""
    candidates = list(locate.extra_candidates(core))
    run = run_command(python_command("-c", EXTRA_PROBE, core, *candidates), limit_s=30)
    return None if run.succeeded else f"{Path((candidates or [core])[0]).name} is not there, or has none"


def first_loadable(candidates: Iterable[str]) -> FoundLibrary | None:
    """The first of *candidates* that loads as libevent 2.1 or newer, tried in a process of its own."""
    for candidate in candidates:
        run = run_command(python_command("-c", PROBE, candidate), limit_s=30)
        if run.succeeded:
            return FoundLibrary(candidate, run.output.strip())
    return None


def fetch_from_archive(target: Path) -> InstallFailed | None:
    """Put core and extra of the system's archive, and their licences, into *target*; the failure, or None."""
    if not archive_there():
        return InstallFailed("libevent's C library is not installed", _remedy())

    def place(tree: Path) -> None:
        place_library(tree, FILE, target)
        place_library(tree, EXTRA_FILE, target)

    return take_from_archive([PACKAGE, EXTRA_PACKAGE], place, _remedy())


def _remedy() -> str:
    """The command that brings the library, with the rights that it needs."""
    if sys.platform == "win32":
        return "vcpkg install libevent, then set CROSSLOOP_LIBEVENT to event_core.dll"
    names = dict.fromkeys(("dnf", "apk", "pacman", "brew"), "libevent")
    return (
        install_command(
            {"apt-get": "libevent-core-2.1-7 libevent-extra-2.1-7", "zypper": "libevent-2_1-7", **names}
        )
        or "install libevent 2.1, or set CROSSLOOP_LIBEVENT to its libevent_core library"
    )
