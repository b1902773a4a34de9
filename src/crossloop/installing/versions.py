"""Versions of what an adapter or a scenario requires: what is installed, and whether it was declared to work."""

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def installed_versions(requires: Sequence[str], first: Sequence[Path] = ()) -> dict[str, str]:
    """Distribution → version, of *requires* and of all that these bring with them; what is not installed is not there.

    *first*: folders that stand before this environment's own, as a build's does.
    """
    path = [*map(str, first), *sys.path]
    versions: dict[str, str] = {}
    waiting = [requirement.name for requirement in _applying(requires)]
    while waiting:
        name = canonicalize_name(waiting.pop(0))
        if name not in versions and (distribution := _distribution(name, path)) is not None:
            versions[name] = distribution.version
            waiting += [requirement.name for requirement in _applying(distribution.requires or ())]
    return versions


def outside_range(requires: Sequence[str], first: Sequence[Path] = ()) -> list[str]:
    """A sentence for each of *requires* of which another version is installed than is declared to work."""
    path = [*map(str, first), *sys.path]
    return [
        f"{requirement.name} {distribution.version} is installed, "
        f"and the declaration asks for {requirement.name}{requirement.specifier}"
        for requirement in _applying(requires)
        if (distribution := _distribution(requirement.name, path)) is not None
        and not requirement.specifier.contains(distribution.version, prereleases=True)
    ]


def _applying(requires: Sequence[str]) -> Iterator[Requirement]:
    """Those that hold on this platform and Python, without extras."""
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # (a stranger's metadata)
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _distribution(name: str, path: Sequence[str]) -> importlib.metadata.Distribution | None:
    return next(iter(importlib.metadata.distributions(name=name, path=list(path))), None)
