"""Connecting many: every connection proves itself by one verified answer, within bounds of time and number.

A connection that the kernel has made is not one that the server has *accepted*: on Linux the handshake is the
kernel's, and the connection waits in the listener's queue until `accept` takes it out (listen(2)). Hence each
one sends a message as soon as it is made, and counts from its answer on: then the server has accepted it, has
whatever it needs per connection, and serves it.

At most `at_once` connections are between their first packet and their answer. That is less than any system's
listen queue (128 by default on macOS), so that the queue cannot overflow: Linux drops the handshake then, and
the client tries again after a second, which would be the kernel's figure and not the server's.

One address has one range of ephemeral ports for a given server (ip(7), `ip_local_port_range`: 28,232 of them on
Linux). What goes beyond that comes from 127.0.0.2, 127.0.0.3, …, which on Linux and Windows are loopback as well.
macOS and the BSDs have those alone that somebody added (`ifconfig lo0 alias 127.0.0.2`), so each is tried by bind(2).
"""

import ipaddress
import socket
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from crossloop.load.errors import DescriptorsError, LoadError, PortsError, SilentServerError
from crossloop.load.histogram import pairs_of
from crossloop.load.loops import Hooks, Stretch, measuring
from crossloop.load.target import Target
from crossloop.load.turns import LOOK_NS

AT_ONCE = 100
"""Unless a load is one of several, which share this number."""
STALL_NS = 5_000_000_000
"""A server that has answered none of the connections that wait for so long is not going to."""
PORTS_SHARE = 0.45
"""Part of the range of ports that is used of one address: others need some, and Linux looks through every second port
before it tries one of the others (net/ipv4/inet_hashtables.c, __inet_hash_connect). So a connect(2) beyond half of the
range tries thousands of ports: it took 4 ms there where it took 0.2 ms below (19,000 of 28,232 ports)."""
MANY_ADDRESSES = 128
"""Enough for 1,000,000 connections by the range of Linux."""
WINDOWS_AND_BSD_PORTS = 16_384
"""Of an address: 49152 to 65535 (RFC 6335, "Dynamic Ports"), the default of macOS and of Windows."""


def _no_words() -> str:
    return ""


def connect_proven(
    target: Target,
    timeout_s: float,
    hooks: Hooks | None = None,
    *,
    at_once: int = AT_ONCE,
    exhausted: Callable[[], str] = _no_words,
    spin: bool = True,
) -> Stretch:
    """Connect all of *target* within *timeout_s*, each connection answered once.

    An operation is a connection, its latency from before it was made until its first answer was compared; the time is
    from the first packet to the last answer, and looking in vain counts with as many under way as are allowed.

    Raises as `Target.connect` and as the loops do, with how far it got; the target is closed then. A server
    that answers nothing for five seconds is left before the time is up. *exhausted* is asked at an error,
    while all is still as it was: when it says that the server lacks descriptors, that is the error.
    """
    hooks = hooks or Hooks()
    target.prepare()
    with measuring(target):
        hooks.at_start()
        try:
            proven = _connect(target, perf_counter_ns() + round(timeout_s * 1e9), timeout_s, at_once, spin)
        except LoadError as error:
            got = f"{target.proven:,} of {target.count:,} connections answered"
            exhaustion = exhausted()
            if exhaustion:
                raise DescriptorsError(f"{got}; {exhaustion}") from error
            raise type(error)(f"{got}; {error}") from error
        hooks.at_end()
        hooks.settle()
        hooks.at_rest()
    return proven


def _connect(target: Target, until_ns: int, timeout_s: float, at_once: int, spin: bool) -> Stretch:
    assert target.poller is not None
    poll, clock = target.poller.poll, perf_counter_ns
    sources = [""]
    if target.address.transport in {"tcp", "tls"}:
        sources = sources_for(target.address.host, target.count)
    latencies = array("q")
    waiting = looking = 0
    start = progress = now = clock()
    while len(latencies) < target.count:
        if len(target.connections) < target.count and waiting < at_once:
            connection = target.add(
                min(until_ns, now + STALL_NS), sources[len(target.connections) % len(sources)]
            )
            connection.request(now)
            waiting += 1
        idle = waiting == at_once or len(target.connections) == target.count
        events = poll(0 if spin or not idle else 0.01, at_once)
        for descriptor, _event in events:
            connection = target.by_descriptor[descriptor]
            for sent_ns in connection.take():
                latencies.append(clock() - sent_ns)
                waiting -= 1
                target.proven += 1
                connection.drop_composers()
        before, now = now, clock()
        if events:
            progress = now
        elif idle:
            looking += min(now - before, LOOK_NS) if spin else 0
            _expect_progress(waiting, now - progress, now - until_ns, timeout_s)
    return Stretch(
        target.count,
        target.count,
        now - start,
        pairs_of(latencies),
        scheduled=target.count,
        looking_ns=looking,
    )


def _expect_progress(waiting: int, silent_ns: int, late_ns: int, timeout_s: float) -> None:
    """Raise when a server takes too long over the connections that wait."""
    if late_ns > 0:
        raise SilentServerError(f"the others had none within {timeout_s:g} s, too slow for this many")
    if silent_ns > STALL_NS:
        raise SilentServerError(
            f"none of the {waiting:,} that were made since was answered in {STALL_NS / 1e9:g} s:"
            " the server does not accept them, or does not serve them"
        )


def sources_for(host: str, count: int) -> list[str]:
    """Addresses to connect from, as many as *count* connections to *host* take; an empty one is the system's choice.

    Only the loopback network has several. Raises `PortsError` when those of it that are there have fewer ports.
    """
    ports = ports_of_an_address()
    needed = -(-count // round(ports * PORTS_SHARE))
    if needed < 2 or not _is_loopback(host):
        return [""]
    sources = list(filter(is_there, map(loopback_address, range(needed))))
    if count > ports * len(sources):
        raise PortsError(f"{count:,} connections at once: {loopback_addresses(len(sources), ports)}")
    return sources if len(sources) > 1 else [""]


def loopback_addresses(addresses: int, ports: int) -> str:
    """How many there are, each with so many *ports*, and how one more is added."""
    another = loopback_address(addresses)
    add = (
        f"ip address add {another}/32 dev lo" if sys.platform == "linux" else f"ifconfig lo0 alias {another}"
    )
    return f"loopback has {addresses} x {ports:,} ports to connect from, an address more is added by `{add}`"


def loopback_address(place: int) -> str:
    """The one at *place*, from 127.0.0.1 on."""
    return f"127.0.{place // 254}.{place % 254 + 1}"


def is_there(address: str) -> bool:
    """Whether this machine has *address*, tried by bind(2)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def ports_of_an_address() -> int:
    """How many ephemeral ports one address has."""
    path = Path("/proc/sys/net/ipv4/ip_local_port_range")
    try:
        low, high = map(int, path.read_text().split())
    except (OSError, ValueError):
        return WINDOWS_AND_BSD_PORTS
    return high - low + 1
