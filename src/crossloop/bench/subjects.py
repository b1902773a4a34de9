"""Subjects: the measured processes of a stage, one a row; each is stopped outside its visits.

So one that spins or ticks disturbs nobody. What a process costs at its start is not measured: the processes of a
generation are started side by side on all CPUs of the run, and moved to their own when they are ready.

A server may be several processes on one port. Then the first takes a free port, the others are started when that is
known, and from there on all of them go the same way: they run, stand still and end together.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from crossloop.bench.beside import READY_LIMIT_S, Companion
from crossloop.bench.site import Site
from crossloop.bench.stages import Row, Stage
from crossloop.bench.variants import request_of
from crossloop.journal import adapter_of, is_variant, processes_of
from crossloop.load.target import OWN_DESCRIPTORS
from crossloop.references import REFERENCES
from crossloop.supervise.answers import Answer, Serving
from crossloop.supervise.child import Child, ChildError, worker
from crossloop.supervise.references import reference_server

Said = TypeVar("Said", bound=Answer)


@dataclass(frozen=True)
class Subject(Generic[Said]):
    """What is measured of a row, and is ready: a process, or those of a server in several."""

    children: tuple[Child, ...]
    said: Said
    """By the first of them."""

    @property
    def child(self) -> Child:
        """The first, which is the only one but for servers in several processes."""
        return self.children[0]

    def resume(self) -> None:
        """Let it run again."""
        for child in self.children:
            child.resume()

    def suspend(self) -> None:
        """Take it off the CPU."""
        for child in self.children:
            child.suspend()

    def look(self) -> None:
        """Raise ChildError when one of several processes is gone, floods or holds too much.

        The kernel sends new connections to those that are left, so that nobody else would notice. A single process is
        missed where it is asked.
        """
        for child in self.children if len(self.children) > 1 else ():
            child.check(0.0)

    def end(self) -> None:
        """End it, the processes side by side."""
        for child in self.children:
            child.leave()
        for child in self.children:
            child.end()


class Launch(Protocol):
    """How the processes of a row are begun."""

    def __call__(self, row: Row, cpu: int | None) -> tuple[Child, Mapping[str, Any]]:
        """The process, and what it is asked first; nothing for one that is ready by itself. Raises ChildError."""

    def further(self, row: Row, said: Answer) -> Iterator[tuple[Child, Mapping[str, Any]]]:
        """Of a row in several processes the others, once the first has *said* that it is ready. Raises ChildError."""


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
            self._stop(self.start(row))
        return self._subjects[row]

    def start(self, row: Row) -> Subject[Said]:
        """Start the process of a row, which then runs. Raises ChildError."""
        return self._await(row, self._begun(row, self._site.conditions.server_cpu))

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
                        self._stop(self._await(row, child))
                except ChildError as error:
                    failed[row] = error
        finally:
            for _row, child in begun:
                child.end()
        return failed

    def drop(self, row: Row) -> None:
        """End the process of a row, if it has one."""
        if row in self._subjects:
            self._subjects.pop(row).end()

    def drop_all(self) -> None:
        """End every process."""
        for row in list(self._subjects):
            self.drop(row)

    def dismiss(self) -> None:
        """Have every process end, without waiting for it."""
        self._site.dismiss(child for subject in self._subjects.values() for child in subject.children)
        self._subjects.clear()

    def _begun(self, row: Row, cpu: int | None) -> Child:
        return _requested(*self._launch(row, cpu))

    def _stop(self, subject: Subject[Said]) -> None:
        places = self._site.conditions.places(len(subject.children))
        for child, cpu in zip(subject.children, places, strict=True):
            if cpu is not None:
                child.move(cpu)
        subject.suspend()

    def _await(self, row: Row, child: Child) -> Subject[Said]:
        children = [child]
        try:
            said = child.receive(self._kind, READY_LIMIT_S)
            for further in self._launch.further(row, said):
                children.append(_requested(*further))
            for other in children[1:]:
                other.receive(self._kind, READY_LIMIT_S)
        except BaseException:
            for each in children:
                each.end()
            raise
        self._subjects[row] = Subject(tuple(children), said)
        return self._subjects[row]


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

    def further(self, row: Row, said: Answer) -> Iterator[tuple[Child, Mapping[str, Any]]]:
        """As `Launch` says; each on a CPU of its own, as far as they go round."""
        for cpu in self.site.conditions.places(processes_of(row.adapter))[1:]:
            assert isinstance(said, Serving)
            child, request = self(row, cpu)
            yield child, {**request, "host": said.host, "port": said.port}


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

    def further(self, row: Row, said: Answer) -> Iterator[tuple[Child, Mapping[str, Any]]]:
        """None."""
        return iter(())


def _requested(child: Child, request: Mapping[str, Any]) -> Child:
    if request:
        child.send(request)
    return child


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
