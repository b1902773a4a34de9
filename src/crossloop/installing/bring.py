"""`crossloop setup`: each adapter's needs brought by themselves, one after the other, and the outcome kept.

One binding that cannot be built never costs the others: every requirement is a run of pip of its own, with a
limit, and whatever happens becomes an `InstallResult`. A requirement that several adapters share is
brought once. The outcome is on disk after each adapter, so an interrupted setup has lost nothing.
"""

import importlib
import importlib.metadata
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.installing.parts import Bring
from crossloop.installing.pip_runs import (
    NO_PIP,
    NO_PIP_REMEDY,
    Fetched,
    informative_line,
    pip_install,
    pip_ready,
    public_text,
    remedy_for,
)
from crossloop.installing.recipes.libevent_library import bring_libevent
from crossloop.installing.recipes.pyev_source import bring_pyev
from crossloop.installing.record import SetupRecord
from crossloop.installing.results import (
    AlreadyThere,
    Built,
    InstallFailed,
    InstallResult,
    NotForThisPlatform,
    Wheel,
    combined,
)

RECIPES: Mapping[str, Callable[[], InstallResult]] = {"libevent": bring_libevent, "pyev": bring_pyev}

LIMIT_S = 900.0
"""For one requirement. The slowest build seen took 80 s on two CPUs; a small board needs ten times that."""

Progress = Callable[[str, str], None]
"""Called as `progress(id, what)` before each step: `progress("uvloop", "pip install uvloop>=0.21")`."""


@dataclass(frozen=True)
class Brought:
    """What became of one adapter's (or scenario's) needs, or of a part."""

    id: str
    result: InstallResult
    seconds: float


def bring_all(
    adapters: Iterable[tuple[str, AdapterAbout]],
    scenarios: Iterable[tuple[str, ScenarioAbout]] = (),
    parts: Iterable[tuple[str, Bring]] = (),
    *,
    limit_s: float = LIMIT_S,
    progress: Progress = lambda _id, _what: None,
) -> Iterator[Brought]:
    """Bring what is declared, in the order given, yielding each as soon as it is done and recorded.

    Scenarios come first: their needs (pycares) are everybody's. Those without any are left out. What a scenario needs
    for one style alone comes after that, as `SCENARIO@STYLE`. Parts of crossloop itself come last. Nothing that goes
    wrong with one is raised. Raises `RecordError` before anything is installed when this environment cannot be
    written to.
    """
    bringing = _Bringing(limit_s, progress)
    record = SetupRecord()
    record.write()
    for id_, scenario in scenarios:
        styles = {f"{id_}@{style}": requires for style, requires in scenario.style_requires.items()}
        for name, requires in {id_: scenario.requires, **styles}.items():
            if requires:
                yield _recorded(record, name, partial(bringing.requirements, name, requires))
    for id_, adapter in adapters:
        yield _recorded(record, id_, partial(bringing.adapter, id_, adapter))
    for id_, bring in parts:
        progress(id_, "compiling it, unless it is there")
        yield _recorded(record, id_, bring)


def _recorded(record: SetupRecord, id_: str, bring: Callable[[], InstallResult]) -> Brought:
    started = time.monotonic()
    try:
        result = bring()
    except Exception as error:  # a defect of ours or of a stranger's declaration: the others still come
        result = InstallFailed(public_text(f"{type(error).__name__}: {error}"), "report this")
    brought = Brought(id_, result, time.monotonic() - started)
    record.keep(id_, result)
    return brought


class _Bringing:
    """One run of setup: remembers what it has brought, and whether pip is there."""

    def __init__(self, limit_s: float, progress: Progress):
        self._limit_s = limit_s
        self._progress = progress
        self._done: dict[str, InstallResult] = {}
        self._pip: bool | None = None

    def adapter(self, id_: str, about: AdapterAbout) -> InstallResult:
        if elsewhere := about.why_not_here():
            return NotForThisPlatform(elsewhere)
        results = self._requirements(id_, about.requires)
        if isinstance(combined(results), InstallFailed | NotForThisPlatform):
            return combined(results)
        if about.recipe:
            results.append(self._recipe(id_, about.recipe))
        return combined(results)

    def requirements(self, id_: str, requires: Iterable[str]) -> InstallResult:
        return combined(self._requirements(id_, requires))

    def _requirements(self, id_: str, texts: Iterable[str]) -> list[InstallResult]:
        """One result for each requirement whose marker holds here; if none does, the reason."""
        results: list[InstallResult] = []
        excluded = ""
        for text in texts:
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                first_line = str(error).partition("\n")[0]
                return [InstallFailed(f"requirement {text!r}: {first_line}", "correct it in ABOUT.requires")]
            if requirement.marker is not None and not requirement.marker.evaluate():
                excluded = text
                continue
            results.append(self._requirement(id_, requirement))
        if excluded and not results:
            return [NotForThisPlatform(f"its requirement {excluded!r} leaves this Python or platform out")]
        return results

    def _requirement(self, id_: str, requirement: Requirement) -> InstallResult:
        requirement.marker = None  # judged already; pip and the cache see the same text
        text = str(requirement)
        if text not in self._done:
            self._done[text] = _present(requirement) or self._install(id_, requirement)
        return self._done[text]

    def _install(self, id_: str, requirement: Requirement) -> InstallResult:
        if not self._pip_ready():
            return InstallFailed(NO_PIP, NO_PIP_REMEDY)
        self._progress(id_, f"pip install {requirement}")
        run, fetched = pip_install([str(requirement)], limit_s=self._limit_s)
        if not run.succeeded:
            why = informative_line(run.output)
            return InstallFailed(why, remedy_for(why))
        return _how_it_came(requirement, fetched, run.seconds)

    def _recipe(self, id_: str, name: str) -> InstallResult:
        if name not in RECIPES:
            return InstallFailed(f"recipe {name!r} is unknown", f"use one of: {', '.join(sorted(RECIPES))}")
        key = f"recipe {name}"
        if key not in self._done:
            if name == "pyev" and not self._pip_ready():
                return InstallFailed(NO_PIP, NO_PIP_REMEDY)
            self._progress(id_, key)
            self._done[key] = RECIPES[name]()
        return self._done[key]

    def _pip_ready(self) -> bool:
        if self._pip is None:
            self._pip = pip_ready()
        return self._pip


def _present(requirement: Requirement) -> AlreadyThere | None:
    """Whether the requirement is met already; extras and direct references are left to pip's judgement."""
    if requirement.extras or requirement.url:
        return None
    importlib.invalidate_caches()
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if not requirement.specifier.contains(version, prereleases=True):
        return None
    return AlreadyThere(f"{requirement.name} {version}")


def _how_it_came(requirement: Requirement, fetched: tuple[Fetched, ...], seconds: float) -> InstallResult:
    """Wheel, built, or there already, from what pip reported; what it depends on counts as well."""
    if not fetched:
        return AlreadyThere(str(requirement))
    wanted = canonicalize_name(requirement.name)
    named = [item for item in fetched if canonicalize_name(item.name) == wanted] or list(fetched)
    detail = ", ".join(f"{requirement.name} {item.version}" for item in named)
    built = any(not item.wheel for item in fetched)
    return Built(detail, seconds) if built else Wheel(detail, seconds)
