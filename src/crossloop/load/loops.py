"""The two loops: closed (capacity) and open (latency at an offered rate).

What lies inside the timed region: poll, recv, comparison, clock, send, and one store into an array that
was made before. The cycle collector is off, nothing is formatted, no file is touched. The loops spin
(poll with no timeout) unless told to wait: a server must not be charged for waking a load that sleeps.

Time is perf_counter_ns throughout. Each stretch has a run-in, a measured part between the two hooks, and a
drain in which the answers still in flight come in; run-in and drain are verified and not counted.
"""

import gc
import math
import random
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Literal, TypeAlias, assert_never

from crossloop.load.errors import LoadUsageError, SilentServerError, VerificationError
from crossloop.load.polling import Poller
from crossloop.load.target import Connection, Target

Arrivals: TypeAlias = Literal["poisson", "constant"]
Choice: TypeAlias = Literal["idle", "random"]
"""Which connection an arrival takes: the one that has been idle longest, or any, drawn at random."""

DRAIN_S = 2.0
"""Beyond run-in and duration no stretch takes longer than this."""
QUIET_NS = 2_000_000
"""Open loop: the end of the measured part waits at most this long for a moment with nothing in flight."""
LOST_NS = 100_000_000
"""A request older than this, while others were answered, is lost; when all are silent, the server is."""
MAX_ARRIVALS = 20_000_000
LOOK_NS = 20_000
"""A look that finds nothing takes about 1 µs. One that took longer than this was interrupted: the rest was
somebody else's time on the CPU, not the load's."""
EVENTS_AT_ONCE = 256
"""Most answers taken between two looks at the clock: about 2 ms of work."""
_ROOM = 1 << 15


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Hooks:
    """Called exactly at the start and the end of the measured part. Both must be short."""

    at_start: Callable[[], None] = _nothing
    at_end: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Stretch:
    """What one stretch of load measured."""

    operations: int
    """Verified answers that came in during the measured part."""
    elapsed_ns: int
    """Length of the measured part, between the hooks."""
    latency_ns: "array[int]"
    """Closed loop: send to complete answer, one per operation. Open loop: scheduled time to complete
    answer, one for each scheduled message; of those without an answer, the time they had waited."""
    unanswered: int = 0
    """Scheduled messages without an answer when the drain ended."""
    scheduled: int = 0
    """Messages scheduled within the measured part (closed loop: equal to operations)."""
    looking_ns: int = 0
    """Time of the measured part in which the load only looked, in vain, whether an answer had come. A load
    that spins is always busy; what is left of its time without this says whether it was the limit."""


def closed_loop(
    target: Target,
    run_in_s: float,
    duration_s: float,
    hooks: Hooks | None = None,
    *,
    spin: bool = True,
) -> Stretch:
    """Every connection sends its next message as soon as its answer is complete.

    Raises `VerificationError`, `ConnectionLostError`, `SilentServerError` (see `errors`); afterwards the
    target is closed.
    """
    hooks = hooks or Hooks()
    _check_times(run_in_s, duration_s)
    with measuring(target) as poller:
        latencies = array("q", bytes(8 * _ROOM))
        _expect_silence(target, poller)
        start = perf_counter_ns()
        for connection in target.connections:
            target.sent += 1
            connection.sequence[0] = target.sent
            connection.sent_ns = perf_counter_ns()
            _send(connection)
        _closed_turns(target, poller, latencies, start + _ns(run_in_s), spin)
        hooks.at_start()
        start = perf_counter_ns()
        operations, looking = _closed_turns(target, poller, latencies, start + _ns(duration_s), spin)
        elapsed = perf_counter_ns() - start
        hooks.at_end()
        _drain(target, poller, perf_counter_ns() + _ns(DRAIN_S))
        _expect_silence(target, poller)
    return Stretch(operations, elapsed, latencies[:operations], scheduled=operations, looking_ns=looking)


