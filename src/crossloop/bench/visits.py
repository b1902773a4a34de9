"""Visits: how the slices of one row are taken in its process, once that runs again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from crossloop.bench.beside import Load
from crossloop.bench.profiles import Pace
from crossloop.bench.site import Site
from crossloop.bench.stages import Comparison, Row, Step
from crossloop.bench.subjects import Said, Subject
from crossloop.journal import Phase, PlainPhase, SliceRecord, WebServer
from crossloop.load.commands import Open, Slice
from crossloop.outcomes import Outcome, Unsupported
from crossloop.supervise.answers import Ready, Serving, SliceAnswer
from crossloop.supervise.child import ChildError

FIRST_CONNECTIONS = 8
"""Connections that a server has had before what many of them take is measured: it allocates some things only once."""

OF_THE_LOAD = ("answered", "unanswered", "sent", "start_late_ns")
"""What a load answers that is no figure of the server."""

Found = TypeVar("Found")


class BeyondError(ChildError):
    """A process that is well cannot do what is asked for, as it has said itself."""


class Visit(Protocol[Said, Found]):
    """What is done with one row's process while it runs."""

    def __call__(
        self, row: Row, subject: Subject[Said], comparison: Comparison, steps: Sequence[Step], seed: int
    ) -> list[Found]:
        """What was found, step by step. Raises ChildError."""


@dataclass(frozen=True)
class Taken:
    """One slice of a visit: its phase, and what was measured."""

    phase: Phase
    figures: SliceAnswer
    server: WebServer | None = None

    def record(self, row: Row, comparison: Comparison, generation: int, turn: int) -> SliceRecord:
        """What a journal keeps of it; *turn* is the round."""
        figures = msgspec.structs.asdict(self.figures)
        for name in OF_THE_LOAD:
            del figures[name]
        return SliceRecord(
            adapter=row.adapter,
            style=row.style,
            scenario=comparison.scenario.id,
            parameters=dict(comparison.parameters),
            phase=str(self.phase),
            generation=generation,
            round=turn,
            server=self.server,
            **figures,
        )


@dataclass(frozen=True)
class WorkVisit:
    """The process drives itself."""

    pace: Pace
    limit_s: float

    def __call__(
        self, row: Row, subject: Subject[Ready], comparison: Comparison, steps: Sequence[Step], seed: int
    ) -> list[Taken]:
        """As `Visit` says."""
        taken = []
        for step in steps:
            order = {
                "do": "slice",
                "parameters": comparison.parameters,
                "run_in_ms": self.pace.run_in_ms if step.runs_in else 0,
                "duration_ms": self.pace.slice_ms,
            }
            answer = subject.child.ask(order, SliceAnswer, self.limit_s)
            answer = msgspec.structs.replace(answer, rss_bytes=subject.child.rss_bytes())
            taken.append(Taken(step.phase, answer))
        return taken


@dataclass(frozen=True)
class LoadVisit:
    """A load process drives it, on connections that live for the visit.

    What another set of parameters watches would be in the way of this one's, most of all for select and poll, whose
    cost grows with the number watched.
    """

    site: Site
    load: Load
    pace: Pace

    def __call__(
        self, row: Row, subject: Subject[Serving], comparison: Comparison, steps: Sequence[Step], seed: int
    ) -> list[Taken]:
        """As `Visit` says."""
        refuse_beyond(comparison.connections, subject.said)
        opening = opening_of(self.site, row, subject, comparison)
        self.load.ask(str(row), subject.children, lambda load: load.open(opening, subject.children))
        taken = [self.slice(row, subject, step, seed + number) for number, step in enumerate(steps)]
        self.load.ask(str(row), subject.children, lambda load: load.close(str(row)))
        return taken

    def slice(self, row: Row, subject: Subject[Serving], step: Step, seed: int) -> Taken:
        """One slice on the connections that are open."""
        order = Slice(
            target=str(row),
            phase="rate" if step.rate else "capacity",
            run_in_ms=self.pace.run_in_ms if step.runs_in else 0,
            duration_ms=self.pace.slice_ms,
            seed=seed,
            rate=step.rate,
            choice="random" if step.phase is PlainPhase.LOAD else "idle",
        )
        answer = self.load.ask(order.target, subject.children, lambda load: load.slice(order))
        return Taken(step.phase, answer, subject.said.facts)


@dataclass(frozen=True)
class RungVisit(LoadVisit):
    """A rung of a ladder: a slice of connecting comes first.

    The process is fresh, because memory per connection is a difference: what a rung before has left in the heap would
    be taken for free.
    """

    def __call__(
        self, row: Row, subject: Subject[Serving], comparison: Comparison, steps: Sequence[Step], seed: int
    ) -> list[Taken]:
        """As `Visit` says."""
        refuse_beyond(comparison.connections, subject.said)
        connect_s = self.pace.connect_limit_s(comparison.connections)
        connect_proven(self.site, self.load, row, subject, comparison, FIRST_CONNECTIONS, connect_s)
        connected = connect_proven(
            self.site, self.load, row, subject, comparison, comparison.connections, connect_s
        )
        loaded = [self.slice(row, subject, step, seed + number) for number, step in enumerate(steps)]
        self.load.ask(str(row), subject.children, lambda load: load.close(str(row), reset=True))
        return [Taken(PlainPhase.CONNECT, connected), *loaded]


def connect_proven(
    site: Site,
    load: Load,
    row: Row,
    subject: Subject[Serving],
    comparison: Comparison,
    connections: int,
    limit_s: float,
) -> SliceAnswer:
    """Connect in place of what was connected before; each connection is answered once. Raises ChildError."""
    load.ask(str(row), subject.children, lambda client: client.close(str(row), reset=True))
    opening = opening_of(site, row, subject, comparison)
    opening = msgspec.structs.replace(
        opening, connections=connections, proven=True, timeout_s=limit_s, drive="exchange"
    )
    answer = load.ask(str(row), subject.children, lambda client: client.open(opening, subject.children))
    assert isinstance(answer, SliceAnswer)
    return answer


def opening_of(site: Site, row: Row, subject: Subject[Serving], comparison: Comparison) -> Open:
    """What has the load connect as a comparison says."""
    about = comparison.scenario.about
    assert comparison.exchange is not None, comparison
    return Open(
        target=str(row),
        address=site.address(about.transport, subject.said),
        connections=comparison.connections,
        exchange=comparison.exchange,
        pids=[child.pid for child in subject.children],
        drive=about.drive,
    )


def refuse_beyond(connections: int, server: Serving) -> None:
    """Raise BeyondError when a server holds fewer than *connections* (`most_connections`)."""
    if (outcome := beyond_bound(connections, server.most_connections)) is not None:
        raise BeyondError(outcome)


def beyond_bound(connections: int, bound: tuple[int, str] | None) -> Outcome | None:
    """`Unsupported`, with the reason, when an adapter holds fewer than *connections*."""
    if bound is None or connections <= bound[0]:
        return None
    return Unsupported(f"{connections} connections are more than the {bound[0]} it can hold: {bound[1]}")
