"""Processes beside the measured ones: the load generator, on one host or several, and the companion of a workload.

One that is lost is replaced, and what it took with it says nothing of the measured process.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from crossloop.bench.site import Site
from crossloop.load.errors import PortsError
from crossloop.outcomes import Failed, Outcome, OverLimit, TimedOut, outcome_reason, outcome_stderr
from crossloop.suite import ScenarioEntry
from crossloop.supervise.answers import LoadFault, LoadFaultError, Serving
from crossloop.supervise.child import BesideError, Child, ChildError, worker
from crossloop.supervise.load import LOAD, LoadClient, LoadGenerator
from crossloop.supervise.load_hosts import HostLostError, LoadHosts

READY_LIMIT_S = 30.0
COMPANION = "companion"

T = TypeVar("T")


class Load:
    """The load of a room: a process, or one on each of several hosts."""

    def __init__(self, site: Site):
        """Start it. Raises ChildError."""
        self._site = site
        self._conditions = site.conditions
        self._client: LoadGenerator | None = self._started()

    def _started(self) -> LoadGenerator:
        return _tried_twice(LOAD, self._start)

    def _start(self) -> LoadGenerator:
        conditions = self._conditions
        if not conditions.load_hosts:
            return LoadClient(conditions.engine, conditions.load_cpu, conditions.limit_s)
        return LoadHosts(
            conditions.load_hosts,
            self._site.lost_hosts,
            engine=conditions.engine,
            server_cpu=conditions.server_cpu,
            limit_s=conditions.limit_s,
            ssh_config=conditions.ssh_config,
        )

    def ask(self, target: str, server: Sequence[Child], question: Callable[[LoadGenerator], T]) -> T:
        """Ask it about a *server*, which may be several processes; a new one when the last was lost.

        Raises ChildError with what the culprit did.
        """
        self._client = self._client or self._started()
        try:
            return question(self._client)
        except LoadFaultError as error:
            fault = error.fault
        except BesideError:
            self._client = None
            raise
        except HostLostError as error:  # the others are there, and take what is asked again
            self.forget(target)
            raise lost(LOAD, error.outcome) from error
        except ChildError as error:
            self._client = None
            _check(server)
            raise lost(LOAD, error.outcome) from error
        self.forget(target)
        _check(server)
        raise ChildError(self._blame(server, fault))

    def forget(self, target: str, *, reset: bool = False) -> None:
        """Have it drop its connections to *target*; one that is lost has none."""
        if self._client is not None:
            try:
                self._client.close(target, reset=reset)
            except (ChildError, LoadFaultError):
                self._client = None

    def look(self) -> None:
        """A load that is lost shows where it is asked."""

    def end(self) -> None:
        """End the process."""
        if self._client is not None:
            self._client.end()

    def _blame(self, server: Sequence[Child], fault: LoadFault) -> Outcome:
        tail = next(filter(None, (child.tail() for child in server)), "")
        if fault.kind == "limit":
            return TimedOut(fault.error, self._conditions.limit_s, tail)
        if fault.kind == PortsError.kind:
            return OverLimit(fault.error)
        return Failed(fault.error, tail)


class Companion:
    """The server of a scenario's own that its workers talk to."""

    def __init__(self, site: Site, scenario: ScenarioEntry):
        """Start it. Raises ChildError."""
        self._site = site
        self._scenario = scenario
        self._running: tuple[Child, tuple[str, int]] | None = self._started()

    def _started(self) -> tuple[Child, tuple[str, int]]:
        request = {
            "do": "companion",
            "scenario": self._scenario.module,
            "paths": self._site.paths,
            "cpu": self._site.conditions.load_cpu,
        }

        def start() -> tuple[Child, tuple[str, int]]:
            child = worker(f"{self._scenario.id}-companion")
            answer = child.ask(request, Serving, READY_LIMIT_S)
            return child, (answer.host, answer.port)

        return _tried_twice(COMPANION, start)

    def address(self) -> tuple[str, int]:
        """Host and port; of a new one when the last was lost. Raises ChildError."""
        self._running = self._running or self._started()
        return self._running[1]

    def look(self) -> None:
        """A row has failed: raise ChildError when the companion is gone, for then that has."""
        if self._running is None:
            return
        try:
            self._running[0].check(0.0)
        except ChildError as error:
            self._running = None
            raise lost(COMPANION, error.outcome) from error

    def end(self) -> None:
        """End the process."""
        if self._running is not None:
            self._running[0].end()


def _check(server: Sequence[Child]) -> None:
    """Raise ChildError with what became of the first process of a server that is gone or beyond its limits."""
    for child in server:
        child.check()


def lost(process: str, outcome: Outcome, does: str = "") -> ChildError:
    """What is to be raised when *process*, beside the measured one, was lost: not a word on the measured one."""
    reason = f"the {process} {does}{outcome_reason(outcome)}; nothing is known of this row"
    return ChildError(Failed(reason, outcome_stderr(outcome), process))


def _tried_twice(process: str, start: Callable[[], T]) -> T:
    """A process beside the measured ones. Raises ChildError."""
    try:
        return start()
    except ChildError:
        pass  # whatever ended the first may be over
    try:
        return start()
    except ChildError as error:
        raise lost(process, error.outcome, "does not start, ") from error
