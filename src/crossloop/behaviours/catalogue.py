"""All behaviours, found by file: the folder is the group, the name the id (`never_early.py` is `never-early`)."""

import functools
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from crossloop.api.about import AskedAs
from crossloop.behaviours.behaviour import Behaviour
from crossloop.behaviours.families import program_of

GROUPS: Mapping[str, str] = {
    "loops": "The loop: running, stopping, callbacks, what is left afterwards",
    "timers": "Timers",
    "wakeups": "Wake-ups from threads and signal handlers",
    "readiness": "Watching descriptors",
    "streams": "Streams",
    "servers": "Servers and accepting",
    "datagrams": "Datagrams",
    "names": "Names",
    "tls": "TLS",
    "files": "Files and sendfile",
    "signals": "Signals",
    "children": "Child processes and fork",
    "threads": "Threads",
    "tasks": "Tasks, cancellation and exceptions",
}
"""Folder → its heading, in the order of pages."""


@dataclass(frozen=True)
class Entry:
    """One behaviour and where its programs are."""

    id: str
    group: str
    module: str
    about: Behaviour
    families: tuple[AskedAs, ...]
    """Those that it has a program for."""

    def program(self, family: AskedAs) -> str:
        """Source text of the program that asks *family*, as the page of the behaviour shows it.

        Raises ValueError for a family that is not in `families`.
        """
        program = program_of(importlib.import_module(self.module), family)
        if program is None:
            raise ValueError(f"behaviour {self.id!r} has no program for {family!r}")
        return inspect.getsource(program)


@functools.cache
def catalogue() -> Mapping[str, Entry]:
    """Id → behaviour, in the order of groups and then of names. Raises ValueError for an id that is there twice."""
    by_id: dict[str, Entry] = {}
    for group in GROUPS:
        for path in sorted((Path(__file__).parent / group).glob("[a-z]*.py")):
            entry = _entry(group, path.stem)
            if entry.id in by_id:
                raise ValueError(f"behaviour {entry.id!r} is in {by_id[entry.id].group} and in {group}")
            by_id[entry.id] = entry
    return by_id


def _entry(group: str, stem: str) -> Entry:
    name = f"{__package__}.{group}.{stem}"
    module = importlib.import_module(name)
    families: tuple[AskedAs, ...] = get_args(AskedAs)
    return Entry(
        id=stem.replace("_", "-"),
        group=group,
        module=name,
        about=module.ABOUT,
        families=tuple(family for family in families if program_of(module, family)),
    )
