"""Builds of a binding, each in a folder of its own, so that two of them can be measured in one run.

`uvloop@0.21.0` is a version from the package index, `uvloop@FILE` a wheel or a source archive, `uvloop@DIR` a folder:
one with a pyproject.toml or setup.py is built, one that `pip install --target` filled is taken as it is. Only the
first requirement that an adapter declares is another build; what that requires comes with it into the folder.

Nothing is believed of what pip was asked for: what lies in the folder says its own version, and the worker says
from which file and in which version it loaded the binding (`proven`).
"""

import importlib.metadata
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from crossloop.api.facts import PUBLIC_MARKERS
from crossloop.installing.pip_runs import NO_PIP, informative_line, pip_ready, remedy_for, run_pip
from crossloop.suite import AdapterEntry

LIMIT_S = 900.0


class BuildError(Exception):
    """A build cannot be named, brought or proven; the message says what was expected and what to do."""


@dataclass(frozen=True)
class Wanted:
    """One build as it was asked for."""

    adapter: AdapterEntry
    label: str
    """Of the row: `0.21.0`."""
    distribution: str
    source: str | Path
    """A version, or a file or folder."""


@dataclass(frozen=True)
class Brought:
    """One build in its folder."""

    wanted: Wanted
    folder: Path
    version: str
    """As its own metadata say."""


def wanted_build(adapter: AdapterEntry, text: str) -> Wanted:
    """What `ID@TEXT` asks for. Raises `BuildError`."""
    if not adapter.about.requires or adapter.about.recipe:
        how = f"by the recipe {adapter.about.recipe!r}" if adapter.about.recipe else "with Python itself"
        raise BuildError(
            f"{adapter.id}@{text}: {adapter.id} comes {how}, not from a distribution that could be another"
        )
    distribution = canonicalize_name(Requirement(adapter.about.requires[0]).name)
    path = Path(text)
    if path.exists():
        return Wanted(adapter, _label(path), distribution, path.resolve())
    try:
        return Wanted(adapter, str(Version(text)), distribution, text)
    except InvalidVersion as error:
        raise BuildError(
            f"{adapter.id}@{text}: expected a version of {distribution}, such as "
            f"{adapter.id}@{_installed(distribution)}, or a wheel, an archive or a folder that exists"
        ) from error


def _installed(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "1.0"


def _label(path: Path) -> str:
    """Of a wheel or archive its version, as its name has it; of a folder its name."""
    name = path.name
    if path.is_file():
        match = re.match(r"[^-]+-([^-]+?)(?:-.*)?(?:\.whl|\.tar\.gz|\.zip)$", name)
        name = match[1] if match else path.stem
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", path.resolve().name if name in {"", "."} else name)[:40]


def bring_build(wanted: Wanted, place: Path) -> Brought:
    """Bring a build into a folder below *place*, or find it there from before. Raises `BuildError`."""
    if isinstance(wanted.source, Path) and wanted.source.name in PUBLIC_MARKERS:
        raise BuildError(
            f"{_name(wanted)}: a worker's facts cannot tell a folder of this name from the environment's own; rename it"
        )
    if isinstance(wanted.source, Path) and (version := _version_in(wanted.source, wanted.distribution)):
        return Brought(wanted, wanted.source, version)
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    folder = place / f"build-{wanted.distribution}-{wanted.label}-{tag}"
    # A version is the same tomorrow; a file or a source folder may not be.
    if isinstance(wanted.source, Path) or _version_in(folder, wanted.distribution) is None:
        _install(wanted, folder)
    version = _version_in(folder, wanted.distribution)
    if version is None:
        raise BuildError(
            f"{_name(wanted)}: what was installed is not {wanted.distribution}; name a build of that"
        )
    if isinstance(wanted.source, str) and Version(version) != Version(wanted.source):
        raise BuildError(
            f"{_name(wanted)}: asked for {wanted.source}, {version} came; empty the cache and try again"
        )
    return Brought(wanted, folder, version)


def _install(wanted: Wanted, folder: Path) -> None:
    if not pip_ready():
        raise BuildError(
            f"{_name(wanted)}: {NO_PIP}; bring pip, or name a folder that `pip install --target` filled"
        )
    source = wanted.source
    requirement = f"{wanted.distribution}=={source}" if isinstance(source, str) else str(source)
    done = run_pip("install", "--upgrade", "--target", str(folder), "--", requirement, limit_s=LIMIT_S)
    if not done.succeeded:
        why = informative_line(done.output)
        remedy = remedy_for(why) or f"`pip index versions {wanted.distribution}` lists what there is"
        raise BuildError(f"{_name(wanted)}: pip install {wanted.distribution} failed: {why}; {remedy}")


def _version_in(folder: Path, distribution: str) -> str | None:
    """Version of *distribution* as the metadata in *folder* have it; None where it is not there."""
    if not folder.is_dir():
        return None
    distributions = importlib.metadata.distributions(path=[str(folder)])
    return next(
        (
            candidate.version
            for candidate in distributions
            if canonicalize_name(candidate.metadata["Name"] or "") == distribution
        ),
        None,
    )


def proven(brought: Brought, facts: Mapping[str, Any]) -> None:
    """Hold what a worker says of itself against the build. Raises `BuildError` where it loaded another."""
    said, loaded = str(facts.get("binding_version", "")), str(facts.get("loaded_from", ""))
    try:
        same = Version(said) == Version(brought.version)
    except InvalidVersion:
        same = said == brought.version
    # Facts name no private folders: of a path they keep what follows the last known one (`api.facts`).
    inside = Path(loaded).parts
    if not same or brought.folder.name not in inside:
        raise BuildError(
            f"{_name(brought.wanted)}: the worker loaded version {said} from {loaded!r}, expected {brought.version} "
            f"from {brought.folder.name!r}; name a build that replaces the binding whole"
        )


def _name(wanted: Wanted) -> str:
    return f"{wanted.adapter.id}@{wanted.source}"
