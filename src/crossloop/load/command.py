"""Behind `crossloop load`: the generator alone, in this process, against any server that echoes."""

import itertools
import math
import os
import sys
from typing import Any

from crossloop.load.engines import choose_engine
from crossloop.load.errors import LoadUsageError
from crossloop.load.histogram import Pair, latency_of, merge
from crossloop.load.loops import Stretch, closed_loop, open_loop
from crossloop.load.target import Target
from crossloop.load.turns import Engine

CONNECT_S = 10.0
RUN_IN_S = 0.05
PIECE_S = 5.0
"""Longer runs are made of stretches of this length, so that memory does not grow with the duration."""
LONGEST_S = 24 * 3600.0


def run_load(
    host: str,
    port: int,
    connections: int,
    size: int,
    rate: float | None,
    duration_s: float,
    *,
    seed: int = 1,
    engine: str = "",
) -> dict[str, Any]:
    """Drive a server for *duration_s* and say what came back; *rate* None or 0 means a closed loop.

    *engine* is `native`, `python`, or empty for the native one where it is built; `engine_reason` of the
    document says why it is not. `messages` were answered within `duration_s` (time measured, without run-in
    and drain), `verified` of them byte for byte, which is all; `errors` counts what was scheduled and not
    answered (open loop).
    Raises a `LoadError`, one clear line, for a wrong answer, a lost connection, a silent server and
    values that make no sense. Spins on its CPU unless it has only one, which the server may need.
    """
    if not (math.isfinite(duration_s) and 0 < duration_s <= LONGEST_S):
        raise LoadUsageError(
            f"duration {duration_s!r}: expected more than 0 and at most {LONGEST_S:g} seconds"
        )
    if rate is not None and not (math.isfinite(rate) and rate >= 0):
        raise LoadUsageError(f"rate {rate!r}: expected messages a second, or 0 for as many as come back")
    chosen = choose_engine(engine)
    target = Target(host, port, connections, size, seed)
    target.connect(CONNECT_S)
    assert target.poller is not None
    mechanism = target.poller.mechanism
    messages = elapsed_ns = unanswered = 0
    histogram: list[Pair] = []
    try:
        for number in itertools.count():
            length_s = min(PIECE_S, duration_s - number * PIECE_S)
            if length_s <= 0:
                break
            stretch = _piece(target, rate, length_s, seed + number, chosen.engine)
            messages += stretch.operations
            elapsed_ns += stretch.elapsed_ns
            unanswered += stretch.unanswered
            histogram = merge([histogram, stretch.latency])
    finally:
        target.close()
    return {
        "messages": messages,
        "duration_s": elapsed_ns / 1e9,
        "messages_per_s": messages / (elapsed_ns / 1e9),
        "verified": messages,
        "errors": unanswered,
        "engine": chosen.engine.name,
        "engine_reason": chosen.reason,
        "mechanism": mechanism,
        "latency_us": _latency_us(histogram),
    }


def _piece(target: Target, rate: float | None, length_s: float, seed: int, engine: Engine) -> Stretch:
    spin = usable_cpus() > 1
    if not rate:
        return closed_loop(target, RUN_IN_S, length_s, spin=spin, engine=engine)
    return open_loop(
        target, rate, run_in_s=RUN_IN_S, duration_s=length_s, seed=seed, spin=spin, engine=engine
    )


def _latency_us(histogram: list[Pair]) -> dict[str, float | None]:
    """Percentiles in µs; None where nothing was measured."""
    latency = latency_of([histogram])
    if latency is None:
        return dict.fromkeys(("p50", "p90", "p99", "p99.9", "max"))
    return {
        "p50": latency.p50,
        "p90": latency.p90,
        "p99": latency.p99,
        "p99.9": latency.p99_9,
        "max": latency.max,
    }


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
