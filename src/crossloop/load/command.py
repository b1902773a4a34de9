"""Behind `crossloop load`: a load process alone, against any server."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from crossloop.journal import HostShare
from crossloop.load.commands import Open, Slice
from crossloop.load.histogram import PERCENTILES, Pair, merge, percentile
from crossloop.load.shares import added_up
from crossloop.machine.facts import cpus_usable
from crossloop.outcomes import Failed, Outcome, outcome_reason
from crossloop.supervise.answers import Connected, SliceAnswer
from crossloop.supervise.child import ChildError
from crossloop.supervise.load import LoadGenerator
from crossloop.supervise.load_hosts import HostLostError

RUN_IN_MS = 50.0
SUMMED = ("lost", "duplicates")
"""Counters of slices that add up."""
PIECE_S = 5.0
"""Longer runs are made of slices of this length, so that memory does not grow with the duration."""


def run_load(
    load: LoadGenerator,
    opening: Open,
    rate: float | None,
    duration_s: float,
    *,
    seed: int = 1,
    lost: Mapping[str, Outcome] = MappingProxyType({}),
) -> dict[str, Any]:
    """Drive a server for *duration_s* and say what came back; *rate* None or 0 means a closed loop.

    `engine_reason` of the document says why the engine is not the native one, if nobody asked for another. `messages`
    (of drive `connect` connections) were answered within `duration_s` (time measured, without run-in and drain),
    `verified` of them byte for byte, which is all. `offered_per_s` is the rate of an open loop, 0 of a closed one;
    `errors` counts what was scheduled by an open loop and not answered; `counters` are what the load counts of a
    transport, such as datagrams that were lost. `hosts` has the part of each load host, where the load comes from
    several; one that is lost (*lost* says why) is left out from then on, and the piece under way counts for nobody.
    Raises LoadFaultError, one clear line, for a wrong answer, a lost connection, a silent server and
    values that make no sense, and ChildError. Spins on its CPU unless it has only one, which the server may need.
    """
    engine = load.engine()
    connected = _opened(load, opening)
    pieces = []
    for number in itertools.count():
        length_s = min(PIECE_S, duration_s - number * PIECE_S)
        if length_s <= 0:
            break
        try:
            pieces.append(load.slice(_piece(opening.target, rate, length_s, seed + number)))
        except HostLostError:
            _opened(load, opening)
    load.close(opening.target)
    mechanism = connected.mechanism if isinstance(connected, Connected) else ""
    asked_by = {"engine": engine.engine, "engine_reason": engine.reason, "mechanism": mechanism}
    if not pieces:
        raise ChildError(Failed("no piece of the load was ended by all of its hosts"))
    return {**_summed(pieces), **asked_by, "hosts": _hosts(pieces, lost)}


def _opened(load: LoadGenerator, opening: Open) -> Connected | SliceAnswer:
    """Connect, with the hosts that are left."""
    while True:
        try:
            return load.open(opening)
        except HostLostError:
            continue


def _hosts(pieces: Sequence[SliceAnswer], lost: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """The part of each load host; `share` of the messages, `busy` of its time."""
    shares: dict[str, list[HostShare]] = {name: [] for name in lost}
    for piece in pieces:
        for share in piece.hosts:
            shares.setdefault(share.host, []).append(share)
    messages = sum(piece.operations for piece in pieces)
    totals = {
        name: added_up(taken) if taken else HostShare(name, 0, 0, 1, 0, 0) for name, taken in shares.items()
    }
    return [
        {
            "host": name,
            "connections": total.connections,
            "messages": total.operations,
            "share": total.operations / messages if messages else 0.0,
            "busy": total.load_cpu_ns / total.elapsed_ns,
            "start_error_us": total.start_error_ns / 1000,
            "lost": outcome_reason(lost[name]) if name in lost else "",
        }
        for name, total in sorted(totals.items())
    ]


def _piece(target: str, rate: float | None, length_s: float, seed: int) -> Slice:
    return Slice(
        target=target,
        phase="rate" if rate else "capacity",
        rate=rate or 0.0,
        run_in_ms=RUN_IN_MS,
        duration_ms=1000 * length_s,
        seed=seed,
        spin=cpus_usable() > 1,
    )


def _summed(pieces: list[SliceAnswer]) -> dict[str, Any]:
    messages = sum(piece.operations for piece in pieces)
    elapsed_s = sum(piece.elapsed_ns for piece in pieces) / 1e9
    counters: Counter[str] = Counter()
    for piece in pieces:
        counters.update({name: value for name, value in piece.counters.items() if name in SUMMED})
    return {
        "messages": messages,
        "duration_s": elapsed_s,
        "messages_per_s": messages / elapsed_s,
        "verified": messages,
        "offered_per_s": pieces[0].offered_per_s,
        "errors": sum(piece.unanswered for piece in pieces),
        "counters": dict(counters),
        "latency_us": _latency_us(merge([piece.latency for piece in pieces])),
    }


def _latency_us(histogram: list[Pair]) -> dict[str, float | None]:
    """Percentiles in µs; None where nothing was measured."""
    times = {
        f"p{percent:g}": percentile(histogram, percent) if histogram else None for percent in PERCENTILES
    }
    times["max"] = histogram[-1][0] if histogram else None
    return {name: None if time_ns is None else time_ns / 1000 for name, time_ns in times.items()}
