"""Asking every adapter, each in a process of its own, what it is and whether it is usable here.

Then, in the same process, one scenario after the other, what rows it gives this adapter. That imports the scenario,
which may end the process or hang: the scenario is named then, and the others are asked in a fresh process.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import msgspec

from crossloop.load.commands import Exchange
from crossloop.outcomes import Failed, Measured, Outcome, TimedOut, Unsupported, at
from crossloop.suite import AdapterEntry, ScenarioEntry, Suite
from crossloop.supervise.answers import Described, ExchangesGiven, RowsGiven, VersionsGiven, outcome_of
from crossloop.supervise.child import Child, ChildError, suite_paths, worker
from crossloop.supervise.family import kill_all

LIMIT_S = 30.0
SCENARIO_LIMIT_S = 10.0
"""For importing one scenario, when the adapter is there."""
ENOUGH_HANGS = 2
"""After so many adapters a scenario that hangs is asked of no other one."""


@dataclass(frozen=True)
class Probed:
    """An adapter as its own process described it."""

    entry: AdapterEntry
    outcome: Outcome
    """`Measured` stands for usable."""
    facts: Mapping[str, str | bool | None] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Level → its styles."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Level that the library does not have → why."""
    rows: Mapping[str, tuple[str, ...] | Outcome] = field(default_factory=dict)
    """Scenario → the styles it gives this adapter, or why it cannot be run."""
    build: str = ""
    """Its name in records where another build of the binding was probed: `uvloop@0.21.0`."""

    @property
    def name(self) -> str:
        """Its name in records."""
        return self.build or self.entry.id

    @property
    def usable(self) -> bool:
        """Whether the adapter can be run here."""
        return isinstance(self.outcome, Measured)


def probe_all(
    suite: Suite, adapters: Mapping[str, AdapterEntry], scenarios: Mapping[str, ScenarioEntry]
) -> Iterator[Probed]:
    """Probe *adapters*, two at a time, in order; only *scenarios* are imported."""
    probing = _Probing(suite, scenarios)
    with ThreadPoolExecutor(2) as pool:
        try:
            yield from pool.map(probing.probe, adapters.values())
        except KeyboardInterrupt:  # the pool's threads are waiting for answers, one perhaps for long
            kill_all()
            raise


def probe(suite: Suite, entry: AdapterEntry, scenarios: Mapping[str, ScenarioEntry]) -> Probed:
    """Probe one adapter; every failure is an outcome, none is raised."""
    return _Probing(suite, scenarios).probe(entry)


def exchanges_of(
    suite: Suite, scenario: ScenarioEntry, sets: Sequence[Mapping[str, object]]
) -> list[Exchange]:
    """What *scenario* has the load exchange, for each of *sets*; asked in a process of its own. Raises ChildError."""
    with worker(scenario.id) as child:
        request = {
            "do": "exchanges",
            "scenario": scenario.module,
            "paths": suite_paths(suite.paths),
            "sets": list(sets),
        }
        given = child.ask(request, ExchangesGiven, SCENARIO_LIMIT_S).exchanges
    if len(given) != len(sets):
        raise ChildError(
            Failed(f"{scenario.id} gave {len(given)} exchanges for {len(sets)} sets of parameters")
        )
    return given


def versions_of(suite: Suite, scenario: ScenarioEntry) -> Mapping[str, str]:
    """Libraries that *scenario* uses, as they say themselves, in a process of its own; none where that fails."""
    request = {"do": "versions", "scenario": scenario.module, "paths": suite_paths(suite.paths)}
    try:
        with worker(scenario.id) as child:
            return child.ask(request, VersionsGiven, SCENARIO_LIMIT_S).versions
    except ChildError:
        return {}


class _Probing:
    """One round of questions, and what is known by now of scenarios that hang. For several threads."""

    def __init__(self, suite: Suite, scenarios: Mapping[str, ScenarioEntry]):
        self._paths = suite_paths(suite.paths)
        self._scenarios = scenarios
        self._lock = threading.Lock()
        self._hangs: Counter[str] = Counter()
        self._hanging: dict[str, Outcome] = {}

    def probe(self, entry: AdapterEntry) -> Probed:
        if elsewhere := entry.about.why_not_here():
            return Probed(entry, Unsupported(elsewhere))
        rows: dict[str, tuple[str, ...] | Outcome] = {}
        try:
            probed = self._described(entry, rows)
            while len(rows) < len(
                self._scenarios
            ):  # a scenario ended the process; the rest are asked once more
                self._described(entry, rows)
        except ChildError as error:
            return Probed(entry, error.outcome)
        return replace(probed, rows={id_: rows[id_] for id_ in self._scenarios})

    def _described(self, entry: AdapterEntry, rows: dict[str, tuple[str, ...] | Outcome]) -> Probed:
        """What the adapter says; adds to *rows* until all are there or one ends the process. Raises ChildError."""
        with worker(entry.id) as child:
            request = {"do": "describe", "module": entry.module, "paths": self._paths}
            said = child.ask(request, Described, LIMIT_S)
            for scenario in self._scenarios.values():
                if scenario.id not in rows and not self._ask(child, scenario, rows):
                    break
        return Probed(
            entry,
            Measured(),
            msgspec.structs.asdict(said.facts),
            {level: tuple(styles) for level, styles in said.levels.items()},
            said.lacks,
        )

    def _ask(self, child: Child, scenario: ScenarioEntry, rows: dict[str, tuple[str, ...] | Outcome]) -> bool:
        """Add what a scenario says to *rows*; False when the process is gone by it."""
        with self._lock:
            known = self._hanging.get(scenario.id)
        if known is not None:
            rows[scenario.id] = known
            return True
        try:
            said = child.ask({"scenario": scenario.module}, RowsGiven, SCENARIO_LIMIT_S)
        except ChildError as error:
            rows[scenario.id] = self._ended(scenario, error.outcome)
            return False
        rows[scenario.id] = outcome_of(said, scenario.id) if said.outcome else tuple(said.styles)
        return True

    def _ended(self, scenario: ScenarioEntry, outcome: Outcome) -> Outcome:
        """*outcome*, with the name of the file that is to blame."""
        file = f"{scenario.path.parent.name}/{scenario.path.name}"
        named = at(f"{file}, when it was imported and asked for its rows", outcome)
        if isinstance(outcome, TimedOut):
            with self._lock:
                self._hangs[scenario.id] += 1
                if self._hangs[scenario.id] >= ENOUGH_HANGS:
                    self._hanging[scenario.id] = named
        return named