def _closed_turns(
    target: Target, poller: Poller, latencies: "array[int]", until_ns: int, spin: bool
) -> tuple[int, int]:
    """Go on until *until_ns*; returns the number of messages, whose latencies fill the array's beginning,
    and the nanoseconds spent on looking in vain (from the second empty look in a row on)."""
    poll, table, clock = poller.poll, target.by_descriptor, perf_counter_ns
    limit = min(target.count, EVENTS_AT_ONCE)
    size = target.size
    want = size + 1  # one more than the answer, so that a longer one is seen
    sequence = target.sent
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
            connection.sequence[0] = sequence
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
    return done, looking


@dataclass
class _Schedule:
    """An open loop under way."""

    due_ns: "array[int]"
    """Scheduled times from the origin on, ascending."""
    origin_ns: int
    latency_ns: "array[int]"
    """By place in `due_ns`; -1 until answered."""
    idle: "deque[Connection]"
    """Idle connections, the one that has been idle longest first."""
    next: int = 0
    """Place of the first arrival that was not sent yet: what is due from there on is the queue."""
    answered: int = 0
    looking_ns: int = 0
    """Spent on looking in vain, since the stretch began."""
    chosen: "list[Connection]" = field(default_factory=list)
    """Connection of each arrival, by place, where each has one of its own."""
    queues: "dict[int, deque[int]]" = field(default_factory=dict)
    """Places of arrivals whose own connection is busy, by its number: they wait for it and for no other."""
    in_flight: int = 0
    """Requests on chosen connections that were sent and not answered."""


def open_loop(
    target: Target,
    rate: float,
    arrivals: Arrivals = "poisson",
    choice: Choice = "idle",
    *,
    run_in_s: float,
    duration_s: float,
    drain_s: float = 1.0,
    seed: int,
    hooks: Hooks | None = None,
    spin: bool = True,
) -> Stretch:
    """Messages are sent when they are scheduled, *rate* a second in total, whatever the answers do.

    Latency counts from the scheduled time, so a server that stalls is charged for everyone who had to
    wait (no coordinated omission). An arrival takes the connection that has been idle longest; when none
    is, it waits its turn and the wait counts. With *choice* `random` each arrival has a connection of its
    own, drawn with *seed*: of many connections most are idle most of the time, and what a request needs lies
    anywhere in the server's memory. One whose connection is busy waits for it, and that wait counts too.

    Raises as `closed_loop`; also when a request that *was* sent has no answer at the end of the drain and
    of its grace.
    """
    hooks = hooks or Hooks()
    _check_times(run_in_s, duration_s)
    if not 0 <= drain_s <= DRAIN_S:
        raise LoadUsageError(f"drain {drain_s} s: expected 0 to {DRAIN_S:g}")
    run_in_ns, end_ns = _ns(run_in_s), _ns(run_in_s) + _ns(duration_s)
    due = schedule(rate, arrivals, end_ns + QUIET_NS, seed)
    first = sum(1 for at in due if at < run_in_ns)
    last = sum(1 for at in due if at < end_ns)
    latencies = array("q", [-1]) * len(due)
    with measuring(target) as poller:
        _expect_silence(target, poller)
        plan = _Schedule(due, perf_counter_ns(), latencies, deque(target.connections))
        turns = _open_turns
        if choice == "random":
            draw = random.Random(f"connections {seed}")  # noqa: S311  (a schedule, no secret)
            plan.chosen = draw.choices(target.connections, k=len(due))
            turns = _chosen_turns
            plan.origin_ns = perf_counter_ns()
        turns(target, poller, plan, len(due), plan.origin_ns + run_in_ns, spin=spin)
        hooks.at_start()
        start = perf_counter_ns()
        # The hook's time is no delay of the server's: what is still to come is put off by it.
        plan.origin_ns = start - run_in_ns
        answered, looking = plan.answered, plan.looking_ns
        end = plan.origin_ns + end_ns
        turns(target, poller, plan, len(due), end, spin=spin)
        turns(target, poller, plan, len(due), end + QUIET_NS, spin=spin, until_quiet=True)
        elapsed = perf_counter_ns() - start
        operations = plan.answered - answered
        looking = plan.looking_ns - looking
        hooks.at_end()
        drained = perf_counter_ns() + _ns(drain_s)
        turns(target, poller, plan, last, drained, spin=spin, until_quiet=True)
        given_up = perf_counter_ns()
        answers = latencies[first:last]
        _drain(target, poller, given_up + _ns(DRAIN_S - drain_s))
        _expect_silence(target, poller)
    unanswered = answers.count(-1)
    for place, value in enumerate(answers):
        if value < 0:
            answers[place] = max(0, given_up - plan.origin_ns - due[first + place])
    return Stretch(operations, elapsed, answers, unanswered, len(answers), looking)


