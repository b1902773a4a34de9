"""The two loops: closed (capacity) and open (latency at an offered rate).

Time is perf_counter_ns throughout. Each stretch has a run-in, a measured part, and a drain in which the answers
still in flight come in; run-in and drain are verified and not counted. What lies inside the timed region is an
engine's (`turns`, `native`); the cycle collector is off, nothing is formatted, no file is touched.

The closed loop also drains between run-in and measured part. The CPU clock of a process on another CPU is exact
only while that process sleeps (`crossloop.measure.clocks`). So it is read with nothing in flight, before the first
message of the measured part and after the answer to the last: `Stretch.sent` messages lie between the readings.

Several loads begin their measured parts together: `start_ns` is a time of this process's own perf_counter_ns, for which
each waits after its run-in.

A closed loop with `stall_ms` first has the server answer into sockets that nobody reads: before the measured part it
writes what is to be in flight, reads nothing for so long, and then takes all of it in, verified and not counted.
"""

import gc
import math
import random
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns, sleep
from typing import Literal, TypeAlias, assert_never

from crossloop.load.errors import LoadUsageError, SilentServerError
from crossloop.load.histogram import Pair, percentile
from crossloop.load.polling import Poller
from crossloop.load.target import Target
from crossloop.load.turns import Counts, Engine, PythonEngine, Schedule, Turns

Arrivals: TypeAlias = Literal["poisson", "constant"]
Choice: TypeAlias = Literal["idle", "random"]
"""Which connection an arrival takes: the one that has been idle longest, or any, drawn at random."""

DRAIN_S = 2.0
"""Beyond run-in and duration no stretch takes longer than this."""
QUIET_NS = 2_000_000
"""Open loop: the end of the measured part waits at most this long for a moment with nothing in flight."""
REST_NS = 50_000_000
"""Closed loop: longest wait for the last answers of the run-in. A server that needs longer is measured as it is;
whether it has lost one shows in the drain."""
MAX_ARRIVALS = 20_000_000
LONGEST_WAIT_NS = 60_000_000_000
"""For a common start."""
SPIN_NS = 1_000_000
"""A wait for a common start ends awake: sleep(3) comes back late by some 0.1 ms, and by more in a virtual machine."""
PYTHON = PythonEngine()


class Hooks:
    """Called around the measured part; none of their time is part of it."""

    def before_stall(self) -> None:
        """Of a closed loop that stalls: nothing is in flight."""

    def after_stall(self) -> None:
        """All is in flight, and nothing was read for a while."""

    def settle(self) -> None:
        """Nothing is in flight: wait until the server sleeps, if it ever does."""

    def at_start(self) -> None:
        """The measured part begins."""

    def at_end(self) -> None:
        """At once when the time is up, with messages in flight."""

    def at_rest(self) -> None:
        """After `at_end`, as soon as nothing is in flight any more. An open loop at more than the server can do does
        not wait for that: those who wait for an answer would wait longer."""

    def after_rest(self) -> None:
        """Of a closed loop that rests: after `at_rest`, when nothing was sent for a while."""


@dataclass(frozen=True)
class Stretch:
    """What one stretch of load measured."""

    operations: int
    """Verified answers that came in during the measured part."""
    sent: int
    """Messages answered between `at_start` and `at_rest`: in the closed loop those of the drain as well."""
    elapsed_ns: int
    """Length of the measured part, between the hooks."""
    latency: list[Pair]
    """Histogram. Closed loop: send to complete answer, one per operation. Open loop: scheduled time to complete
    answer, one for each scheduled message; of those without an answer, the time they had waited."""
    unanswered: int = 0
    """Scheduled messages without an answer when the drain ended."""
    scheduled: int = 0
    """Messages scheduled within the measured part (closed loop: equal to operations)."""
    looking_ns: int = 0
    """Time of the measured part in which the load only looked, in vain, whether an answer had come. A load
    that spins is always busy; what is left of its time without this says whether it was the limit."""
    run_in_wait_ns: int | None = None
    """Closed loop: the longest wait for an answer in the run-in and in the rest after it; None without a run-in."""
    start_late_ns: int = 0
    """How long after its `start_ns` the measured part began."""
    counters: dict[str, float] = field(default_factory=dict)
    """`jain`: Jain's fairness index of the connections' answers within the measured part, where there are several;
    with greedy connections also `jain_polite`, of the others, and `polite_p99_us`, in which a request without an answer
    at the end of the part counts with the time it has waited. From the beginning of the measured part on `lost` and
    `duplicates` of datagrams, and of connections over TLS `resumed`."""


