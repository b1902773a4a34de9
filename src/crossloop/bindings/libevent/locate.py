"""Where libevent's shared library is on this machine.

In this order, the first that loads wins:

1. the file that the environment variable `CROSSLOOP_LIBEVENT` names; then nothing else is tried;
2. `<sys.prefix>/lib/crossloop/`, searched in depth: `crossloop setup libevent` puts it there;
3. the system's, by the names that packagers give it, through the loader's own search and in the folders
   that the loader of macOS and Windows does not look into.

Only `libevent_core` is looked for. `libevent` holds the same symbols once more: with both in a process
an event is assigned by one and added by the other, and each has its own idea of the signal's owner.
`libevent_extra` (HTTP, DNS) lies beside the core whose functions it calls, and is of the same release.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENT_VARIABLE = "CROSSLOOP_LIBEVENT"

SYSTEM_NAMES: dict[str, tuple[str, ...]] = {
    # Debian, Ubuntu, Fedora, Arch, Alpine and conda share the first name; the second is the development
    # link, which may be of any release (the version is checked after loading).
    "linux": ("libevent_core-2.1.so.7", "libevent_core.so"),
    "darwin": ("libevent_core-2.1.7.dylib", "libevent_core.dylib"),
    # CMake (vcpkg) names it as the first, libtool (MSYS2) as the others.
    "win32": ("event_core.dll", "libevent_core-7.dll", "libevent_core-2-1-7.dll", "libevent_core.dll"),
}
_OTHER_UNIX = ("libevent_core-2.1.so.7", "libevent_core.so")

NATIVE = "native"
"""The folder of `crossloop.native`, which is not looked into."""
PATTERNS = ("libevent_core*.so*", "libevent_core*.dylib", "*event_core*.dll")


def names() -> tuple[str, ...]:
    """File names of the library on this platform."""
    return SYSTEM_NAMES.get(sys.platform, _OTHER_UNIX)


def setup_folder() -> Path:
    """The environment's folder that `crossloop setup libevent` fills."""
    return Path(sys.prefix) / "lib" / "crossloop"


def system_folders() -> tuple[Path, ...]:
    """Folders that the platform's loader does not search by itself."""
    if sys.platform == "darwin":
        # Homebrew on Apple silicon and on Intel, MacPorts.
        return (Path("/opt/homebrew/lib"), Path("/usr/local/lib"), Path("/opt/local/lib"))
    if sys.platform == "win32":
        # vcpkg as GitHub's runners and its own documentation set it up; MSYS2's environment.
        vcpkg = [os.environ.get(name, "") for name in ("VCPKG_INSTALLATION_ROOT", "VCPKG_ROOT")]
        folders = [Path(root) / "installed" / "x64-windows" / "bin" for root in vcpkg if root]
        msys = os.environ.get("MINGW_PREFIX", "")
        return (*folders, *([Path(msys) / "bin"] if msys else ()))
    return ()


def candidates() -> Iterator[str]:
    """What to hand to the loader, best first: files that exist, then bare names for its own search."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        yield chosen
        return
    yield from _installed_by_setup()
    for folder in system_folders():
        yield from (str(folder / name) for name in names() if (folder / name).is_file())
    yield from names()


def extra_candidates(core: str) -> Iterator[str]:
    """What to hand to the loader for `libevent_extra`, best first, where the core was loaded as *core*."""
    file = Path(core)
    if "event_core" in file.name:
        yield str(file.with_name(file.name.replace("event_core", "event_extra")))


def _installed_by_setup() -> Iterator[str]:
    """Files below `setup_folder()`; of a library and the links to it, only one."""
    seen: set[Path] = set()
    for pattern in PATTERNS:
        for file in sorted(setup_folder().rglob(pattern)):
            real = file.resolve()
            # What a program in C was linked with is that program's matter.
            if file.is_file() and real not in seen and NATIVE not in file.relative_to(setup_folder()).parts:
                seen.add(real)
                yield str(file)
