"""pyev, built from the sdist `pyev-static` 0.9.5: pyev's C source and the libev 4.04 that it bundles.

The project left the package index under its own name, and the sdist's `setup.py` is Python 2. The C source
is sound, so the recipe takes it as it is and brings a build of its own:

1. *Fetch* by pip, which checks the sha256. `pip download` asks an sdist for its metadata, that is, it would
   run that `setup.py`, fail, and delete the file. So pip is told not to isolate the build and finds, on
   PYTHONPATH, a build backend of ours that answers the one question with name and version. Nothing of the
   sdist is executed, and success is pip's own exit status. Works the same with pip 23.2, 24.2 and 26.
2. *Unpack* into a temporary folder, beside two translation units (`pyev_unit.c`, `libev_unit.c`) that
   include the upstream files after adapting four names and libev's configuration.
3. *Build and install* it by pip into the running interpreter's environment, with setuptools, which pip's build
   isolation brings (an environment has none since 3.12), and import it there once.

One repair comes by the compiler's command line. libev 4.04 has no memory barriers: `ev_async_send` stores
`sent` and then reads `async_pending`, the loop stores `async_pending` and then reads `sent`; each may see
the other's old value (the store buffer, even on x86-64), and a wake-up from a thread is lost. libev
lets its embedder choose EV_ATOMIC_T, and with C11's `_Atomic int` all four accesses are sequentially
consistent, which that algorithm needs.
"""

import importlib.metadata
import sys
import sysconfig
import tarfile
import tempfile
import time
from importlib import resources
from pathlib import Path

from crossloop.installing.commands import CommandRun, python_command, run_command
from crossloop.installing.compiling import c_compiler
from crossloop.installing.pip_runs import informative_line, remedy_for, run_pip
from crossloop.installing.results import AlreadyThere, Built, InstallFailed, InstallResult, NotForThisPlatform

DISTRIBUTION = "pyev-static"
VERSION = "0.9.5"
SHA256 = "9af03ce89d99fd00eb8d034ad8eeed580104298d92b5bc98abd6e5ebca3fd4ad"
FETCH_LIMIT_S = 120.0
BUILD_LIMIT_S = 300.0

BACKEND = f'''\
"""Answers pip's question for the metadata of {DISTRIBUTION}; its own setup.py is Python 2."""
import pathlib


class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        target = pathlib.Path(folder, "{DISTRIBUTION.replace("-", "_")}-{VERSION}.dist-info")
        target.mkdir()
        text = "Metadata-Version: 2.1\\nName: {DISTRIBUTION}\\nVersion: {VERSION}\\n"
        (target / "METADATA").write_text(text, encoding="utf-8")
        return target.name


__legacy__ = Backend()
'''

PYPROJECT = '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'

SETUP = f'''\
from setuptools import Extension, setup

setup(
    name="{DISTRIBUTION}",
    version="{VERSION}",
    description="Python bindings to libev (pyev {VERSION} and libev 4.04, built by crossloop setup)",
    license="pyev: BSD or GPL-3.0-or-later; libev: BSD or GPL-2.0-or-later",
    license_files=["bundled/libev/LICENSE", "README.rst"],
    packages=["pyev"],
    ext_modules=[
        Extension(
            "pyev._pyev",
            sources=["pyev_unit.c", "libev_unit.c"],
            include_dirs=["src", "bundled/libev"],
            define_macros=[("PYEV_VERSION", '"{VERSION}"'), ("EV_ATOMIC_T", "_Atomic int")],
            # libev's pod: it casts between watcher types. -w: warnings of 2011 help nobody today.
            extra_compile_args=["-fno-strict-aliasing", "-w"],
        )
    ],
)
'''

PROBE = "import pyev; pyev.Loop(); print(pyev.version(), 'libev %d.%02d' % pyev.abi_version())"


