"""Several load processes that drive one server together, on this host and on others.

Connections are shared out evenly, and so are the rates of open loops. What comes back is added up: counts, histograms,
Jain's index. A measured part begins at one time on all hosts. Each load waits for it by its own clock; how far that is
from ours is read anew for each slice, and the error of that reading stands in the slice. The server's clocks are read
here, shortly before the start, when nothing is in flight, and when every answer has come in.

A host that is lost is left out from then on; the command that it was lost in is to be given again.
"""

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

import crossloop
from crossloop.journal import HostShare
from crossloop.load.commands import Address, Open, Slice
from crossloop.load.errors import LoadError
from crossloop.load.histogram import merge
from crossloop.load.loops import REST_NS
from crossloop.load.readings import MemoryOfConnecting, Readings
from crossloop.outcomes import Failed, Outcome, outcome_reason
from crossloop.supervise.answers import Connected, EngineTaken, LoadFault, LoadFaultError, SliceAnswer
from crossloop.supervise.child import BesideError, Child, ChildError
from crossloop.supervise.hosts import LoadHost
from crossloop.supervise.load import SLICE_LIMIT_S, ClockOffset, LoadClient

READ_BEFORE_NS = 2_000_000
"""So long before a common start, and before that as long as it takes, the server's clocks are read."""
LONGEST_LOOK_NS = 5_000_000_000
MARGIN_NS = 10_000_000
"""For commands to arrive and for run-ins to end, beyond what each may take."""
SUMMED = ("lost", "duplicates", "resumed")
"""Counters of slices that add up."""

T = TypeVar("T")


class HostLostError(ChildError):
    """Some of several hosts were lost; the others take the next command."""


@dataclass
class _Member:
    """A host, its load process, and what is known of it."""

    host: LoadHost
    client: LoadClient
    engine: EngineTaken | None = None
    connections: int = 0
    """Of the target that is open."""
    clock: ClockOffset = field(default_factory=lambda: ClockOffset(0, 0))
    spin: bool = True
    trusted: str = ""
    """Where it keeps the certificate of this run's servers; empty until it has it (`LoadClient.trust`)."""


