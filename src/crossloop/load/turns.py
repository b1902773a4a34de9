"""What an engine does between two looks at the plan of a stretch, and the engine that is written in Python.

What lies inside the timed region: poll, recv, comparison, clock, send, and one value appended to an array. The loops
spin (poll with no timeout) unless told to wait: a server must not be charged for waking a load that sleeps.
`crossloop.load.native` does the same through C, and both are held to the same tests.
"""

from array import array
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter_ns, sleep
from typing import Protocol

from crossloop.load.connection import LOST_AFTER_NS, Connection, DatagramConnection
from crossloop.load.errors import LoadError, SilentServerError, VerificationError
from crossloop.load.histogram import Pair, pairs_of
from crossloop.load.polling import Poller
from crossloop.load.secure import PythonTls, Secure
from crossloop.load.target import Target

LOST_NS = 100_000_000
"""A request older than this, while others were answered, is lost; when all are silent, the server is."""
LOOK_NS = 20_000
"""A look that finds nothing takes about 1 µs. One that took longer than this was interrupted: the rest was
somebody else's time on the CPU, not the load's."""
EVENTS_AT_ONCE = 256
"""Most answers taken between two looks at the clock: about 2 ms of work."""
NAP_NS = 1_000_000


@dataclass(frozen=True)
class Counts:
    """What has happened on a target's connections since they were made."""

    answers: list[int]
    """Of each connection."""
    lost: int = 0
    """Datagrams that were not answered in time."""
    duplicates: int = 0
    """Answers that came again, or after they were given up."""
    resumed: int = 0
    """Connections that resumed a session of TLS."""


@dataclass
class Schedule:
    """An open loop under way."""

    due_ns: "array[int]"
    """Scheduled times from the origin on, ascending."""
    origin_ns: int
    latency_ns: "array[int]"
    """By place in `due_ns`; -1 until answered."""
    chosen: "array[int] | None" = None
    """Place of each arrival's own connection among the target's; None: whichever has been idle longest."""
    next: int = 0
    """Place of the first arrival that was not taken up yet: what is due from there on is the queue."""
    answered: int = 0
    in_flight: int = 0
    """Requests that were sent and not answered."""


class Turns(Protocol):
    """The hot part of one stretch on one target, by one engine. Each method raises a `LoadError` (`errors`)."""

    @property
    def looking_ns(self) -> int:
        """Spent on looking in vain, since the stretch began."""

    def begin(self) -> None:
        """Closed loop: have as many requests in flight as there are to be."""

    def stall(self, until_ns: int) -> None:
        """Write what there is room for, and read nothing."""

    def closed(self, until_ns: int) -> int:
        """Closed loop: go on until *until_ns* (perf_counter_ns); returns the number of answers."""

    def closed_latency(self) -> list[Pair]:
        """Latencies of the answers of the last `closed`."""

    def polite_latency(self) -> list[Pair]:
        """Of them, those on connections that are not greedy; of requests that still wait, how long they have."""

    def counts(self) -> Counts:
        """So far."""

    def open(self, plan: Schedule, last: int, until_ns: int, *, until_quiet: bool = False) -> None:
        """Open loop: send what is due among the first *last* arrivals and take answers in, until *until_ns*.

        *until_quiet*: until nothing is in flight and nothing is due, if that comes first.
        """

    def latency(self, values_ns: "array[int]") -> list[Pair]:
        """Histogram of an open loop's latencies."""

    def rest(self, until_ns: int) -> bool:
        """Take in what is in flight, sending nothing new; False when not all of it came."""

    def drain(self, until_ns: int) -> None:
        """`rest`, and raise when an answer does not come."""

    def expect_silence(self) -> None:
        """Nothing is in flight: nothing may arrive, and no connection may have been closed."""


class Engine(Protocol):
    """A way of carrying stretches out."""

    @property
    def name(self) -> str:
        """`native` or `python`."""

    def turns(self, target: Target, poller: Poller, *, spin: bool) -> Turns:
        """What carries out one stretch on *target*."""

    def secure(self, ca: str) -> Secure:
        """What makes the links of a target that this engine speaks TLS through.

        Raises `NotBuiltError` where it cannot.
        """


class PythonEngine:
    """The loops below: everywhere, and slower."""

    name = "python"

    def turns(self, target: Target, poller: Poller, *, spin: bool) -> "PythonTurns":
        """As `Engine.turns`."""
        return PythonTurns(target, poller, spin)

    def secure(self, ca: str) -> Secure:
        """As `Engine.secure`."""
        return PythonTls(ca)