def bring_pyev() -> InstallResult:
    """Build and install pyev into this environment, unless it is there and works. Never raises."""
    if sys.platform == "win32":
        return NotForThisPlatform("pyev's build for Windows ended with Python 3.2; use winloop or asyncio")
    present = _installed()
    if present:
        return AlreadyThere(present)
    return compiler_missing() or _from_source()


def _from_source() -> InstallResult:
    """Fetch, build, install, and ask what was built."""
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="crossloop-pyev-") as folder:
            failure = _fetch(Path(folder)) or _build_and_install(Path(folder))
    except (OSError, tarfile.TarError) as error:
        return InstallFailed(f"cannot work in the temporary folder: {error}", "point TMPDIR elsewhere")
    if failure is not None:
        why = informative_line(failure.output)
        return InstallFailed(why, remedy_for(why))
    version = _installed()
    if not version:
        return InstallFailed("pyev was built and installed, but does not import", "report this")
    return Built(version, time.monotonic() - started)


def _installed() -> str:
    """What the installed pyev says about itself, asked in a process of its own; empty if it is not there."""
    importlib.invalidate_caches()
    try:
        if importlib.metadata.version(DISTRIBUTION) != VERSION:
            return ""
    except importlib.metadata.PackageNotFoundError:
        return ""
    probe = run_command(python_command("-c", PROBE), limit_s=30)
    return f"pyev {probe.output.strip()}" if probe.succeeded else ""


def compiler_missing() -> InstallFailed | None:
    """The failure to report if this machine cannot compile extension modules; None if it can."""
    remedy = "xcode-select --install" if sys.platform == "darwin" else "apt-get install build-essential"
    compiler = c_compiler()
    if not compiler:
        return InstallFailed("no C compiler", remedy)
    # macOS has a /usr/bin/cc that only asks for the command line tools and fails.
    if not run_command([*compiler, "--version"], limit_s=30).succeeded:
        return InstallFailed(f"the C compiler {compiler[0]!r} does not run", remedy)
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return InstallFailed("Python's C headers (Python.h) are not installed", "apt-get install python3-dev")
    return None


def _fetch(folder: Path) -> CommandRun | None:
    """Download and unpack the sdist to *folder*/source; the failed run, or None when it is there."""
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text("", encoding="utf-8")
    (backend / "build_meta.py").write_text(BACKEND, encoding="utf-8")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{DISTRIBUTION}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
    run = run_pip(
        *("download", "--dest", str(folder / "fetched"), "--no-deps", "--no-binary", ":all:"),
        *("--no-build-isolation", "--use-pep517", "--require-hashes", "--requirement", str(wanted)),
        limit_s=FETCH_LIMIT_S,
        # setuptools' own distutils hook would look into the stand-in for what it does not have.
        environment={"PYTHONPATH": str(folder / "backend"), "SETUPTOOLS_USE_DISTUTILS": "stdlib"},
    )
    if not run.succeeded:
        return run
    archive = next((folder / "fetched").iterdir())
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(folder, filter="data")
        else:  # 3.11.0 to 3.11.3; the hash says which members there are
            tar.extractall(folder)  # noqa: S202  (the archive's hash is known)
    (folder / f"{DISTRIBUTION}-{VERSION}").rename(folder / "source")
    return None


def _build_and_install(folder: Path) -> CommandRun | None:
    """Bring *folder*/source into this environment; the failed run, or None."""
    source = folder / "source"
    here = resources.files(__package__)
    for unit in ("pyev_unit.c", "libev_unit.c"):
        (source / unit).write_bytes((here / unit).read_bytes())
    (source / "setup.cfg").unlink(missing_ok=True)
    (source / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (source / "setup.py").write_text(SETUP, encoding="utf-8")
    # The same version may be there for another Python, or broken: replace it.
    run = run_pip(
        "install", "--no-deps", "--force-reinstall", "--verbose", str(source), limit_s=BUILD_LIMIT_S
    )
    return None if run.succeeded else run