def closed_loop(
    target: Target,
    run_in_s: float,
    duration_s: float,
    hooks: Hooks | None = None,
    *,
    start_ns: int | None = None,
    spin: bool = True,
    engine: Engine = PYTHON,
) -> Stretch:
    """Every connection sends its next message as soon as its answer is complete.

    The measured part begins at *start_ns* (perf_counter_ns), or at once where that is None or over.

    Raises `VerificationError`, `ConnectionLostError`, `SilentServerError` (see `errors`); afterwards the
    target is closed.
    """
    hooks = hooks or Hooks()
    _check_times(run_in_s, duration_s, start_ns)
    with measuring(target) as poller:
        turns = engine.turns(target, poller, spin=spin)
        turns.expect_silence()
        start = perf_counter_ns()
        turns.begin()
        answered = turns.closed(start + _ns(run_in_s))
        # Those that the rest ends for were sent at its beginning at the latest, or all at once when none was answered.
        waiting_since = perf_counter_ns() if answered else start
        quiet = turns.rest(perf_counter_ns() + REST_NS)
        run_in_wait_ns = perf_counter_ns() - waiting_since
        if answered:
            run_in_wait_ns = max(run_in_wait_ns, turns.closed_latency()[-1][0])
        stall_ms = target.script.exchange.stall_ms
        if stall_ms:
            quiet = _stall(turns, stall_ms, hooks)
        if quiet:
            hooks.settle()
        before = turns.counts()
        _sleep_until(start_ns)
        hooks.at_start()
        looking, sent = turns.looking_ns, target.answers
        start, start_late_ns = _started(start_ns)
        turns.begin()
        operations = turns.closed(start + _ns(duration_s))
        elapsed = perf_counter_ns() - start
        looking = turns.looking_ns - looking
        hooks.at_end()
        within = turns.counts()
        polite = turns.polite_latency() if target.script.exchange.greedy else []
        turns.drain(perf_counter_ns() + _ns(DRAIN_S))
        hooks.settle()
        hooks.at_rest()
        turns.expect_silence()
        if rest_ms := target.script.exchange.rest_ms:
            sleep(rest_ms / 1000)
            hooks.after_rest()
        latency = turns.closed_latency()
        counters = _counters(target, before, within, turns.counts())
        if polite:
            counters["polite_p99_us"] = percentile(polite, 99) / 1000
    sent = target.answers - sent
    return Stretch(
        operations,
        sent,
        elapsed,
        latency,
        scheduled=operations,
        looking_ns=looking,
        run_in_wait_ns=run_in_wait_ns if run_in_s else None,
        start_late_ns=start_late_ns,
        counters=counters,
    )


