"""The native engine: `engine.c` behind ctypes, which releases the GIL for each call.

It works on the descriptors and the pattern of a target that Python has connected, and on Python's own epoll or
kqueue. What it finds wrong it leaves as it is; the errors are raised by the `Connection` itself, in the same words
as ever.
`crossloop setup load-engine` builds the library, which is never loaded in another version than this file's.
"""

import ctypes
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from weakref import WeakKeyDictionary

from crossloop.load.errors import LoadUsageError
from crossloop.load.histogram import Pair, merge
from crossloop.load.polling import Poller
from crossloop.load.target import Connection, Target
from crossloop.load.turns import Schedule, unanswered
from crossloop.native import LOAD_ENGINE, NotBuiltError, build_of

VERSION = 2
BUCKETS = 30 * 128
PIECE_ROOM = 256 * 1024
"""Most bytes of an answer that are read at once; smaller messages are read whole, and one byte more."""
CALL_NS = 50_000_000
"""Longest a call of C lasts, so that Python's signal handlers (Ctrl-C) run in between: 10 µs each time."""
WRONG, LOST, BROKEN = -1, -2, -3


class _Header(ctypes.Structure):
    """`struct header` of engine.h: the bytes of `message.HEADER`."""

    _fields_ = (("magic", ctypes.c_char * 4), ("connection", ctypes.c_uint32), ("sequence", ctypes.c_uint64))