def _open_turns(
    target: Target,
    poller: Poller,
    plan: _Schedule,
    last: int,
    until_ns: int,
    *,
    spin: bool,
    until_quiet: bool = False,
) -> None:
    """Send what is due among the first *last* arrivals and take answers in, until *until_ns*.

    *until_quiet*: until nothing is in flight and nothing is due, if that comes first.
    """
    poll, table, clock = poller.poll, target.by_descriptor, perf_counter_ns
    due, latencies, idle, place, origin = plan.due_ns, plan.latency_ns, plan.idle, plan.next, plan.origin_ns
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
            connection.sequence[0] = target.sent
            connection.sent_ns = now
            _send(connection)
        if until_quiet and len(idle) == target.count:
            break
        events = poll(0 if spin else _nap_s(plan, place, last, until_ns, now), limit)
        if not events:
            before, now = now, clock()
            if spin and waiting and place == sent:
                plan.looking_ns += min(now - before, LOOK_NS)
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


def _chosen_turns(
    target: Target,
    poller: Poller,
    plan: _Schedule,
    last: int,
    until_ns: int,
    *,
    spin: bool,
    until_quiet: bool = False,
) -> None:
    """As `_open_turns`, with a connection of its own for each arrival.

    A function apart: this one keeps a queue for each connection, and the other one's speed is needed.
    """
    poll, clock = poller.poll, perf_counter_ns
    due, latencies, origin = plan.due_ns, plan.latency_ns, plan.origin_ns
    limit = min(target.count, EVENTS_AT_ONCE)
    waiting, sent = False, plan.next
    now = clock()
    while now < until_ns:
        while plan.next < last and due[plan.next] <= now - origin:
            connection = plan.chosen[plan.next]
            if connection.sent_ns:
                plan.queues.setdefault(connection.number, deque()).append(plan.next)
            else:
                _send_arrival(target, plan, plan.next, connection)
            plan.next += 1
        if until_quiet and not plan.in_flight:
            break
        events = poll(0 if spin else _nap_s(plan, plan.next, last, until_ns, now), limit)
        if not events:
            before, now = now, clock()
            if spin and waiting and plan.next == sent:
                plan.looking_ns += min(now - before, LOOK_NS)
            waiting, sent = True, plan.next
            continue
        waiting = False
        for connection in complete(target, events):
            latencies[connection.index] = clock() - connection.due_ns
            connection.sent_ns = 0
            plan.answered += 1
            plan.in_flight -= 1
            queue = plan.queues.get(connection.number)
            if queue:
                _send_arrival(target, plan, queue.popleft(), connection)
        now = clock()


def _send_arrival(target: Target, plan: _Schedule, place: int, connection: Connection) -> None:
    connection.index = place
    connection.due_ns = plan.due_ns[place] + plan.origin_ns
    plan.in_flight += 1
    send_next(target, connection)


def send_next(target: Target, connection: Connection) -> None:
    """Send the target's next message on an idle connection."""
    target.sent += 1
    connection.sequence[0] = target.sent
    connection.sent_ns = perf_counter_ns()
    _send(connection)


def complete(target: Target, events: Sequence[tuple[int, int]]) -> Iterator[Connection]:
    """Connections among *events* whose answer is whole, each once it was read and compared."""
    table, want = target.by_descriptor, target.size + 1
    for descriptor, _event in events:
        if _answered(table[descriptor], want):
            yield table[descriptor]


def _nap_s(plan: _Schedule, place: int, last: int, until_ns: int, now: int) -> float:
    """How long poll may wait without missing an arrival: to a millisecond before it, as epoll rounds up."""
    sends = place < last and (plan.idle or plan.chosen)
    wake = min(until_ns, plan.origin_ns + plan.due_ns[place]) if sends else until_ns
    return max(0.0, (wake - now) / 1e9 - 0.001)