def _stall(turns: Turns, stall_ms: float, hooks: Hooks) -> bool:
    """Have a server answer what nobody reads; returns whether all of it came in the end."""
    hooks.before_stall()
    turns.begin()
    turns.stall(perf_counter_ns() + _ns(stall_ms / 1000))
    hooks.after_stall()
    return turns.rest(perf_counter_ns() + _ns(DRAIN_S))


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
    start_ns: int | None = None,
    spin: bool = True,
    engine: Engine = PYTHON,
) -> Stretch:
    """Messages are sent when they are scheduled, *rate* a second in total, whatever the answers do.

    Latency counts from the scheduled time, so a server that stalls is charged for everyone who had to
    wait (no coordinated omission). An arrival takes the connection that has been idle longest; when none
    is, it waits its turn and the wait counts. With *choice* `random` each arrival has a connection of its
    own, drawn with *seed*: of many connections most are idle most of the time, and what a request needs lies
    anywhere in the server's memory. One whose connection is busy waits for it, and that wait counts too.
    *start_ns* as in `closed_loop`; the run-in is over then.

    Raises as `closed_loop`; also when a request that *was* sent has no answer at the end of the drain and
    of its grace.
    """
    hooks = hooks or Hooks()
    _check_times(run_in_s, duration_s, start_ns)
    if not 0 <= drain_s <= DRAIN_S:
        raise LoadUsageError(f"drain {drain_s} s: expected 0 to {DRAIN_S:g}")
    exchange = target.script.exchange
    if target.drive != "exchange" or exchange.most_in_flight > 1 or exchange.stall_ms:
        raise LoadUsageError(
            "an open loop has drive 'exchange', one request in flight and no stall: leave the rate out"
        )
    run_in_ns, end_ns = _ns(run_in_s), _ns(run_in_s) + _ns(duration_s)
    due = schedule(rate, arrivals, end_ns + QUIET_NS, seed)
    first = sum(1 for at in due if at < run_in_ns)
    last = sum(1 for at in due if at < end_ns)
    chosen = None
    if choice == "random":
        draw = random.Random(f"connections {seed}")  # noqa: S311  (a schedule, no secret)
        chosen = array("i", draw.choices(range(target.count), k=len(due)))
    latencies = array("q", [-1]) * len(due)
    with measuring(target) as poller:
        turns = engine.turns(target, poller, spin=spin)
        turns.expect_silence()
        run_in_start_ns = None if start_ns is None else start_ns - run_in_ns
        _sleep_until(run_in_start_ns)
        plan = Schedule(due, _started(run_in_start_ns)[0], latencies, chosen)
        turns.open(plan, len(due), plan.origin_ns + run_in_ns)
        before = turns.counts()
        hooks.at_start()
        start, start_late_ns = _started(start_ns)
        # The hook's time is no delay of the server's: what is still to come is put off by it.
        plan.origin_ns = start - run_in_ns
        answered, looking = plan.answered, turns.looking_ns
        end = plan.origin_ns + end_ns
        turns.open(plan, len(due), end)
        turns.open(plan, len(due), end + QUIET_NS, until_quiet=True)
        elapsed = perf_counter_ns() - start
        operations = plan.answered - answered
        looking = turns.looking_ns - looking
        hooks.at_end()
        within = turns.counts()
        if not plan.in_flight:
            hooks.settle()
        hooks.at_rest()
        turns.open(plan, last, perf_counter_ns() + _ns(drain_s), until_quiet=True)
        given_up = perf_counter_ns()
        answers = latencies[first:last]
        turns.drain(given_up + _ns(DRAIN_S - drain_s))
        turns.expect_silence()
        unanswered = answers.count(-1)
        for place, value in enumerate(answers) if unanswered else ():
            if value < 0:
                answers[place] = max(0, given_up - plan.origin_ns - due[first + place])
        latency = turns.latency(answers)
        counters = _counters(target, before, within, turns.counts())
    return Stretch(
        operations,
        operations,
        elapsed,
        latency,
        unanswered,
        len(answers),
        looking,
        start_late_ns=start_late_ns,
        counters=counters,
    )


def _counters(target: Target, before: Counts, within: Counts, after: Counts) -> dict[str, float]:
    """`Stretch.counters`. Raises `SilentServerError` where datagrams were lost and none was ever answered."""
    counters: dict[str, float] = {}
    if target.datagrams:
        counters |= {"lost": after.lost - before.lost, "duplicates": after.duplicates - before.duplicates}
        if after.lost and not any(after.answers):
            raise SilentServerError(f"{target.where}: none of {after.lost} datagrams was answered")
    if target.script.exchange.resumed:
        counters["resumed"] = after.resumed - (before.resumed if target.drive == "connect" else 0)
    if target.count > 1 and target.drive != "connect":
        answers = [end - start for start, end in zip(before.answers, within.answers, strict=True)]
        greedy = target.script.exchange.greedy
        counters |= {"jain": jain(answers)} if any(answers) else {}
        polite = answers[: len(answers) - greedy]
        counters |= {"jain_polite": jain(polite)} if greedy and any(polite) else {}
    return counters


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index: 1 where all *values* are alike, 1/n where one of n has all.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination, DEC TR-301, 1984.
    """
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


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


@contextmanager
def measuring(target: Target) -> Iterator[Poller]:
    """Collector off; an error closes the target, whose streams nobody can trust any more."""
    if target.poller is None:
        raise LoadUsageError(
            f"the target {target.where} is not connected: connect it first, anew after an error"
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


def _sleep_until(start_ns: int | None) -> None:
    """Until shortly before *start_ns*; what is done then ends awake, in `_started`."""
    if start_ns is not None:
        sleep(max(0, start_ns - SPIN_NS - perf_counter_ns()) / 1e9)


def _started(start_ns: int | None) -> tuple[int, int]:
    """The time, from *start_ns* on, and how much later than that it is."""
    now = perf_counter_ns()
    while start_ns is not None and now < start_ns:
        now = perf_counter_ns()
    return now, 0 if start_ns is None else now - start_ns


def _check_times(run_in_s: float, duration_s: float, start_ns: int | None) -> None:
    if start_ns is not None and start_ns - perf_counter_ns() > LONGEST_WAIT_NS:
        raise LoadUsageError(f"start {start_ns} ns: expected at most {LONGEST_WAIT_NS / 1e9:g} s from now")
    if not (math.isfinite(run_in_s) and run_in_s >= 0):
        raise LoadUsageError(f"run-in {run_in_s} s: expected 0 or more")
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise LoadUsageError(f"duration {duration_s} s: expected more than 0")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
