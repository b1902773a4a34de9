"""Compiling crossloop's own parts in C with the compiler of the system, whole or not at all.

Nothing of Python is needed for it, no headers and no setuptools: the libraries are loaded by ctypes. The
compiler works in a folder of its own beside the target, on the same file system, so that the finished file is
moved into place in one step; a file under its final name is always complete.
"""

import os
import shlex
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from crossloop.installing.commands import install_command, python_command, run_command
from crossloop.installing.pip_runs import informative_line, public_text, remedy_for
from crossloop.installing.results import AlreadyThere, Built, InstallFailed, InstallResult, NotForThisPlatform
from crossloop.native import NativePart

LIMIT_S = 120.0
"""One part takes a second or two; a small board under load needs more."""
FLAGS = ("-O2", "-std=gnu11")
LOADS = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"


def bring_native(
    part: NativePart,
    *,
    include_folders: Sequence[Path] = (),
    libraries: Sequence[str] = (),
    limit_s: float = LIMIT_S,
) -> InstallResult:
    """Make sure that *part* has a build of its present sources. Never raises for what goes wrong.

    *include_folders* are searched for headers, *libraries* end the compiler's command line: `-levent_core`, or
    files. Neither is part of the digest: they are the machine's, and a build stays with it.
    """
    if sys.platform == "win32":
        return NotForThisPlatform(part.elsewhere)
    started = time.monotonic()
    detail = f"{part.id} {part.digest[:8]}"
    if part.is_built():
        return AlreadyThere(detail)
    compiler = c_compiler()
    if not compiler:
        return InstallFailed("no C compiler", _compiler_remedy())
    try:
        part.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".compiling-", dir=part.path.parent) as folder:
            made = Path(folder) / "made"
            command = [*compiler, *FLAGS, *(("-shared", "-fPIC") if part.kind == "library" else ())]
            command += [f"-I{place}" for place in include_folders]
            command += [str(part.folder / name) for name in part.files if name.endswith(".c")]
            run = run_command([*command, "-o", str(made), *libraries], limit_s=limit_s)
            if run.succeeded and part.kind == "library":
                # A compiler for another kind of machine succeeds, too.
                run = run_command(python_command("-c", LOADS, str(made)), limit_s=30)
            if not run.succeeded:
                why = informative_line(run.output)
                return InstallFailed(why, remedy_for(why) or _compiler_remedy())
            made.replace(part.path)
        for other in part.builds():
            if other != part.path:
                other.unlink(missing_ok=True)
    except OSError as error:
        why = public_text(f"cannot write the build: {error}")
        return InstallFailed(why, remedy_for(why))
    return Built(detail, time.monotonic() - started)


def c_compiler() -> list[str]:
    """The compiler's command, with the options that `CC` gives it; empty where there is none."""
    try:
        chosen = shlex.split(os.environ.get("CC", ""))
    except ValueError:  # an open quotation mark: as good as no name
        chosen = []
    pythons = str(sysconfig.get_config_var("CC") or "").split()
    for command in (chosen, ["cc"], ["gcc"], ["clang"], pythons):
        if command and shutil.which(command[0]):
            return command
    return []


def _compiler_remedy() -> str:
    if sys.platform == "darwin":
        return "xcode-select --install"
    glibc = "gcc glibc-devel"
    names = {
        "apt-get": "gcc libc6-dev",
        "dnf": glibc,
        "apk": "gcc musl-dev",
        "pacman": "gcc",
        "zypper": glibc,
    }
    return install_command(names) or "install a C compiler, or name one in CC"
