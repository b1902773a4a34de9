"""Packages of Debian's and Ubuntu's archives, for an ordinary user: downloaded and unpacked, never installed.

`apt-get` works without root when it is given folders of its own for its state and cache: it updates its lists
there (2 s, 20 MB, deleted again), verifies the archive's signatures as always, and downloads; `dpkg-deb -x`
unpacks into any folder. Dependencies are not followed: what is wanted is named. The system is not touched.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossloop.installing.commands import CommandRun, run_command
from crossloop.installing.pip_runs import informative_line, public_text, remedy_for
from crossloop.installing.results import InstallFailed
from crossloop.replacing import replace_file

APT_LIMIT_S = 180.0


@dataclass(frozen=True)
class ArchivePackage:
    """One package by its name, which may carry a version of its ABI; of several that fit the last is taken."""

    prefix: str
    """What its name begins with; apt lists all such names."""
    name: str
    """Regular expression that the whole name matches."""

    def chosen(self, listed: str) -> str:
        """The package among the names that apt listed; empty for none."""
        fitting = (word for word in listed.split() if re.fullmatch(self.name, word))
        return max(fitting, default="")


def archive_there() -> bool:
    """Whether this system has what it takes."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def take_from_archive(
    packages: Sequence[ArchivePackage], use: Callable[[Path], None], remedy: str
) -> InstallFailed | None:
    """Unpack *packages* into a temporary folder and call *use* with it; the failure, or None when that is done.

    *remedy* is what helps when this does not. An OSError of *use* becomes a failure, too.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="crossloop-apt-") as folder:
            run = _unpacked(packages, Path(folder))
            if run is None:
                use(Path(folder) / "tree")
                return None
    except OSError as error:
        why = public_text(f"cannot place what the archive has: {error}")
        return InstallFailed(why, remedy_for(why) or remedy)
    why = _complaint(run.output)
    return InstallFailed(why, f"{remedy_for(why)}; or {remedy}" if remedy_for(why) else remedy)


def _unpacked(packages: Sequence[ArchivePackage], folder: Path) -> CommandRun | None:
    """Update, choose, download and unpack in *folder*/tree. The failed run, or None."""
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
    names = []
    for wanted in packages:
        command = ["apt-cache", *options, "pkgnames", wanted.prefix]
        name = wanted.chosen(run_command(command, limit_s=60, folder=folder).output)
        if not name:
            return CommandRun(
                1, f"E: no package {wanted.prefix} in the archives of this system", update.seconds
            )
        names.append(name)
    command = ["apt-get", *options, "-q", "download", *names]
    download = run_command(command, limit_s=APT_LIMIT_S, folder=folder)
    if not download.succeeded:
        return download
    for package in sorted(folder.glob("*.deb")):
        unpack = run_command(["dpkg-deb", "-x", str(package), str(folder / "tree")], limit_s=60)
        if not unpack.succeeded:
            return unpack
    return None


def place_library(tree: Path, pattern: str, target: Path) -> Path:
    """Copy the unpacked library that *pattern* fits into *target*, and its licence; where it is. Raises OSError."""
    library = next(iter(sorted(tree.rglob(pattern))), None)
    if library is None:
        raise FileNotFoundError(f"the archive's package has no {pattern}")
    target.mkdir(parents=True, exist_ok=True)
    for licence in tree.rglob("copyright"):
        replace_file(target / f"copyright-{library.name}", licence.read_bytes())
    replace_file(target / library.name, library.read_bytes())
    return target / library.name


def _complaint(output: str) -> str:
    """apt's first error (`E: …`, or `Err:`), or the telling line as pip's output has it."""
    for line in output.splitlines():
        if line.startswith(("E: ", "Err:", "ended after")):
            return public_text(line.removeprefix("E: "))
    return informative_line(output)
