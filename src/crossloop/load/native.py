"""The native engine: `engine.c` behind ctypes, which releases the GIL for each call.

It works on the descriptors and the pattern of a target that Python has connected, and on Python's own epoll or
kqueue. What it finds wrong it leaves as it is; the errors are raised by the `Connection` itself, in the same words
as ever.
`crossloop setup load-engine` builds the library, which is never loaded in another version than this file's.
"""

import ctypes
import itertools
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any
from weakref import WeakKeyDictionary

from crossloop.api import Drive
from crossloop.api.exchange import STAMP_BYTES
from crossloop.load.connection import LOST_AFTER_NS, Connection, room_of
from crossloop.load.errors import LoadUsageError, not_connected
from crossloop.load.histogram import Pair, merge
from crossloop.load.message import HEADER, Composer
from crossloop.load.polling import Poller
from crossloop.load.reading import LINE_ROOM, HttpReader
from crossloop.load.secure import NativeTls, Secure, last_error
from crossloop.load.target import Target
from crossloop.load.turns import NAP_NS, Counts, Schedule, polite_waits, unanswered
from crossloop.native import LOAD_ENGINE, NotBuiltError, build_of

VERSION = 3
BUCKETS = 30 * 128
SCRATCH_ROOM = 256 * 1024
"""Most bytes of composed requests that are sent at once."""
CALL_NS = 50_000_000
"""Longest a call of C lasts, so that Python's signal handlers (Ctrl-C) run in between: 10 µs each time."""
MOST_DESCRIPTORS = 1 << 18
"""Where connections are made in C: places in the table that leads from a descriptor to one of them, 1 MiB."""
BROKEN = -3
OPEN = 4
_DRIVES: dict[Drive, int] = {"exchange": 0, "connect": 1, "push": 2}
_TLS_FUNCTIONS = (
    "SSL_new SSL_set_fd SSL_set_session SSL_connect SSL_session_reused SSL_read SSL_write SSL_pending SSL_get_error"
    " SSL_shutdown SSL_free ERR_clear_error"
)


def _fields(**kinds: str) -> tuple[tuple[str, type], ...]:
    """Fields of a structure, by the C type of several names in a row."""
    types = {
        "pointers": ctypes.c_void_p, "uint64": ctypes.c_uint64, "int64": ctypes.c_int64, "int32": ctypes.c_int32,
        "uint32": ctypes.c_uint32,
    }  # fmt: skip
    return tuple((name, types[kind.rstrip("_")]) for kind, names in kinds.items() for name in names.split())


class _Flight(ctypes.Structure):
    """`struct flight` of engine.h."""

    _fields_ = _fields(uint64="sequence", int64="sent_ns")


class _Content(ctypes.Structure):
    """`struct content` of engine.h."""

    _fields_ = _fields(pointers="before after", int64="before_size stamp own after_size size")


class _Secure(ctypes.Structure):
    """`struct secure` of engine.h."""

    _fields_ = _fields(pointers=f"context session {_TLS_FUNCTIONS}")


class _Peer(ctypes.Structure):
    """`struct peer` of engine.h."""

    _fields_ = _fields(
        pointers="flights tls line",
        uint64="mask first unsent end before",
        int64="depth due_ns place filled written next_place last_place answered left length line_length head_length",
        uint32="number",
        int32="descriptor holding phase part chunked greedy unused",
    )


class _Load(ctypes.Structure):
    """`struct load` of engine.h."""

    _fields_ = (
        *_fields(pointers="peers by_descriptor pattern piece scratch watched buckets idle"),
        ("request", _Content),
        ("answer", _Content),
        ("secure", _Secure),
        ("address", ctypes.c_char * 128),
        *_fields(
            int64="address_size descriptors count piece_room scratch_room idle_first idle_count sequence answered"
            " looking_ns last_answer_ns waiting piece_length piece_at lost_after_ns expire_ns lost duplicates resumed"
            " refused made",
            int32="poller spin looked failed error framing drive loop overlaid no_delay",
        ),
    )


class _Plan(ctypes.Structure):
    """`struct plan` of engine.h."""

    _fields_ = _fields(pointers="due_ns latency_ns chosen after", int64="origin_ns next answered in_flight")


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
            state = self._states[target] = _state_of(self.library, target, poller)
        return NativeTurns(self.library, target, state, spin)

    def secure(self, ca: str) -> Secure:
        """As `Engine.secure`."""
        return NativeTls(ca)


def native_engine() -> NativeEngine:
    """The engine from its build in this environment. Raises `NotBuiltError` with the reason."""
    return NativeEngine(build_of(LOAD_ENGINE))


