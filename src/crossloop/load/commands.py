"""What a load process is told, one JSON document a line; each is validated on arrival. `crossloop.load.server` obeys.

    {"do": "engine"}                          → {"engine": "native" | "python", "reason": …, "cpus": [0, 1], …}
    {"do": "clock"}                           → {"now_ns": 123}
    {"do": "trust", "pem": "…"}               → {"ca": "/tmp/…/ca.pem"}
    {"do": "pin", "cpu": 1}                   → {"cpu": 1}
    {"do": "open", "target": "a", …}          → {"connections": 10, "mechanism": …}; where `proven`, figures
    {"do": "slice", "target": "a", …}         → figures
    {"do": "close", "target": "a"}            → {"closed": 1}

A target is one server with one set of connections; opened again, the set is replaced. What goes wrong is
{"error": text, "kind": …} and ends the set. The supervisor writes these very structs.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from crossloop.api import Drive, Framing, Stamp, Transport

Filler = Annotated[int, Meta(ge=0, le=64 * 1024 * 1024)]


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`crossloop.api.Content`; bytes are base 64 in JSON."""

    before: Annotated[bytes, Meta(max_length=65536)] = b""
    stamp: Stamp = "none"
    own_filler: Filler = 0
    fixed_filler: Filler = 0
    after: Annotated[bytes, Meta(max_length=65536)] = b""


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`crossloop.api.Exchange`."""

    request: Content
    answer: Content
    framing: Framing = "bytes"
    letters: bool = False
    in_flight: Annotated[int, Meta(ge=1, le=4096)] = 1
    greedy: Annotated[int, Meta(ge=0)] = 0
    greedy_in_flight: Annotated[int, Meta(ge=1, le=4096)] = 1
    stall_ms: Annotated[float, Meta(ge=0, le=10_000)] = 0.0
    rest_ms: Annotated[float, Meta(ge=0, le=10_000)] = 0.0
    resumed: bool = False


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a server is, and how it is spoken to."""

    transport: Transport = "tcp"
    host: str = ""
    port: int = 0
    path: str = ""
    """Of a unix socket."""
    ca: str = ""
    """File with the certificate that a TLS server's must be signed by (PEM)."""


class Open(msgspec.Struct, frozen=True, tag_field="do", tag="open", forbid_unknown_fields=True):
    """Connect a set of connections."""

    target: str
    address: Address
    connections: int
    exchange: Exchange
    pids: Annotated[list[int], Meta(max_length=256)]
    """Processes whose CPU time counts, with their descendants; none where the server is on another machine."""
    drive: Drive = "exchange"
    seed: int = 0
    timeout_s: float = 10.0
    proven: bool = False
    """Each connection is answered once, verified, before the next `at_once` are made; see `connecting`."""
    at_once: Annotated[int, Meta(ge=1, le=100)] = 100
    first_id: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    """Id of the first connection; None: the next that this process has not used. Several loads of one server have to
    use different ones, so that answers that were crossed are found."""


class Slice(msgspec.Struct, frozen=True, tag_field="do", tag="slice", forbid_unknown_fields=True):
    """One measured stretch. `rate` is needed in phase `rate` alone."""

    target: str
    phase: Literal["capacity", "rate"]
    run_in_ms: float
    duration_ms: float
    seed: int
    rate: float = 0.0
    arrivals: Literal["poisson", "constant"] = "poisson"
    choice: Literal["idle", "random"] = "idle"
    drain_ms: float = 1000.0
    spin: bool = True
    start_ns: int | None = None
    """When the measured part is to begin, by this process's own clock (see `Clock`); None: when it is ready."""


class Close(msgspec.Struct, frozen=True, tag_field="do", tag="close", forbid_unknown_fields=True):
    """Close every connection of a target, in the usual way or by a reset."""

    target: str
    reset: bool = False


class Pin(msgspec.Struct, frozen=True, tag_field="do", tag="pin", forbid_unknown_fields=True):
    """Keep this process on one CPU."""

    cpu: int


class Engine(msgspec.Struct, frozen=True, tag_field="do", tag="engine", forbid_unknown_fields=True):
    """Say which engine carries the load, why it is not the native one if nobody asked for that, and where this is."""


class Clock(msgspec.Struct, frozen=True, tag_field="do", tag="clock", forbid_unknown_fields=True):
    """Say what time it is by the clock that slices begin by (perf_counter_ns)."""


class Trust(msgspec.Struct, frozen=True, tag_field="do", tag="trust", forbid_unknown_fields=True):
    """Keep a certificate in a file of this machine, as long as this process lives."""

    pem: Annotated[str, Meta(max_length=65536)]


Command: TypeAlias = Open | Slice | Close | Pin | Engine | Clock | Trust
