"""Adapters as `ID` or `ID@VERSION`: as they are installed, or with a build of their binding brought for this run."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from crossloop.cli.choosing import chosen, one_of
from crossloop.cli.exits import StopError
from crossloop.installing.builds import Brought, BuildError, bring_build, wanted_build
from crossloop.suite import AdapterEntry, Suite


@dataclass(frozen=True)
class Target:
    """One adapter that is checked."""

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


@contextlib.contextmanager
def targets(suite: Suite, text: str | None) -> Iterator[Mapping[str, Target]]:
    """What `--adapters` names; builds lie in a temporary folder until the block ends. Raises `StopError`."""
    words = [word.strip() for word in text.split(",")] if text is not None else []
    plain = [word for word in words if "@" not in word]
    found = {}
    if plain or not words:
        entries = chosen("adapter", suite.adapters, ",".join(plain) if plain else None)
        found = {id_: Target(id_, suite, entry) for id_, entry in entries.items()}
    with tempfile.TemporaryDirectory(prefix="crossloop-builds-") as folder:
        for word in words:
            if "@" in word:
                target = _brought(suite, word, Path(folder))
                found[target.label] = target
        yield found


def _brought(suite: Suite, text: str, folder: Path) -> Target:
    id_, _at, what = text.partition("@")
    entry = one_of("adapter", suite.adapters, id_)
    try:
        wanted = wanted_build(entry, what)
        click.echo(f"crossloop: {entry.id}@{wanted.label}: bringing it", err=True)
        brought = bring_build(wanted, folder)
    except BuildError as error:
        raise StopError(str(error)) from error
    first = dataclasses.replace(suite, paths=(brought.folder, *suite.paths))
    return Target(f"{entry.id}@{wanted.label}", first, entry, brought)