@dataclass(frozen=True)
class _State:
    """What the engine needs of one target's connections, for as long as they are open."""

    poller: Poller
    load: _Load
    peers: "ctypes.Array[_Peer]"
    flights: "ctypes.Array[_Flight]"
    piece: "ctypes.Array[ctypes.c_char]"
    buckets: "array[int]"
    kept: tuple[object, ...]
    """Memory that C has pointers to."""


def _state_of(library: Any, target: Target, poller: Poller) -> _State:
    script, count = target.script, target.count
    exchange = script.exchange
    rings = [1 << (connection.depth - 1).bit_length() for connection in target.connections]
    *starts, places = itertools.accumulate(rings, initial=0)
    peers, flights = (_Peer * count)(), (_Flight * places)()
    lines = ctypes.create_string_buffer(count * LINE_ROOM if exchange.framing == "http" else 1)
    # A new descriptor is the lowest that is free: beyond whatever else this process opens.
    table = array("i", [0]) * (MOST_DESCRIPTORS if target.door else 1 + max(target.by_descriptor))
    for place, connection in enumerate(target.connections):
        peer = peers[place]
        peer.flights = ctypes.addressof(flights) + starts[place] * ctypes.sizeof(_Flight)
        peer.mask = rings[place] - 1
        peer.line = ctypes.addressof(lines) + place * LINE_ROOM if exchange.framing == "http" else None
        peer.depth, peer.number, peer.greedy = connection.depth, connection.sender, connection.greedy
        peer.descriptor = connection.descriptor
        if not target.door:
            peer.phase = OPEN
            peer.tls = getattr(connection.link, "pointer", None)
            table[connection.descriptor] = place
    pattern = ctypes.create_string_buffer(bytes(HEADER.size) + script.pattern)
    piece = ctypes.create_string_buffer(room_of(script, max(each.depth for each in target.connections)))
    scratch = ctypes.create_string_buffer(SCRATCH_ROOM)
    watched, buckets = array("q", [0]) * count, array("Q", [0]) * (2 * BUCKETS)
    idle = array("i", [0]) * count
    load = _Load(
        peers=ctypes.addressof(peers),
        by_descriptor=table.buffer_info()[0],
        pattern=ctypes.addressof(pattern),
        piece=ctypes.addressof(piece),
        scratch=ctypes.addressof(scratch),
        watched=watched.buffer_info()[0],
        buckets=buckets.buffer_info()[0],
        idle=idle.buffer_info()[0],
        request=_content_of(script.request),
        answer=_content_of(script.answer),
        secure=_secure_of(target),
        descriptors=len(table),
        count=count,
        piece_room=len(piece),
        scratch_room=len(scratch),
        lost_after_ns=LOST_AFTER_NS if target.datagrams else 0,
        poller=poller.descriptor,
        framing=exchange.framing == "http",
        drive=_DRIVES[target.drive],
        overlaid=exchange.request.stamp == "binary"
        and exchange.request.size == HEADER.size + exchange.request.own_filler,
        no_delay=target.address.transport in {"tcp", "tls"},
    )
    state = _State(
        poller, load, peers, flights, piece, buckets, (table, pattern, watched, idle, lines, scratch, script)
    )
    if target.door:
        encoded = target.door.encoded
        load.address_size = len(encoded)
        ctypes.memmove(ctypes.addressof(load) + _Load.address.offset, encoded, len(encoded))
        target.before_closing.append(lambda: library.crossloop_load_hang_up(ctypes.byref(load)))
    return state


def _content_of(composer: Composer) -> _Content:
    content = composer.content
    return _Content(
        before=_address_of(content.before),
        after=_address_of(composer.after),
        before_size=len(content.before),
        stamp=STAMP_BYTES[content.stamp],
        own=content.own_filler,
        after_size=len(composer.after),
        size=content.size,
    )


