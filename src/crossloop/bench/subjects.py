"""Subjects: the measured processes of a stage, one a row; each is stopped outside its visits.

So one that spins or ticks disturbs nobody. What a process costs at its start is not measured: the processes of a
generation are started side by side on all CPUs of the run, and moved to their own when they are ready.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from crossloop.bench.beside import READY_LIMIT_S, Companion
from crossloop.bench.site import Site
from crossloop.bench.stages import Row, Stage
from crossloop.bench.variants import request_of
from crossloop.journal import adapter_of, is_variant
from crossloop.load.target import OWN_DESCRIPTORS
from crossloop.references import REFERENCES
from crossloop.supervise.answers import Answer
from crossloop.supervise.child import Child, ChildError, worker
from crossloop.supervise.references import reference_server

Said = TypeVar("Said", bound=Answer)


@dataclass(frozen=True)
class Subject(Generic[Said]):
    """A measured process that is ready."""

    child: Child
    said: Said


class Launch(Protocol):
    """How the process of a row is begun."""

    def __call__(self, row: Row, cpu: int | None) -> tuple[Child, Mapping[str, Any]]:
        """The process, and what it is asked first; nothing for one that is ready by itself. Raises ChildError."""


class Subjects(Generic[Said]):
    """By row; *kind* is what each says when it is ready."""

    def __init__(self, site: Site, launch: Launch, kind: type[Said]):
        self._site = site
        self._launch = launch
        self._kind = kind
        self._subjects: dict[Row, Subject[Said]] = {}

    def of(self, row: Row) -> Subject[Said]:
        """The process of a row, started where there is none, as after a failure elsewhere. Raises ChildError."""
        if row not in self._subjects:
            self._stop(self.start(row).child)
        return self._subjects[row]

    def start(self, row: Row) -> Subject[Said]:
        """Start the process of a row, which then runs. Raises ChildError."""
        self._await(row, self._begun(row, self._site.conditions.server_cpu))
        return self._subjects[row]

    def start_all(self, rows: Iterable[Row]) -> dict[Row, ChildError]:
        """Start the processes of *rows* side by side and stop them; returns what went wrong with which."""
        conditions, failed = self._site.conditions, {}
        cpus = [conditions.server_cpu, conditions.load_cpu]
        places = itertools.cycle(cpus)
        begun: deque[tuple[Row, Child]] = deque()
        todo = deque(row for row in rows if row not in self._subjects)
        try:
            while todo or begun:
                row = todo[0] if todo else begun[0][0]
                try:
                    if todo and len(begun) < len(cpus):
                        begun.append((todo.popleft(), self._begun(row, next(places))))
                    else:
                        row, child = begun.popleft()
                        self._await(row, child)
                        self._stop(child)
                except ChildError as error:
                    failed[row] = error
        finally:
            for _row, child in begun:
                child.end()
        return failed

    def drop(self, row: Row) -> None:
        """End the process of a row, if it has one."""
        if row in self._subjects:
            self._subjects.pop(row).child.end()

    def drop_all(self) -> None:
        """End every process."""
        for row in list(self._subjects):
            self.drop(row)

    def dismiss(self) -> None:
        """Have every process end, without waiting for it."""
        self._site.dismiss(subject.child for subject in self._subjects.values())
        self._subjects.clear()

    def _begun(self, row: Row, cpu: int | None) -> Child:
        child, request = self._launch(row, cpu)
        if request:
            child.send(request)
        return child

    def _stop(self, child: Child) -> None:
        if self._site.conditions.server_cpu is not None:
            child.move(self._site.conditions.server_cpu)
        child.suspend()

    def _await(self, row: Row, child: Child) -> None:
        try:
            self._subjects[row] = Subject(child, child.receive(self._kind, READY_LIMIT_S))
        except BaseException:
            child.end()
            raise


@dataclass(frozen=True)
class ServerLaunch:
    """Servers in workers or in C, for all comparisons of a stage."""

    site: Site
    stage: Stage
    traced: bool = False
    """strace may attach."""

    def __call__(self, row: Row, cpu: int | None) -> tuple[Child, Mapping[str, Any]]:
        """As `Launch` says."""
        first = self.stage.comparisons[0]
        about = first.scenario.about
        path = self.site.socket_path() if about.transport == "unix" else ""
        if row.adapter in REFERENCES and any(
            row in comparison.references for comparison in self.stage.comparisons
        ):
            limit_bytes = self.site.conditions.limit_bytes
            reference, listen = REFERENCES[row.adapter], self.site.conditions.listen
            return reference_server(reference, cpu, limit_bytes, about.transport, path, listen), {}
        more: dict[str, Any] = {"path": path} if path else {}
        if about.transport == "tls":
            more["certificate"] = self.site.certificate()
        if self.traced:
            more["traced"] = True
        request = {
            **_request("serve", self.site, self.stage, row, cpu),
            "transport": about.transport,
            "host": self.site.conditions.listen,
            "levels": about.levels,
            "parameters": first.parameters,
            "descriptors": OWN_DESCRIPTORS
            + max(comparison.connections for comparison in self.stage.comparisons),
            **more,
        }
        return _worker(self.site, row), request_of(request, self.stage.variants.get(row.adapter))


@dataclass(frozen=True)
class WorkLaunch:
    """Workers that drive themselves, and may have a companion to talk to."""

    site: Site
    stage: Stage
    companion: Companion | None

    def __call__(self, row: Row, cpu: int | None) -> tuple[Child, Mapping[str, Any]]:
        """As `Launch` says."""
        request = {
            **_request("work", self.site, self.stage, row, cpu),
            "server": self.companion.address() if self.companion is not None else None,
        }
        return _worker(self.site, row), request_of(request, self.stage.variants.get(row.adapter))


def _worker(site: Site, row: Row) -> Child:
    return worker(adapter_of(row.adapter), limit_bytes=site.conditions.limit_bytes)


def _request(do: str, site: Site, stage: Stage, row: Row, cpu: int | None) -> dict[str, Any]:
    """Raises ValueError for a row that would be measured as what it is not: a wrong figure under a right name."""
    if is_variant(row.adapter) and row.adapter not in stage.variants:
        raise ValueError(f"{row} names a variant, and the stage does not say what it stands for")
    return {
        "do": do,
        "module": site.suite.adapters[adapter_of(row.adapter)].module,
        "scenario": stage.comparisons[0].scenario.module,
        "style": row.style,
        "paths": site.paths,
        "cpu": cpu,
    }
