"""Adapters as `ID` or `ID@VERSION`: as they are installed, or with a build of their binding brought for this run."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from crossloop.bench.variants import Build
from crossloop.cli.choosing import chosen, one_of
from crossloop.cli.exits import StopError
from crossloop.installing.builds import Brought, BuildError, bring_build, proven, wanted_build
from crossloop.journal import processes_of
from crossloop.suite import AdapterEntry, ScenarioEntry, Suite
from crossloop.supervise.probe import Probed, probe


@dataclass(frozen=True)
class Target:
    """One adapter that takes part."""

    label: str
    """Its name in records: `uvloop`, `uvloop@0.21.0`."""
    suite: Suite
    """With the build's folder before all others, where it is one."""
    entry: AdapterEntry
    brought: Brought | None = None
    """None: as it is installed."""

    @property
    def first(self) -> list[Path]:
        """The build's folder, where it is one."""
        return [self.brought.folder] if self.brought is not None else []

    @property
    def build(self) -> Build | None:
        """What the target's rows are variants of; None: as it is installed."""
        return Build(self.brought.wanted.label, (self.brought.folder,)) if self.brought is not None else None


@contextlib.contextmanager
def targets(suite: Suite, text: str | None, cache: Path | None = None) -> Iterator[Mapping[str, Target]]:
    """What `--adapters` names, builds last. Raises `StopError`.

    Builds stay in *cache*; without one they lie in a temporary folder until the block ends.
    """
    names = [word.strip() for word in text.split(",")] if text is not None else []
    plain = [name for name in names if "@" not in name]
    named = {}
    if plain or not names:
        entries = chosen("adapter", suite.adapters, ",".join(plain) if plain else None)
        named = {id_: Target(id_, suite, entry) for id_, entry in entries.items()}
    with tempfile.TemporaryDirectory(prefix="crossloop-builds-") as folder:
        for word in names:
            if "@" in word:
                target = _brought(suite, word, cache.resolve() if cache is not None else Path(folder))
                named[target.label] = target
        yield named


def probe_target(target: Target, scenarios: Mapping[str, ScenarioEntry]) -> Probed:
    """What a target says of itself. Raises `StopError` for a build that is not the one that was loaded."""
    probed = probe(target.suite, target.entry, scenarios)
    if target.brought is None:
        return probed
    facts = dict(probed.facts)
    if probed.usable:
        try:
            proven(target.brought, facts)
        except BuildError as error:
            raise StopError(str(error)) from error
        facts["loaded_from"] = _public(target.brought.folder.name, str(facts.get("loaded_from", "")))
    return dataclasses.replace(probed, facts=facts, build=target.label)


def _public(folder: str, loaded: str) -> str:
    """Where a build's code came from, without what is before the build's own folder."""
    return folder + loaded.partition(folder)[2]


def _brought(suite: Suite, text: str, folder: Path) -> Target:
    id_, _at, what = text.partition("@")
    entry = one_of("adapter", suite.adapters, id_)
    try:
        wanted = wanted_build(entry, what)
        label = f"{entry.id}@{wanted.label}"
        if (processes := processes_of(label)) > 1:
            raise StopError(
                f"{label}: rows of this name are servers in {processes} processes; rename {what!r}"
            )
        click.echo(f"crossloop: {entry.id}@{wanted.label}: bringing it", err=True)
        brought = bring_build(wanted, folder)
    except BuildError as error:
        raise StopError(str(error)) from error
    first = dataclasses.replace(suite, paths=(brought.folder, *suite.paths))
    return Target(f"{entry.id}@{wanted.label}", first, entry, brought)
