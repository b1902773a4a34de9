"""What an engine does between two looks at the plan of a stretch, and the engine that is written in Python.

What lies inside the timed region: poll, recv, comparison, clock, send, and one store into an array that
was made before. The loops spin (poll with no timeout) unless told to wait: a server must not be charged for
waking a load that sleeps. `crossloop.load.native` does the same through C, and both are held to the same tests.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Protocol

from crossloop.load.errors import LoadError, SilentServerError, VerificationError
from crossloop.load.histogram import Pair, pairs_of
from crossloop.load.polling import Poller
from crossloop.load.target import Connection, Target

LOST_NS = 100_000_000
"""A request older than this, while others were answered, is lost; when all are silent, the server is."""
LOOK_NS = 20_000
"""A look that finds nothing takes about 1 µs. One that took longer than this was interrupted: the rest was
somebody else's time on the CPU, not the load's."""
EVENTS_AT_ONCE = 256
"""Most answers taken between two looks at the clock: about 2 ms of work."""
_ROOM = 1 << 15


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
        """Closed loop: send a message on every connection that has none in flight."""

    def closed(self, until_ns: int) -> int:
        """Closed loop: go on until *until_ns* (perf_counter_ns); returns the number of answers."""

    def closed_latency(self) -> list[Pair]:
        """Latencies of the answers of the last `closed`."""

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


class PythonEngine:
    """The loops below: everywhere, and slower."""

    name = "python"

    def turns(self, target: Target, poller: Poller, *, spin: bool) -> "PythonTurns":
        """As `Engine.turns`."""
        return PythonTurns(target, poller, spin)


@dataclass
class PythonTurns:
    """`Turns`, in Python."""

    target: Target
    poller: Poller
    spin: bool
    looking_ns: int = 0
    _latencies: "array[int]" = field(default_factory=lambda: array("q", bytes(8 * _ROOM)))
    _done: int = 0
    _idle: "deque[Connection]" = field(default_factory=deque)
    """Idle connections, the one that has been idle longest first."""
    _queues: "dict[int, deque[int]]" = field(default_factory=dict)
    """Places of arrivals whose own connection is busy, by its number: they wait for it and for no other."""
    _last_answer_ns: int = 0
    """When the last answer of a `rest` came; 0: none did."""

    def __post_init__(self) -> None:
        self._idle.extend(self.target.connections)

    def begin(self) -> None:
        """As `Turns.begin`."""
        for connection in self.target.connections:
            if not connection.sent_ns:
                send_next(self.target, connection)

    def closed(self, until_ns: int) -> int:
        """As `Turns.closed`; the latencies fill the array's beginning."""
        target, latencies, spin = self.target, self._latencies, self.spin
        poll, table, clock = self.poller.poll, target.by_descriptor, perf_counter_ns
        limit, size, sequence = min(target.count, EVENTS_AT_ONCE), target.size, target.sent
        want = size + 1  # one more than the answer, so that a longer one is seen
        done = looking = 0
        waiting = False
        now = clock()
        while now < until_ns:
            events = poll(0 if spin else (until_ns - now) / 1e9, limit)
            if not events:
                before, now = now, clock()
                if waiting and spin:
                    looking += min(now - before, LOOK_NS)
                waiting = True
                continue
            waiting = False
            if done + limit > len(latencies):
                latencies.frombytes(bytes(8 * (len(latencies) + limit)))
            for descriptor, _event in events:
                connection = table[descriptor]
                try:
                    data = connection.receive(want)
                except BlockingIOError:
                    now = clock()
                    continue
                except OSError as error:
                    raise connection.lost(error) from error
                if data != connection.message and not connection.complete(data):
                    now = clock()
                    continue
                now = clock()
                latencies[done] = now - connection.sent_ns
                done += 1
                sequence += 1
                connection.stamp(sequence)
                connection.sent_ns = now
                try:
                    count = connection.send(connection.message)
                except BlockingIOError:
                    count = 0
                except OSError as error:
                    raise connection.lost(error) from error
                if count != size:
                    connection.hold(count)
        target.sent = sequence
        self.looking_ns += looking
        self._done = done
        return done

    def closed_latency(self) -> list[Pair]:
        """As `Turns.closed_latency`."""
        return pairs_of(self._latencies[: self._done])

    def latency(self, values_ns: "array[int]") -> list[Pair]:
        """As `Turns.latency`."""
        return pairs_of(values_ns)

    def open(self, plan: Schedule, last: int, until_ns: int, *, until_quiet: bool = False) -> None:
        """As `Turns.open`. Two functions: one keeps a queue for each connection, the other's speed is needed."""
        if plan.chosen is None:
            self._open_idle(plan, last, until_ns, until_quiet)
        else:
            self._open_chosen(plan, last, until_ns, until_quiet)

    def _open_idle(self, plan: Schedule, last: int, until_ns: int, until_quiet: bool) -> None:
        target, idle, spin = self.target, self._idle, self.spin
        poll, table, clock = self.poller.poll, target.by_descriptor, perf_counter_ns
        due, latencies, place, origin = plan.due_ns, plan.latency_ns, plan.next, plan.origin_ns
        limit = min(target.count, EVENTS_AT_ONCE)
        want = target.size + 1
        waiting, sent = False, place
        now = clock()
        while now < until_ns:
            while place < last and idle and due[place] <= now - origin:
                connection = idle.popleft()
                connection.index = place
                connection.due_ns = due[place] + origin
                place += 1
                target.sent += 1
                connection.stamp(target.sent)
                connection.sent_ns = now
                _send(connection)
            if until_quiet and len(idle) == target.count:
                break
            events = poll(0 if spin else self._nap_s(plan, place, last, until_ns, now), limit)
            if not events:
                before, now = now, clock()
                if spin and waiting and place == sent:
                    self.looking_ns += min(now - before, LOOK_NS)
                waiting, sent = True, place
                continue
            waiting = False
            for descriptor, _event in events:
                connection = table[descriptor]
                try:
                    data = connection.receive(want)
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise connection.lost(error) from error
                # An idle connection's message is the last one: a second answer to it must not pass for good.
                if (data != connection.message or not connection.sent_ns) and not connection.complete(data):
                    continue
                latencies[connection.index] = clock() - connection.due_ns
                connection.sent_ns = 0
                plan.answered += 1
                idle.append(connection)
            now = clock()
        plan.next = place
        plan.in_flight = target.count - len(idle)

    def _open_chosen(self, plan: Schedule, last: int, until_ns: int, until_quiet: bool) -> None:
        assert plan.chosen is not None
        target, chosen, spin = self.target, plan.chosen, self.spin
        poll, clock = self.poller.poll, perf_counter_ns
        due, latencies, origin = plan.due_ns, plan.latency_ns, plan.origin_ns
        limit = min(target.count, EVENTS_AT_ONCE)
        waiting, sent = False, plan.next
        now = clock()
        while now < until_ns:
            while plan.next < last and due[plan.next] <= now - origin:
                connection = target.connections[chosen[plan.next]]
                if connection.sent_ns:
                    self._queues.setdefault(connection.number, deque()).append(plan.next)
                else:
                    self._send_arrival(plan, plan.next, connection)
                plan.next += 1
            if until_quiet and not plan.in_flight:
                break
            events = poll(0 if spin else self._nap_s(plan, plan.next, last, until_ns, now), limit)
            if not events:
                before, now = now, clock()
                if spin and waiting and plan.next == sent:
                    self.looking_ns += min(now - before, LOOK_NS)
                waiting, sent = True, plan.next
                continue
            waiting = False
            for connection in complete(target, events):
                latencies[connection.index] = clock() - connection.due_ns
                connection.sent_ns = 0
                plan.answered += 1
                plan.in_flight -= 1
                queue = self._queues.get(connection.number)
                if queue:
                    self._send_arrival(plan, queue.popleft(), connection)
            now = clock()

    def _send_arrival(self, plan: Schedule, place: int, connection: Connection) -> None:
        connection.index = place
        connection.due_ns = plan.due_ns[place] + plan.origin_ns
        plan.in_flight += 1
        send_next(self.target, connection)

    def _nap_s(self, plan: Schedule, place: int, last: int, until_ns: int, now: int) -> float:
        """How long poll may wait without missing an arrival: to a millisecond before it, as epoll rounds up."""
        sends = place < last and (self._idle or plan.chosen is not None)
        wake = min(until_ns, plan.origin_ns + plan.due_ns[place]) if sends else until_ns
        return max(0.0, (wake - now) / 1e9 - 0.001)

    def rest(self, until_ns: int) -> bool:
        """As `Turns.rest`."""
        target = self.target
        waiting = sum(1 for connection in target.connections if connection.sent_ns)
        self._last_answer_ns = 0
        now = perf_counter_ns()
        while waiting and now < until_ns:
            for connection in complete(
                target, self.poller.poll(min(0.01, (until_ns - now) / 1e9), target.count)
            ):
                connection.sent_ns = 0
                waiting -= 1
                self._last_answer_ns = perf_counter_ns()
            now = perf_counter_ns()
        return not waiting

    def drain(self, until_ns: int) -> None:
        """As `Turns.drain`."""
        if not self.rest(until_ns):
            raise unanswered(self.target, perf_counter_ns(), self._last_answer_ns)

    def expect_silence(self) -> None:
        """As `Turns.expect_silence`."""
        for descriptor, _event in self.poller.poll(0, self.target.count):
            _answered(self.target.by_descriptor[descriptor], self.target.size + 1)


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


def send_next(target: Target, connection: Connection) -> None:
    """Send the target's next message on an idle connection."""
    target.sent += 1
    connection.stamp(target.sent)
    connection.sent_ns = perf_counter_ns()
    _send(connection)


def complete(target: Target, events: Sequence[tuple[int, int]]) -> Iterator[Connection]:
    """Connections among *events* whose answer is whole, each once it was read and compared."""
    table, want = target.by_descriptor, target.size + 1
    for descriptor, _event in events:
        if _answered(table[descriptor], want):
            yield table[descriptor]


def _send(connection: Connection) -> None:
    try:
        count = connection.send(connection.message)
    except BlockingIOError:
        count = 0
    except OSError as error:
        raise connection.lost(error) from error
    if count != len(connection.message):
        connection.hold(count)


def _answered(connection: Connection, want: int) -> bool:
    try:
        data = connection.receive(want)
    except BlockingIOError:
        return False
    except OSError as error:
        raise connection.lost(error) from error
    return bool(connection.sent_ns and data == connection.message) or connection.complete(data)