@dataclass
class PythonTurns:
    """`Turns`, in Python."""

    target: Target
    poller: Poller
    spin: bool
    looking_ns: int = 0
    _latencies: "tuple[array[int], array[int]]" = field(default_factory=lambda: (array("q"), array("q")))
    """Of the polite and of the greedy connections."""
    _idle: "deque[Connection]" = field(default_factory=deque)
    """Idle connections, the one that has been idle longest first."""
    _queues: "dict[int, deque[int]]" = field(default_factory=dict)
    """Places of arrivals whose own connection is busy, by its number: they wait for it and for no other."""
    _last_answer_ns: int = 0
    """When the last answer of a `rest` came; 0: none did."""
    _expire_ns: int = 0

    def __post_init__(self) -> None:
        self._idle.extend(self.target.connections)
        self._limit = min(self.target.count, EVENTS_AT_ONCE)
        self._has_chores = self.target.datagrams or self.target.door is not None

    def begin(self) -> None:
        """As `Turns.begin`."""
        for connection in self.target.connections:
            missing = connection.depth - connection.in_flight()
            if missing:
                connection.request(perf_counter_ns(), missing)

    def stall(self, until_ns: int) -> None:
        """As `Turns.stall`."""
        while perf_counter_ns() < until_ns:
            for connection in self.target.connections:
                if connection.holding:
                    connection.flush()
            sleep(NAP_NS / 1e9)

    def closed(self, until_ns: int) -> int:
        """As `Turns.closed`."""
        self._latencies = polite, greedy = array("q"), array("q")
        for connection in self.target.connections:
            connection.record = greedy.append if connection.greedy else polite.append
        poll, table, clock, spin = self.poller.poll, self.target.by_descriptor, perf_counter_ns, self.spin
        limit, has_chores = self._limit, self._has_chores
        waiting = False
        now = clock()
        while now < until_ns:
            events = poll(0 if spin else self._wait_s(until_ns - now), limit)
            if not events:
                before, now = now, clock()
                if waiting and spin:
                    self.looking_ns += min(now - before, LOOK_NS)
                waiting = True
            else:
                waiting = False
                for descriptor, _event in events:
                    now = table[descriptor].turn()
            if has_chores:
                for connection, count in self._do_chores(now):
                    connection.request(now, count)
        return len(polite) + len(greedy)

    def _do_chores(self, now: int) -> list[tuple[Connection, int]]:
        """Connect again where a server had no room; give up datagrams, and say which connections miss how many."""
        target = self.target
        if target.door is not None and target.door.refused:
            again = target.door.refused[:]
            target.door.refused.clear()
            for visit in again:
                visit.reach()
        if not target.datagrams or now < self._expire_ns:
            return []
        self._expire_ns = now + LOST_AFTER_NS // 4
        expired = (
            (each, each.expire(now)) for each in target.connections if isinstance(each, DatagramConnection)
        )
        return [(each, count) for each, count in expired if count]

    def _wait_s(self, wait_ns: int) -> float:
        if self._has_chores:
            wait_ns = min(wait_ns, NAP_NS if self.target.door else LOST_AFTER_NS // 4)
        return wait_ns / 1e9

    def closed_latency(self) -> list[Pair]:
        """As `Turns.closed_latency`."""
        return pairs_of(self._latencies[0] + self._latencies[1])

    def polite_latency(self) -> list[Pair]:
        """As `Turns.polite_latency`."""
        return pairs_of(self._latencies[0] + polite_waits(self.target))

    def latency(self, values_ns: "array[int]") -> list[Pair]:
        """As `Turns.latency`."""
        return pairs_of(values_ns)

    def counts(self) -> Counts:
        """As `Turns.counts`."""
        target = self.target
        datagrams = [each for each in target.connections if isinstance(each, DatagramConnection)]
        return Counts(
            [connection.answered for connection in target.connections],
            sum(each.lost_count for each in datagrams),
            sum(each.duplicates for each in datagrams),
            target.door.resumed if target.door is not None else target.resumed,
        )

    def open(self, plan: Schedule, last: int, until_ns: int, *, until_quiet: bool = False) -> None:
        """As `Turns.open`."""
        poll, table, clock, spin = self.poller.poll, self.target.by_descriptor, perf_counter_ns, self.spin
        latencies, limit = plan.latency_ns, self._limit
        waiting, sent = False, plan.next
        now = clock()
        while now < until_ns:
            self._send_due(plan, last, now)
            if until_quiet and not plan.in_flight:
                break
            events = poll(0 if spin else self._nap_s(plan, plan.next, last, until_ns, now), limit)
            if not events:
                before, now = now, clock()
                if spin and waiting and plan.next == sent:
                    self.looking_ns += min(now - before, LOOK_NS)
                waiting, sent = True, plan.next
            else:
                waiting = False
                for descriptor, _event in events:
                    connection = table[descriptor]
                    if connection.take():
                        latencies[connection.index] = clock() - connection.due_ns
                        connection.answered += 1
                        plan.answered += 1
                        self._rest(plan, connection)
                now = clock()
            for connection, _count in self._do_chores(now) if self._has_chores else ():
                self._rest(plan, connection)

    def _send_due(self, plan: Schedule, last: int, now: int) -> None:
        """Send what is due, on its own connection or on the one that has been idle longest, or queue it."""
        due, chosen, idle = plan.due_ns, plan.chosen, self._idle
        while plan.next < last and due[plan.next] <= now - plan.origin_ns:
            if chosen is None:
                if not idle:
                    break
                self._send_arrival(plan, plan.next, idle.popleft(), now)
            else:
                connection = self.target.connections[chosen[plan.next]]
                if connection.sent_ns:
                    self._queues.setdefault(connection.number, deque()).append(plan.next)
                else:
                    self._send_arrival(plan, plan.next, connection, now)
            plan.next += 1

    def _send_arrival(self, plan: Schedule, place: int, connection: Connection, now: int) -> None:
        connection.index = place
        connection.due_ns = plan.due_ns[place] + plan.origin_ns
        plan.in_flight += 1
        connection.request(now)

    def _rest(self, plan: Schedule, connection: Connection) -> None:
        """A connection has none in flight any more: it is idle, or goes on with what waits for it."""
        plan.in_flight -= 1
        if plan.chosen is None:
            self._idle.append(connection)
        elif queue := self._queues.get(connection.number):
            self._send_arrival(plan, queue.popleft(), connection, perf_counter_ns())

    def _nap_s(self, plan: Schedule, place: int, last: int, until_ns: int, now: int) -> float:
        """How long poll may wait without missing an arrival: to a millisecond before it, as epoll rounds up."""
        sends = place < last and (self._idle or plan.chosen is not None)
        wake = min(until_ns, plan.origin_ns + plan.due_ns[place]) if sends else until_ns
        return max(0.0, self._wait_s(wake - now - NAP_NS))

    def rest(self, until_ns: int) -> bool:
        """As `Turns.rest`."""
        target = self.target
        self._last_answer_ns = 0
        now = perf_counter_ns()
        while any(connection.sent_ns for connection in target.connections) and now < until_ns:
            for descriptor, _event in self.poller.poll(
                self._wait_s(min(10 * NAP_NS, until_ns - now)), target.count
            ):
                if target.by_descriptor[descriptor].take():
                    self._last_answer_ns = perf_counter_ns()
            now = perf_counter_ns()
            if self._has_chores:
                self._do_chores(now)
        return not any(connection.sent_ns for connection in target.connections)

    def drain(self, until_ns: int) -> None:
        """As `Turns.drain`."""
        if not self.rest(until_ns):
            raise unanswered(self.target, perf_counter_ns(), self._last_answer_ns)

    def expect_silence(self) -> None:
        """As `Turns.expect_silence`."""
        for descriptor, _event in self.poller.poll(0, self.target.count):
            self.target.by_descriptor[descriptor].take()


def polite_waits(target: Target) -> "array[int]":
    """Nanoseconds since the sending of each request that is not answered, on connections that are not greedy."""
    now = perf_counter_ns()
    polite = [connection for connection in target.connections if not connection.greedy]
    return array("q", [now - sent_ns for connection in polite for _sequence, sent_ns in connection.flights])


def unanswered(target: Target, now: int, last_answer_ns: int) -> LoadError:
    """The error of a drain that ended at *now* with connections that wait; 0: nobody was answered in it."""
    late = [connection for connection in target.connections if connection.sent_ns]
    oldest = min(late, key=lambda connection: connection.sent_ns)
    text = (
        f"{oldest}: no answer within {(now - oldest.sent_ns) / 1e9:.2f} s;"
        f" {len(late)} of {target.count} connections wait"
    )
    if len(late) < target.count and last_answer_ns > oldest.sent_ns + LOST_NS:
        return VerificationError(f"{text}; the others were answered, so it is lost")
    return SilentServerError(f"{text}; the server stopped answering, or is too slow for this load")
