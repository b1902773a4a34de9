"""Builds of bindings in several runs, and the series in which one thing alone differs. Pure.

A *build* is a version of a binding under one Python, as one run had it: the adapter as it was installed, or another
build of it (`uvloop@0.21.0`). A *series* holds builds of one adapter, oldest first. Either all have one Python and
their versions differ, or all have one version and their Pythons differ. Builds of unlike machines are in no series
together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from crossloop.journal import BASELINE, AdapterRecord, Machine, Run, adapter_of

VersionKey: TypeAlias = tuple[bool, Version | str]
Over: TypeAlias = Literal["versions", "Pythons"]
STANDARD_LIBRARY = "standard library"
"""How an adapter is installed that has no versions but Python's."""


@dataclass(frozen=True)
class LabelledRun:
    """One run, and the name of its folder."""

    label: str
    run: Run

    @property
    def machine(self) -> Machine:
        """Where it ran."""
        return self.run.record.machine


@dataclass(frozen=True)
class Build:
    """One version of a binding under one Python, as one run had it."""

    adapter: str
    """The adapter's id."""
    name: str
    """Its name in the run's records: the id, or `uvloop@0.21.0`."""
    version: str
    """As the library said it; empty of an adapter on the standard library."""
    origin: LabelledRun

    @property
    def python(self) -> str:
        """Of the run."""
        return self.origin.machine.python


@dataclass(frozen=True)
class Series:
    """Builds of one adapter that are held against each other, oldest first."""

    adapter: str
    over: Over
    fixed: str
    """What they share: the Python, or the version."""
    builds: tuple[Build, ...]

    def name_of(self, build: Build) -> str:
        """What tells *build* from the others: its version or its Python, and the run where two have the same."""
        name = self._key_text(build)
        alike = [other for other in self.builds if self._key_text(other) == name]
        return name if len(alike) == 1 else f"{name} ({build.origin.label})"

    def _key_text(self, build: Build) -> str:
        return build.version if self.over == "versions" else build.python


def builds_of(runs: Sequence[LabelledRun]) -> list[Build]:
    """Every build that some run could open and that said its version, in the order of the runs."""
    return [
        Build(adapter_of(name), name, version, origin)
        for origin in runs
        for name, record in origin.run.adapters.items()
        if record.usable and (version := _version_of(record)) is not None
    ]


def _version_of(record: AdapterRecord) -> str | None:
    if record.installed == STANDARD_LIBRARY:
        return ""
    return str(record.facts.get("binding_version") or "") or None


def series_of(builds: Sequence[Build], alike: Callable[[Build], object]) -> list[Series]:
    """The series of *builds*; of two for which *alike* gives unlike values none is in the other's series.

    The baseline has none: it is what others are divided by.
    """
    candidates = [build for build in builds if build.adapter != BASELINE]
    adapters = dict.fromkeys(build.adapter for build in candidates)
    series = []
    for adapter in adapters:
        members = [build for build in candidates if build.adapter == adapter]
        series += _grouped(
            "versions", members, lambda build: (alike(build), build.python), lambda build: build.version
        )
        series += _grouped(
            "Pythons",
            members,
            lambda build: (alike(build), version_key(build.version)),
            lambda build: build.python,
        )
    return series


def _grouped(
    over: Over,
    members: Iterable[Build],
    fixed: Callable[[Build], object],
    moving: Callable[[Build], str],
) -> list[Series]:
    groups: dict[object, list[Build]] = {}
    for build in members:
        if moving(build):
            groups.setdefault(fixed(build), []).append(build)
    grouped = []
    for group in groups.values():
        if len({version_key(moving(build)) for build in group}) > 1:
            group.sort(key=lambda build: version_key(moving(build)))  # stable: equal ones as the runs came
            shared = group[0].python if over == "versions" else group[0].version
            grouped.append(Series(group[0].adapter, over, shared, tuple(group)))
    return grouped


def version_key(text: str) -> VersionKey:
    """What versions are ordered by: the last word of *text* as a version; what is none comes first, by its letters."""
    try:
        return True, Version((text.split() or [""])[-1])
    except InvalidVersion:
        return False, text