class LoadHosts:
    """A `LoadGenerator` of several; a context manager that leaves no process behind here."""

    def __init__(
        self,
        hosts: Sequence[LoadHost],
        lost: MutableMapping[str, Outcome],
        *,
        engine: str = "",
        server_cpu: int | None = None,
        limit_s: float = SLICE_LIMIT_S,
        ssh_config: str = "",
    ):
        """Start a load process on each of *hosts* that is not in *lost*, by name; one that is lost is put there.

        *server_cpu* is the CPU of this machine that loads are to keep off, if it has enough. Raises ChildError where no
        host is left, and for one whose crossloop is of another version: that is no accident.
        """
        self._lost = lost
        self._members: dict[str, _Member] = {}
        self._next_id = 0
        self._pids: list[int] = []
        self._port = 0
        self._drive = "exchange"
        self._look_ns = 0
        """What looking at the server took when its connections were opened: it grows with its threads."""
        try:
            for host in hosts:
                if host.name not in lost:
                    self._start(host, engine, limit_s, ssh_config)
            described = self._answers_of(list(self._members.values()), lambda member: member.client.engine())
            self._refuse_other_versions(described)
            for name, taken in described.items():
                self._members[name].engine = taken
            self._place(server_cpu)
            self._expect_some()
        except BaseException:
            self.end()
            raise

    def _start(self, host: LoadHost, engine: str, limit_s: float, ssh_config: str) -> None:
        try:
            client = LoadClient(engine, limit_s=limit_s, host=host, ssh_config=ssh_config)
        except ChildError as error:
            self._lost[host.name] = error.outcome
        else:
            self._members[host.name] = _Member(host, client)

    def _refuse_other_versions(self, described: Mapping[str, EngineTaken]) -> None:
        for name, taken in described.items():
            if taken.crossloop != crossloop.__version__:
                raise ChildError(
                    Failed(
                        f"the load host {name} has crossloop {taken.crossloop or 'of an older version'}, this is "
                        f"{crossloop.__version__}; install the same there"
                    )
                )

    def _place(self, server_cpu: int | None) -> None:
        """Each load on a CPU of its own, the last ones first; one that shares the server's does not spin."""
        free: dict[str, list[int]] = {}
        for member in self._members.values():
            assert member.engine is not None
            cpus = sorted(member.engine.cpus)
            kept_off = [server_cpu] if member.host.local and server_cpu is not None else []
            order = free.setdefault(
                member.host.destination, [*kept_off, *(cpu for cpu in cpus if cpu not in kept_off)]
            )
            cpu = member.host.cpu
            if cpu is None and len(cpus) > 1 and order:
                cpu = order.pop()
            member.spin = len(cpus) > 1 and not (member.host.local and cpu == server_cpu)
            if cpu is not None:
                self._pin(member, cpu)

    def _pin(self, member: _Member, cpu: int) -> None:
        try:
            member.client.pin(cpu)
        except LoadFaultError as error:
            raise ChildError(Failed(f"{member.host.name}: {error}")) from error

    def __enter__(self) -> "LoadHosts":
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    # As LoadGenerator -----------------------------------------------------------------------------

    def engine(self) -> EngineTaken:
        """The slowest engine of them, and each host's reason why it is not the native one."""
        taken = {name: member.engine for name, member in self._members.items() if member.engine is not None}
        reasons = [f"{name}: {engine.reason}" for name, engine in taken.items() if engine.reason]
        slowest = min(taken.values(), key=lambda engine: engine.engine != "python")
        return msgspec.structs.replace(slowest, reason="; ".join(reasons))

    def open(self, command: Open, beside: Sequence[Child] = ()) -> Connected | SliceAnswer:
        """Connect each host's share. Raises HostLostError."""
        self._pids, self._drive = list(command.pids), command.drive
        self._port = command.address.port
        shares = shared(command.connections, len(self._members))
        loading: list[_Member] = []
        for member, share in zip(self._members.values(), shares, strict=True):
            member.connections = share
            if share:
                loading.append(member)
        readings = Readings(self._pids, port=self._port)
        memory = MemoryOfConnecting(readings.pids) if command.proven else None
        before_ns = time.perf_counter_ns()
        readings.at_start()
        self._look_ns = time.perf_counter_ns() - before_ns
        commands = {member.host.name: self._opening(member, command, len(loading)) for member in loading}
        for member in loading:
            member.client.send(commands[member.host.name])
        answers = self._of_each(
            lambda member: member.client.opened(commands[member.host.name], beside), loading
        )
        if memory is None:
            mechanisms = {answer.mechanism for answer in answers.values() if isinstance(answer, Connected)}
            return Connected(command.connections, ", ".join(sorted(mechanisms)))
        for read in (readings.settle, readings.at_rest):
            if (fault := _faulty(read)) is not None:
                raise LoadFaultError(fault)
        counters = memory.counters()
        slices = {name: answer for name, answer in answers.items() if isinstance(answer, SliceAnswer)}
        return self._together(slices, readings, counters)

    def slice(self, command: Slice) -> SliceAnswer:
        """One measured stretch, begun at the same time by all. Raises HostLostError."""
        loading = [member for member in self._members.values() if member.connections]
        for name, offset in self._of_each(lambda member: member.client.clock(), loading).items():
            self._members[name].clock = offset
        connections = sum(member.connections for member in loading)
        readings = Readings(self._pids, port=self._port)
        start_ns = time.perf_counter_ns() + round(command.run_in_ms * 1e6)
        start_ns += REST_NS + MARGIN_NS + self._before_ns
        start_ns += 2 * max(member.clock.error_ns for member in loading)
        for place, member in enumerate(loading):
            member.client.send(
                msgspec.structs.replace(
                    command,
                    rate=command.rate * member.connections / connections,
                    seed=(command.seed + place) % 2**31,
                    spin=command.spin and member.spin,
                    start_ns=start_ns + member.clock.ahead_ns,
                )
            )
        fault = self._read_clocks(readings, command, start_ns)
        answers = self._of_each(lambda member: member.client.sliced(), loading)
        if command.phase == "capacity":
            fault = fault or _faulty(readings.settle) or _faulty(readings.at_rest)
        if fault is not None:
            raise LoadFaultError(fault)
        index = self._jain(answers)
        return self._together(answers, readings, {} if index is None else {"jain": index})

    @property
    def _before_ns(self) -> int:
        """How long before a common start the server is looked at: nothing is in flight then in a closed loop."""
        return READ_BEFORE_NS + min(2 * self._look_ns, LONGEST_LOOK_NS)

    def _read_clocks(self, readings: Readings, command: Slice, start_ns: int) -> LoadFault | None:
        """The server's, when a slice begins; of an open loop also when its time is over, with messages in flight."""
        closed = command.phase == "capacity"
        _sleep_until(start_ns - self._before_ns)
        readings.look()
        if not closed:
            _sleep_until(start_ns)
        fault = _faulty(readings.begin)
        if not closed:
            _sleep_until(start_ns + round(command.duration_ms * 1e6))
            fault = fault or _faulty(readings.at_rest)
        return fault

    def close(self, target: str, *, reset: bool = False) -> None:
        """Close the target's connections everywhere."""
        for member in self._members.values():
            member.connections = 0
        with suppress(HostLostError):  # (with a host its connections are gone as well)
            self._of_each(
                lambda member: member.client.close(target, reset=reset), list(self._members.values())
            )

    def end(self) -> None:
        """End every process."""
        for member in self._members.values():
            member.client.end()
        self._members.clear()

    # Parts ----------------------------------------------------------------------------------------

    def _opening(self, member: _Member, command: Open, loads: int) -> Open:
        first_id = self._next_id
        self._next_id = (self._next_id + member.connections) % 2**30
        return msgspec.structs.replace(
            command,
            address=self._address(member, command.address),
            connections=member.connections,
            first_id=first_id,
            at_once=max(1, command.at_once // loads),
            pids=[],
        )

    def _address(self, member: _Member, address: Address) -> Address:
        if not address.ca or member.host.local:
            return address
        if not member.trusted:
            member.trusted = member.client.trust(address.ca)
        return msgspec.structs.replace(address, ca=member.trusted)

    def _of_each(self, question: Callable[[_Member], T], among: Sequence[_Member]) -> dict[str, T]:
        """What each answers. Raises HostLostError when any was lost, LoadFaultError for the first fault."""
        before = len(self._lost)
        answers = self._answers_of(among, question)
        if len(self._lost) > before:
            names = [name for name in self._lost if name not in self._members]
            self._expect_some()
            what = "; ".join(f"{name}: {outcome_reason(self._lost[name])}" for name in names[before:])
            raise HostLostError(Failed(f"lost while it was needed: {what}"))
        return answers

    def _answers_of(self, among: Sequence[_Member], question: Callable[[_Member], T]) -> dict[str, T]:
        """What each answers that is not lost. Raises LoadFaultError for the first fault, once all were asked."""
        answers: dict[str, T] = {}
        faults: list[LoadFaultError] = []
        for member in among:
            try:
                answers[member.host.name] = question(member)
            except LoadFaultError as error:
                named = msgspec.structs.replace(error.fault, error=f"{member.host.name}: {error.fault.error}")
                faults.append(LoadFaultError(named))
            except BesideError:
                self.end()
                raise
            except ChildError as error:
                member.client.end()
                self._lost[member.host.name] = error.outcome
                del self._members[member.host.name]
        if faults and self._members:
            raise faults[0]
        return answers

    def _expect_some(self) -> None:
        """Raise ChildError when no host is left."""
        if not self._members:
            why = "; ".join(f"{name}: {outcome_reason(outcome)}" for name, outcome in self._lost.items())
            raise ChildError(Failed(f"no load host is left; {why}"))

    def _together(
        self, answers: Mapping[str, SliceAnswer], readings: Readings, also: Mapping[str, float]
    ) -> SliceAnswer:
        """The figures of all; *also* are counters beside theirs."""
        parts = list(answers.values())
        operations = sum(part.operations for part in parts)
        sent = sum(part.sent for part in parts) or operations
        waits = [part.run_in_wait_ns for part in parts if part.run_in_wait_ns is not None]
        counters = dict(also)
        for name in SUMMED:
            if any(name in part.counters for part in parts):
                counters[name] = sum(part.counters.get(name, 0) for part in parts)
        return readings.answer(
            operations=operations,
            elapsed_ns=max(part.elapsed_ns for part in parts),
            cpu_ns=round(readings.cpu_ns * operations / sent) if sent else 0,
            load_cpu_ns=max(part.load_cpu_ns for part in parts),
            latency=merge([part.latency for part in parts]),
            offered_per_s=sum(part.offered_per_s for part in parts),
            unanswered=sum(part.unanswered for part in parts),
            run_in_wait_ns=max(waits, default=None),
            answered=sum(part.answered for part in parts),
            sent=sent,
            counters=counters,
            hosts=[self._share(name, part) for name, part in answers.items()],
        )

    def _share(self, name: str, part: SliceAnswer) -> HostShare:
        member = self._members[name]
        return HostShare(
            host=name,
            connections=member.connections,
            operations=part.operations,
            elapsed_ns=part.elapsed_ns,
            load_cpu_ns=part.load_cpu_ns,
            start_error_ns=part.start_late_ns + member.clock.error_ns,
        )

    def _jain(self, answers: Mapping[str, SliceAnswer]) -> float | None:
        """Jain's index over the connections of all hosts: of each the sum of squares follows from its own index."""
        connections = sum(self._members[name].connections for name in answers)
        total = sum(part.operations for part in answers.values())
        if self._drive == "connect" or connections < 2 or not total:
            return None
        squares = 0.0
        for name, part in answers.items():
            connected = self._members[name].connections
            squares += part.operations**2 / (connected * part.counters.get("jain", 1.0))
        return float(total**2 / (connections * squares))


def shared(number: int, parts: int) -> list[int]:
    """*number* shared out as evenly as whole numbers can be, the larger shares first."""
    return [number // parts + (place < number % parts) for place in range(parts)]


def _sleep_until(at_ns: int) -> None:
    time.sleep(max(0, at_ns - time.perf_counter_ns()) / 1e9)


def _faulty(read: Callable[[], object]) -> LoadFault | None:
    """What a reading of the server's clocks says against the server."""
    try:
        read()
    except LoadError as error:
        return LoadFault(str(error), error.kind)
    return None