class _Peer(ctypes.Structure):
    """`struct peer` of engine.h."""

    _fields_ = (
        ("header", _Header),
        ("before", ctypes.c_uint64),
        ("message", ctypes.c_void_p),
        ("sent_ns", ctypes.c_int64),
        ("due_ns", ctypes.c_int64),
        ("place", ctypes.c_int64),
        ("filled", ctypes.c_int64),
        ("written", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("descriptor", ctypes.c_int32),
        ("holding", ctypes.c_int32),
    )


class _Load(ctypes.Structure):
    """`struct load` of engine.h."""

    _fields_ = (
        ("peers", ctypes.c_void_p),
        ("by_descriptor", ctypes.c_void_p),
        ("pattern", ctypes.c_void_p),
        ("piece", ctypes.c_void_p),
        ("watched", ctypes.c_void_p),
        ("buckets", ctypes.c_void_p),
        ("idle", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("piece_room", ctypes.c_int64),
        ("idle_first", ctypes.c_int64),
        ("idle_count", ctypes.c_int64),
        ("sequence", ctypes.c_int64),
        ("answered", ctypes.c_int64),
        ("looking_ns", ctypes.c_int64),
        ("last_answer_ns", ctypes.c_int64),
        ("waiting", ctypes.c_int64),
        ("piece_length", ctypes.c_int64),
        ("poller", ctypes.c_int32),
        ("spin", ctypes.c_int32),
        ("looked", ctypes.c_int32),
        ("failed", ctypes.c_int32),
        ("error", ctypes.c_int32),
    )


class _Plan(ctypes.Structure):
    """`struct plan` of engine.h."""

    _fields_ = (
        ("due_ns", ctypes.c_void_p),
        ("latency_ns", ctypes.c_void_p),
        ("chosen", ctypes.c_void_p),
        ("after", ctypes.c_void_p),
        ("origin_ns", ctypes.c_int64),
        ("next", ctypes.c_int64),
        ("answered", ctypes.c_int64),
        ("in_flight", ctypes.c_int64),
    )


class NativeEngine:
    """The loops in C."""

    name = "native"

    def __init__(self, path: Path):
        """Load the library at *path*. Raises `NotBuiltError` for one that does not fit this Python."""
        try:
            self.library: Any = ctypes.CDLL(str(path))
            self.library.crossloop_load_mechanism.restype = ctypes.c_char_p
            self.library.crossloop_load_now.restype = ctypes.c_int64
            version = self.library.crossloop_load_version()
        except (OSError, AttributeError) as error:
            raise NotBuiltError(f"the build of {LOAD_ENGINE.id} does not load: {error}") from error
        if version != VERSION:
            raise NotBuiltError(f"the build of {LOAD_ENGINE.id} has version {version}, this is {VERSION}")
        before, now, after = perf_counter_ns(), self.library.crossloop_load_now(), perf_counter_ns()
        if not before <= now <= after:
            raise NotBuiltError("the native engine's clock is not this Python's perf_counter")
        self.mechanism: str = self.library.crossloop_load_mechanism().decode()
        self._states: WeakKeyDictionary[Target, _State] = WeakKeyDictionary()

    def turns(self, target: Target, poller: Poller, *, spin: bool) -> "NativeTurns":
        """As `Engine.turns`."""
        if poller.mechanism != self.mechanism != "poll":
            raise LoadUsageError(
                f"the native engine looks through {self.mechanism}, this target through {poller.mechanism}"
            )
        state = self._states.get(target)
        if state is None or state.poller is not poller:  # connected, or connected anew
            state = self._states[target] = _state_of(target, poller)
        return NativeTurns(self.library, target, state, spin)


def native_engine() -> NativeEngine:
    """The engine from its build in this environment. Raises `NotBuiltError` with the reason."""
    return NativeEngine(build_of(LOAD_ENGINE))


@dataclass(frozen=True)
class _State:
    """What the engine needs of one target's connections, for as long as they are open."""

    poller: Poller
    load: _Load
    peers: "ctypes.Array[_Peer]"
    piece: "ctypes.Array[ctypes.c_char]"
    buckets: "array[int]"
    kept: tuple[object, ...]
    """Memory that C has pointers to."""


def _state_of(target: Target, poller: Poller) -> _State:
    count = len(target.connections)
    peers = (_Peer * count)()
    table = array("i", [0]) * (1 + max(target.by_descriptor))
    for place, connection in enumerate(target.connections):
        peers[place].header = _Header.from_buffer_copy(connection.message)
        peers[place].descriptor = connection.descriptor
        table[connection.descriptor] = place
    pattern = (ctypes.c_char * len(target.pattern)).from_buffer_copy(target.pattern)
    piece = ctypes.create_string_buffer(min(target.size + 1, PIECE_ROOM))
    watched, buckets = array("q", [0]) * count, array("Q", [0]) * BUCKETS
    idle = array("i", [0]) * count
    load = _Load(
        peers=ctypes.addressof(peers),
        by_descriptor=table.buffer_info()[0],
        pattern=ctypes.addressof(pattern),
        piece=ctypes.addressof(piece),
        watched=watched.buffer_info()[0],
        buckets=buckets.buffer_info()[0],
        idle=idle.buffer_info()[0],
        count=count,
        size=target.size,
        piece_room=len(piece),
        poller=poller.descriptor,
    )
    return _State(poller, load, peers, piece, buckets, (table, pattern, watched, idle))


class NativeTurns:
    """`Turns`, in C."""

    def __init__(self, library: Any, target: Target, state: _State, spin: bool):
        self._library = library
        self._target = target
        self._state = state
        self._load = state.load
        self._load.spin = spin
        self._load.sequence = target.sent
        self._load.looking_ns = 0
        self._plan: _Plan | None = None
        self._after: array[int] | None = None

    @property
    def looking_ns(self) -> int:
        """As `Turns.looking_ns`."""
        return int(self._load.looking_ns)

    def begin(self) -> None:
        """As `Turns.begin`."""
        self._check(self._library.crossloop_load_begin(ctypes.byref(self._load)))

    def closed(self, until_ns: int) -> int:
        """As `Turns.closed`."""
        load, call = self._load, self._library.crossloop_load_closed
        ctypes.memset(load.buckets, 0, 8 * BUCKETS)
        load.answered = load.looked = 0
        for end_ns in _calls(until_ns):
            self._check(call(ctypes.byref(load), ctypes.c_int64(end_ns)))
        return int(load.answered)

    def closed_latency(self) -> list[Pair]:
        """As `Turns.closed_latency`."""
        return _pairs(self._state.buckets)

    def latency(self, values_ns: "array[int]") -> list[Pair]:
        """As `Turns.latency`."""
        buckets = array("Q", [0]) * BUCKETS
        self._library.crossloop_load_gather(
            ctypes.c_void_p(buckets.buffer_info()[0]),
            ctypes.c_void_p(values_ns.buffer_info()[0]),
            ctypes.c_int64(len(values_ns)),
        )
        return _pairs(buckets)

    def open(self, plan: Schedule, last: int, until_ns: int, *, until_quiet: bool = False) -> None:
        """As `Turns.open`."""
        load, native = self._load, self._plan or self._begin_open(plan)
        native.origin_ns = plan.origin_ns
        load.looked = 0
        for end_ns in _calls(until_ns):
            self._check(
                self._library.crossloop_load_open(
                    ctypes.byref(load),
                    ctypes.byref(native),
                    ctypes.c_int64(last),
                    ctypes.c_int64(end_ns),
                    until_quiet,
                )
            )
            plan.next, plan.answered, plan.in_flight = native.next, native.answered, native.in_flight
            if until_quiet and not plan.in_flight:
                break

    def _begin_open(self, plan: Schedule) -> _Plan:
        self._library.crossloop_load_rest(ctypes.byref(self._load))
        if plan.chosen is not None:
            self._after = array("q", [-1]) * len(plan.due_ns)
        self._plan = _Plan(
            due_ns=plan.due_ns.buffer_info()[0],
            latency_ns=plan.latency_ns.buffer_info()[0],
            chosen=plan.chosen.buffer_info()[0] if plan.chosen is not None else None,
            after=self._after.buffer_info()[0] if self._after is not None else None,
            next=plan.next,
        )
        return self._plan

    def rest(self, until_ns: int) -> bool:
        """As `Turns.rest`."""
        load = self._load
        load.last_answer_ns = 0
        for end_ns in _calls(until_ns):
            self._check(self._library.crossloop_load_drain(ctypes.byref(load), ctypes.c_int64(end_ns)))
            if not load.waiting:
                return True
        return False

    def drain(self, until_ns: int) -> None:
        """As `Turns.drain`."""
        if not self.rest(until_ns):
            for connection, peer in zip(self._target.connections, self._state.peers, strict=True):
                _show(connection, peer)
            raise unanswered(self._target, perf_counter_ns(), self._load.last_answer_ns)

    def expect_silence(self) -> None:
        """As `Turns.expect_silence`."""
        self._check(self._library.crossloop_load_silence(ctypes.byref(self._load)))

    def _check(self, status: int) -> None:
        """Raise what a call has found wrong."""
        load = self._load
        self._target.sent = load.sequence
        if not status:
            return
        if status == BROKEN:
            raise OSError(load.error, os.strerror(load.error))
        connection, peer = self._target.connections[load.failed], self._state.peers[load.failed]
        _show(connection, peer)
        if status == LOST:
            raise connection.lost(OSError(load.error, os.strerror(load.error)))
        connection.expect(self._state.piece.raw[: load.piece_length], peer.filled)


def _show(connection: Connection, peer: _Peer) -> None:
    """Have Python's connection know what is in flight on it."""
    connection.sent_ns = peer.sent_ns
    for sequence in (peer.before, peer.header.sequence):
        connection.stamp(sequence)


def _calls(until_ns: int) -> Iterator[int]:
    """Ends of the calls of which a stretch until *until_ns* is made; one at least."""
    now = perf_counter_ns()
    while now + CALL_NS < until_ns:
        yield now + CALL_NS
        now = perf_counter_ns()
    yield until_ns


def _pairs(buckets: "array[int]") -> list[Pair]:
    """A histogram in the journal's form. The buckets are those of `histogram.pairs_of`, and lie within HDR's."""
    found = []
    for place, count in enumerate(buckets):
        if count:
            shift = max(0, place // 128 - 1)
            found.append(((place - shift * 128) << shift, count))
    return merge([found])