def schedule(rate: float, arrivals: Arrivals, length_ns: int, seed: int) -> "array[int]":
    """Scheduled times in ns, ascending and below *length_ns*, drawn before any clock starts.

    `poisson`: exponential gaps of mean 1 ÷ *rate*; `constant`: equal gaps, the first one after a part of
    a gap that *seed* decides. Raises `LoadUsageError` for a rate that makes no sense.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise LoadUsageError(f"rate {rate}: expected more than 0 messages a second")
    if rate * length_ns / 1e9 > MAX_ARRIVALS:
        raise LoadUsageError(f"rate {rate:g} for {length_ns / 1e9:g} s: more than {MAX_ARRIVALS} messages")
    draw = random.Random(seed)  # noqa: S311  (a schedule, no secret)
    due = array("q")
    gap = 1e9 / rate
    match arrivals:
        case "poisson":
            at = draw.expovariate(1.0) * gap
            while at < length_ns:
                due.append(int(at))
                at += draw.expovariate(1.0) * gap
        case "constant":
            offset = draw.random() * gap
            count = math.ceil((length_ns - offset) / gap)
            due.extend(int(offset + number * gap) for number in range(count))
        case _:
            assert_never(arrivals)
    return due


def _send(connection: Connection) -> None:
    try:
        count = connection.send(connection.message)
    except BlockingIOError:
        count = 0
    except OSError as error:
        raise connection.lost(error) from error
    if count != len(connection.message):
        connection.hold(count)


def _drain(target: Target, poller: Poller, until_ns: int) -> None:
    """Take in what is in flight, sending nothing new. Raises when an answer does not come."""
    waiting = sum(1 for connection in target.connections if connection.sent_ns)
    last_answer = 0
    now = perf_counter_ns()
    while waiting and now < until_ns:
        for descriptor, _event in poller.poll(min(0.01, (until_ns - now) / 1e9), target.count):
            connection = target.by_descriptor[descriptor]
            if _answered(connection, target.size + 1):
                connection.sent_ns = 0
                waiting -= 1
                last_answer = perf_counter_ns()
        now = perf_counter_ns()
    if not waiting:
        return
    late = [connection for connection in target.connections if connection.sent_ns]
    oldest = min(late, key=lambda connection: connection.sent_ns)
    text = (
        f"{oldest}: no answer within {(now - oldest.sent_ns) / 1e9:.2f} s;"
        f" {len(late)} of {target.count} connections wait"
    )
    if len(late) < target.count and last_answer > oldest.sent_ns + LOST_NS:
        raise VerificationError(f"{text}; the others were answered, so it is lost")
    raise SilentServerError(f"{text}; the server stopped answering, or is too slow for this load")


def _answered(connection: Connection, want: int) -> bool:
    try:
        data = connection.receive(want)
    except BlockingIOError:
        return False
    except OSError as error:
        raise connection.lost(error) from error
    return bool(connection.sent_ns and data == connection.message) or connection.complete(data)


def _expect_silence(target: Target, poller: Poller) -> None:
    """Nothing is in flight: nothing may arrive, and no connection may have been closed."""
    for descriptor, _event in poller.poll(0, target.count):
        _answered(target.by_descriptor[descriptor], target.size + 1)


@contextmanager
def measuring(target: Target) -> Iterator[Poller]:
    """Collector off; an error closes the target, whose streams nobody can trust any more."""
    if target.poller is None:
        raise LoadUsageError(
            f"the target {target.host}:{target.port} is not connected: connect it first, anew after an error"
        )
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield target.poller
    except BaseException:
        target.close()
        raise
    finally:
        if collecting:
            gc.enable()


def _check_times(run_in_s: float, duration_s: float) -> None:
    if not (math.isfinite(run_in_s) and run_in_s >= 0):
        raise LoadUsageError(f"run-in {run_in_s} s: expected 0 or more")
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise LoadUsageError(f"duration {duration_s} s: expected more than 0")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
