"""The native references: compiled here, with headers and library of the system or of its archive.

The compiler is tried with what the system has. Where that ends with a missing header or library, Debian's and
Ubuntu's archive is asked (`debian_archive`): the headers serve the build alone, the library goes beside the
program, into `<sys.prefix>/lib/crossloop/native/lib/`, where its rpath looks. A program counts as built when it runs
and says what it is linked with.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossloop.installing.commands import install_command, run_command
from crossloop.installing.compiling import bring_native, c_compiler
from crossloop.installing.debian_archive import (
    ArchivePackage,
    archive_there,
    place_library,
    take_from_archive,
)
from crossloop.installing.recipes import libevent_library
from crossloop.installing.results import AlreadyThere, Built, InstallFailed, InstallResult, NotForThisPlatform
from crossloop.native import native_folder
from crossloop.references import Reference

DESCRIBE_LIMIT_S = 20.0


@dataclass(frozen=True)
class Needs:
    """What a library's reference is compiled with, and where that can be had."""

    option: str
    """For the compiler, where the system has the library."""
    packages: tuple[ArchivePackage, ...]
    """In Debian and Ubuntu: headers, and the library."""
    file: str
    """The library's file in its package (a glob), under the name that programs load."""


NEEDS: Mapping[str, Needs] = {
    "libevent": Needs(
        option="-levent_core",
        packages=(ArchivePackage("libevent-dev", "libevent-dev"), libevent_library.PACKAGE),
        file=libevent_library.FILE,
    ),
    "libev": Needs(
        option="-lev",
        packages=(ArchivePackage("libev-dev", "libev-dev"), ArchivePackage("libev4", r"libev4(?:t64)?")),
        file="libev.so.4",
    ),
    "libuv": Needs(
        option="-luv",
        packages=(ArchivePackage("libuv1-dev", "libuv1-dev"), ArchivePackage("libuv1", r"libuv1(?:t64)?")),
        file="libuv.so.1",
    ),
}
_HOMEBREW = ("/opt/homebrew", "/usr/local")


def bring_reference(reference: Reference) -> InstallResult:
    """Build one reference, unless it is there and runs. Never raises for what goes wrong."""
    if sys.platform not in reference.platforms:
        wanted = "epoll, which is Linux's" if reference.library == "none" else reference.part.elsewhere
        return NotForThisPlatform(f"{reference.id} is for {', '.join(reference.platforms)}: {wanted}")
    started = time.monotonic()
    if reference.part.path.is_file() and not runs(reference):
        reference.part.path.unlink(missing_ok=True)  # its library went
    result = _with_the_system(reference)
    needs = NEEDS.get(reference.library)
    if isinstance(result, InstallFailed) and needs is not None and c_compiler():
        result = _with_the_archive(reference, needs, result, started)
    if isinstance(result, AlreadyThere | Built):
        said = runs(reference)
        if not said:
            reference.part.path.unlink(missing_ok=True)
            return InstallFailed("it was built, but does not run", _remedy(reference))
        return AlreadyThere(said) if isinstance(result, AlreadyThere) else Built(said, result.seconds)
    return result


def runs(reference: Reference) -> str:
    """What the program says that it is linked with, with its version; empty when it does not run."""
    run = run_command([str(reference.part.path), "--describe"], limit_s=DESCRIBE_LIMIT_S)
    if not run.succeeded:
        return ""
    try:
        return f"{reference.id} {json.loads(run.output)['library_version']}".strip()
    except (ValueError, KeyError, TypeError):  # another program of that name
        return ""


def _with_the_system(reference: Reference) -> InstallResult:
    needs = NEEDS.get(reference.library)
    libraries = [needs.option] if needs is not None else []
    folders = [Path(place) for place in _HOMEBREW] if sys.platform == "darwin" else []
    folders = [place for place in folders if (place / "include").is_dir()]
    return bring_native(
        reference.part,
        include_folders=[place / "include" for place in folders],
        libraries=[*(f"-L{place / 'lib'}" for place in folders), *libraries, *_loader()],
    )


def _with_the_archive(
    reference: Reference, needs: Needs, failure: InstallFailed, started: float
) -> InstallResult:
    """Build with what the archive has; *failure* is what the compiler said without."""
    remedy = _remedy(reference)
    if not archive_there():
        return InstallFailed(failure.why, remedy)
    results: list[InstallResult] = []

    def build(tree: Path) -> None:
        placed = place_library(tree, needs.file, native_folder() / "lib")
        results.append(
            bring_native(
                reference.part,
                include_folders=_include_folders(tree),
                libraries=[str(placed), "-Wl,-rpath,$ORIGIN/lib", *_loader()],
            )
        )

    failed = take_from_archive(needs.packages, build, remedy)
    if failed is not None:
        return InstallFailed(f"{failure.why}; from the archive: {failed.why}", failed.remedy)
    result = results[0]
    return Built(result.detail, time.monotonic() - started) if isinstance(result, Built) else result


def _include_folders(tree: Path) -> Sequence[Path]:
    """Headers, and those that differ by architecture."""
    include = tree / "usr" / "include"
    return [include, *sorted(place for place in include.glob("*-linux-*") if place.is_dir())]


def _loader() -> list[str]:
    """For dladdr(3), which glibc has in a library of its own up to 2.33."""
    return ["-ldl"] if sys.platform == "linux" else []


def _remedy(reference: Reference) -> str:
    """The command that brings headers and library, with the rights that it needs."""
    name, needs = reference.library, NEEDS.get(reference.library)
    if needs is None:
        return "report this"
    names = {"apt-get": needs.packages[0].name, "dnf": f"{name}-devel", "apk": f"{name}-dev"}
    names |= {"pacman": name, "brew": name}
    return install_command(names) or f"install the library's development files ({needs.option})"
