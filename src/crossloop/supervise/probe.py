"""Asking every adapter, each in a process of its own, what it is and whether it is usable here."""

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from crossloop.outcomes import Measured, Outcome, Unsupported
from crossloop.suite import AdapterEntry, Suite
from crossloop.supervise.child import ChildError, refused, suite_paths, worker
from crossloop.supervise.family import kill_all

LIMIT_S = 30.0


@dataclass(frozen=True)
class Probed:
    """An adapter as its own process described it."""

    entry: AdapterEntry
    outcome: Outcome
    """`Measured` stands for usable."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    resolver_styles: tuple[str, ...] = ()
    rows: Mapping[str, tuple[str, ...] | Outcome] = field(default_factory=dict)
    """Scenario → the styles it gives this adapter, or why it cannot be run."""

    @property
    def usable(self) -> bool:
        """Whether the adapter can be run here."""
        return isinstance(self.outcome, Measured)


def probe_all(suite: Suite, adapters: Mapping[str, AdapterEntry]) -> Iterator[Probed]:
    """Probe *adapters*, two at a time, in order."""
    with ThreadPoolExecutor(2) as pool:
        try:
            yield from pool.map(lambda entry: probe(suite, entry), adapters.values())
        except KeyboardInterrupt:  # the pool's threads are waiting for answers, one perhaps for long
            kill_all()
            raise


def probe(suite: Suite, entry: AdapterEntry) -> Probed:
    """Probe one adapter; every failure is an outcome, none is raised."""
    if sys.platform not in entry.about.platforms:
        return Probed(entry, Unsupported(entry.about.elsewhere or f"not published for {sys.platform}"))
    scenarios = {scenario.id: scenario.module for scenario in suite.scenarios.values()}
    request = {
        "do": "describe",
        "module": entry.module,
        "paths": suite_paths(suite.paths),
        "scenarios": scenarios,
    }
    try:
        with worker(entry.id) as child:
            answer = child.ask(request, LIMIT_S)
    except ChildError as error:
        return Probed(entry, error.outcome)
    if "outcome" in answer:
        return Probed(entry, refused(answer, entry.id))
    return Probed(
        entry,
        Measured(),
        answer["facts"],
        tuple(answer["levels"]),
        tuple(answer["styles"]),
        tuple(answer["resolver_styles"]),
        {
            name: tuple(rows) if isinstance(rows, list) else refused(rows, name)
            for name, rows in answer["rows"].items()
        },
    )