def _address_of(data: bytes) -> int | None:
    """Where *data* lies for as long as it lives."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value


def _secure_of(target: Target) -> _Secure:
    """What C needs to speak TLS; nothing where it need not."""
    secure = target.secure
    if not isinstance(secure, NativeTls):
        return _Secure()
    addresses = {name: secure.address_of(name) for name in _TLS_FUNCTIONS.split()}
    return _Secure(context=secure.context, session=secure.session, **addresses)


class NativeTurns:
    """`Turns`, in C."""

    def __init__(self, library: Any, target: Target, state: _State, spin: bool):
        self._library = library
        self._target = target
        self._state = state
        self._load = state.load
        self._load.spin = spin
        self._load.sequence = target.script.sent
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

    def stall(self, until_ns: int) -> None:
        """As `Turns.stall`."""
        while perf_counter_ns() < until_ns:
            self._check(self._library.crossloop_load_stall(ctypes.byref(self._load)))
            sleep(NAP_NS / 1e9)

    def closed(self, until_ns: int) -> int:
        """As `Turns.closed`."""
        load, call = self._load, self._library.crossloop_load_closed
        ctypes.memset(load.buckets, 0, 8 * len(self._state.buckets))
        load.answered = load.looked = 0
        for end_ns in _calls(until_ns):
            self._check(call(ctypes.byref(load), ctypes.c_int64(end_ns)))
        return int(load.answered)

    def closed_latency(self) -> list[Pair]:
        """As `Turns.closed_latency`."""
        return merge([_counted(self._state.buckets[:BUCKETS]), _counted(self._state.buckets[BUCKETS:])])

    def polite_latency(self) -> list[Pair]:
        """As `Turns.polite_latency`."""
        for place in range(self._target.count):
            self._show(place)
        return merge([_counted(self._state.buckets[:BUCKETS]), self.latency(polite_waits(self._target))])

    def counts(self) -> Counts:
        """As `Turns.counts`."""
        load = self._load
        resumed = load.resumed if self._target.door else self._target.resumed
        return Counts([peer.answered for peer in self._state.peers], load.lost, load.duplicates, resumed)

    def latency(self, values_ns: "array[int]") -> list[Pair]:
        """As `Turns.latency`."""
        buckets = array("Q", [0]) * BUCKETS
        self._library.crossloop_load_gather(
            ctypes.c_void_p(buckets.buffer_info()[0]),
            ctypes.c_void_p(values_ns.buffer_info()[0]),
            ctypes.c_int64(len(values_ns)),
        )
        return merge([_counted(buckets)])

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
            for place in range(self._target.count):
                self._show(place)
            raise unanswered(self._target, perf_counter_ns(), self._load.last_answer_ns)

    def expect_silence(self) -> None:
        """As `Turns.expect_silence`."""
        self._check(self._library.crossloop_load_silence(ctypes.byref(self._load)))

    def _check(self, status: int) -> None:
        """Raise what a call has found wrong."""
        load = self._load
        self._target.script.sent = load.sequence
        if not status:
            return
        if status == BROKEN:
            raise _error(load.error)
        connection = self._show(load.failed)
        match status:
            case -1:  # WRONG
                connection.digest(self._state.piece.raw[: max(0, load.piece_length)], load.piece_at)
                raise AssertionError(f"{connection}: the native engine refused bytes that are right")
            case -4:  # UNMADE
                raise not_connected(self._target.where, load.made, _error(load.error))
            case -5:  # TLS_LOST
                raise connection.lost(last_error())
            case -6:  # EARLY
                raise connection.early()
            case _:
                raise connection.lost(_error(load.error))

    def _show(self, place: int) -> Connection:
        """Have Python's connection know what is in flight on it, and how far its answer has come."""
        connection, peer = self._target.connections[place], self._state.peers[place]
        ring = (peer.flights - ctypes.addressof(self._state.flights)) // ctypes.sizeof(_Flight)
        flights = [self._state.flights[ring + (at & peer.mask)] for at in range(peer.first, peer.end)]
        request = connection.script.request.size
        connection.show(
            [(flight.sequence, flight.sent_ns) for flight in flights],
            peer.before,
            max(0, peer.end - peer.unsent) * request - peer.written,
        )
        reader = connection.reader
        reader.filled = peer.filled
        if isinstance(reader, HttpReader):
            reader.part, reader.chunked, reader.left = peer.part, bool(peer.chunked), peer.left
            reader.length, reader.head_length = peer.length, peer.head_length
            reader.line = ctypes.string_at(peer.line, peer.line_length)
        return connection


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _calls(until_ns: int) -> Iterator[int]:
    """Ends of the calls of which a stretch until *until_ns* is made; one at least."""
    now = perf_counter_ns()
    while now + CALL_NS < until_ns:
        yield now + CALL_NS
        now = perf_counter_ns()
    yield until_ns


def _least_ns(place: int) -> int:
    """Least value that a bucket counts (`record` in engine.c)."""
    shift = max(0, place // 128 - 1)
    return (place - shift * 128) << shift


_LEAST_NS = [_least_ns(place) for place in range(BUCKETS)]


def _counted(buckets: "array[int]") -> list[Pair]:
    """The buckets of C that hold anything, as (least value in ns, count); the journal's lie as these do (`merge`)."""
    return [(least_ns, count) for least_ns, count in zip(_LEAST_NS, buckets, strict=True) if count]
