"""libevent's C library, `libevent_core`: found on the system, or fetched without root on Debian and Ubuntu.

The binding is crossloop's own and loads the library at run time (`crossloop.bindings.libevent.locate` says
where from), so nothing is compiled. Where the system has none, `apt-get` works for an ordinary user, too,
when it is given folders of its own for its state and cache: it updates its lists there (2 s, 20 MB, deleted
again), verifies the archive's signatures as always, downloads the one package, and `dpkg-deb -x` unpacks
it. The library goes into `<sys.prefix>/lib/crossloop/libevent/`, with its licence; the system is not touched.
"""

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crossloop.bindings.libevent import locate
from crossloop.installing.commands import CommandRun, python_command, run_command
from crossloop.installing.pip_runs import informative_line, public_text, remedy_for
from crossloop.installing.results import AlreadyThere, InstallFailed, InstallResult, SystemPackage

APT_LIMIT_S = 180.0
PACKAGE = re.compile(r"libevent-core-2\.1-\d+(?:t64)?")
"""Debian's and Ubuntu's name: soname 2.1-7; `t64` since the 64-bit time_t transition of 2024."""

PROBE = """\
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.event_get_version.restype = ctypes.c_char_p
library.event_get_version_number.restype = ctypes.c_uint32
assert library.event_get_version_number() >= 0x02010000, "older than 2.1"
print(library.event_get_version().decode())
"""


@dataclass(frozen=True)
class FoundLibrary:
    """A file (or bare name, for the loader's own search) that loads, and what it says its version is."""

    file: str
    version: str


def bring_libevent() -> InstallResult:
    """Make sure that the binding will find libevent_core. Never raises."""
    found = first_loadable(locate.candidates())
    if found is not None:
        _note(found, "found")
        return AlreadyThere(f"libevent {found.version}, {Path(found.file).name}")
    started = time.monotonic()
    failure = fetch_from_archive(locate.setup_folder() / "libevent")
    seconds = time.monotonic() - started
    if failure is not None:
        return failure
    found = first_loadable(locate.candidates())
    if found is None:
        return InstallFailed("the package was unpacked, but its library does not load", _remedy(), seconds)
    _note(found, "fetched by apt-get")
    return SystemPackage(f"libevent {found.version}, {Path(found.file).name}", seconds)


def first_loadable(candidates: Iterable[str]) -> FoundLibrary | None:
    """The first of *candidates* that loads as libevent 2.1 or newer, tried in a process of its own."""
    for candidate in candidates:
        run = run_command(python_command("-c", PROBE, candidate), limit_s=30)
        if run.succeeded:
            return FoundLibrary(candidate, run.output.strip())
    return None


def fetch_from_archive(target: Path) -> InstallFailed | None:
    """Have apt-get and dpkg-deb put libevent_core into *target*; the failure, or None when it is there."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return InstallFailed("libevent's C library is not installed", _remedy())
    try:
        with tempfile.TemporaryDirectory(prefix="crossloop-apt-") as folder:
            run = _fetch(Path(folder), target)
    except OSError as error:
        why = public_text(f"cannot place the library: {error}")
        return InstallFailed(why, remedy_for(why) or _remedy())
    if run is None:
        return None
    why = _complaint(run.output)
    return InstallFailed(why, f"{remedy_for(why)}; or {_remedy()}" if remedy_for(why) else _remedy())


def _fetch(folder: Path, target: Path) -> CommandRun | None:
    """Update, choose, download, unpack in *folder*; copy the library to *target*. The failed run, or None."""
    for name in ("state/lists/partial", "cache/archives/partial", "tree"):
        (folder / name).mkdir(parents=True)
    options = [
        *("-o", f"Dir::State={folder / 'state'}", "-o", "Dir::State::status=/var/lib/dpkg/status"),
        *("-o", f"Dir::Cache={folder / 'cache'}", "-o", "Debug::NoLocking=true"),
        # Root's apt drops to user _apt, who may not look into our folder.
        *("-o", "APT::Sandbox::User="),
    ]
    update = run_command(["apt-get", *options, "-q", "update"], limit_s=APT_LIMIT_S, folder=folder)
    if not update.succeeded:
        return update
    listed = run_command(["apt-cache", *options, "pkgnames", "libevent-core-"], limit_s=60, folder=folder)
    packages = sorted(word for word in listed.output.split() if PACKAGE.fullmatch(word))
    if not packages:
        return CommandRun(1, "E: no package libevent-core-2.1 in the archives of this system", listed.seconds)
    command = ["apt-get", *options, "-q", "download", packages[-1]]
    download = run_command(command, limit_s=APT_LIMIT_S, folder=folder)
    if not download.succeeded:
        return download
    package = next(folder.glob("*.deb"))
    unpack = run_command(["dpkg-deb", "-x", str(package), str(folder / "tree")], limit_s=60)
    if not unpack.succeeded:
        return unpack
    _place(folder / "tree", target)
    return None


def _place(tree: Path, target: Path) -> None:
    """Copy the library under the name that programs load, and its licence, each complete or not at all."""
    target.mkdir(parents=True, exist_ok=True)
    library = next(tree.rglob("libevent_core-2.1.so.?"))
    wanted = [(library, library.name), *((file, "copyright") for file in tree.rglob("copyright"))]
    for source, name in wanted:
        partial = target / f".{name}.partial"
        shutil.copyfile(source.resolve(), partial)
        partial.replace(target / name)


def _note(found: FoundLibrary, how: str) -> None:
    """Write down what was found, for people and for bug reports; not read back, so a failure is no harm."""
    note = {"file": found.file, "version": found.version, "how": how}
    path = locate.setup_folder() / "libevent.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    except OSError:
        return


def _complaint(output: str) -> str:
    """apt's first error (`E: …`, or `Err:`), or the telling line as pip's output has it."""
    for line in output.splitlines():
        if line.startswith(("E: ", "Err:", "ended after")):
            return public_text(line.removeprefix("E: "))
    return informative_line(output)


def _remedy() -> str:
    """The command that brings the library, with the rights that it needs."""
    if sys.platform == "darwin":
        return "brew install libevent"
    if sys.platform == "win32":
        return "vcpkg install libevent, then set CROSSLOOP_LIBEVENT to event_core.dll"
    for program, command in (
        ("apt-get", "sudo apt-get install libevent-core-2.1-7"),
        ("dnf", "sudo dnf install libevent"),
        ("apk", "sudo apk add libevent"),
        ("pacman", "sudo pacman -S libevent"),
        ("zypper", "sudo zypper install libevent-2_1-7"),
    ):
        if shutil.which(program):
            return command
    return "install libevent 2.1, or set CROSSLOOP_LIBEVENT to its libevent_core library"
