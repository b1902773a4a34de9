"""A DNS server on loopback for the zone of `dns_zone`: UDP and TCP at one port, one thread, no cache to warm.

dnspython reads queries and builds answers, so that what goes out is DNS by somebody else's judgement.
Between the two stands a shortcut: the answers to two queries that differ only in their id and in a first
label of the same length differ only in these and in the address. The first answer of each such kind is built
by dnspython and is the pattern for the next, which overwrites those places; it is used only where they are where
RFC 1035 (4.1) puts them. That takes an answer from some 300 µs to 5, and the client side remains what is
measured. Names with datagrams to lose never take it.

Answers have TTL 0 and set AA and RA: glibc takes an empty answer with neither for a referral and never goes
on to TCP. What cannot be parsed, and what is an answer itself, is ignored, as is every failure to send:
to a client that is a lost datagram, which it has to handle anyway. AAAA and other types of names that
exist get an empty answer (NOERROR), names outside the zone REFUSED.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from crossloop.companions.dns_zone import TOP, Behaviour, address_bytes, address_of, behaviour_of

Reply: TypeAlias = Callable[[bytes], None]

_HEADER_BYTES = 12
_SMALLEST_UDP_LIMIT = 512
"""Of an answer to a query without EDNS (RFC 1035, 2.3.4)."""
_LARGEST_UDP_LIMIT = 1232
"""What DNS implementations agreed on to avoid fragments (DNS flag day 2020)."""
_LARGEST_TCP = 65535
_DRAIN = 64
"""Datagrams taken in one turn, before connections and delayed answers have theirs."""
_MOST_KINDS = 1024
_MOST_DROPPED = 100_000
_MOST_CONNECTIONS = 512
_MOST_UNREAD = 1 << 20
"""A client that asks and does not read is dropped after a mebibyte."""
_CLOCK_STEP_S = time.get_clock_info("monotonic").resolution
"""A loop of asyncio calls what is due up to a step of its clock early: 15.6 ms on Windows before Python 3.13."""
_SOA = f"ns.{TOP}. hostmaster.{TOP}. 1 3600 600 86400 0"


@dataclass(frozen=True)
class _Answer:
    """What to send, and how much later."""

    wire: bytes
    delay_s: float = 0.0


@dataclass(frozen=True)
class _Pattern:
    """An answer into which the id, first label and address of another one are put; see the module's head."""

    answer: _Answer
    place: int
    """Where the address is; 0 where there is none."""
    suffix: bytes
    """What follows the first label in the name as text, lower case."""


class Answers:
    """From a query's bytes to an answer's; knows which names still have datagrams to lose."""

    def __init__(self) -> None:
        self._patterns: dict[tuple[bytes, bytes, int, bool], _Pattern] = {}
        self._to_drop: dict[tuple[str, int], int] = {}

    def of(self, query: bytes, over_tcp: bool) -> _Answer | None:
        """Answer to *query*, None where it is to be ignored or lost."""
        length = query[_HEADER_BYTES] if len(query) > _HEADER_BYTES else 64
        label_end = _HEADER_BYTES + 1 + length
        label = query[_HEADER_BYTES + 1 : label_end]
        if length > 63 or not label.isalnum():  # a pointer, or a label that text would have to escape
            return self._built(query, over_tcp)
        key = query[2:_HEADER_BYTES], query[label_end:], length, over_tcp
        pattern = self._patterns.get(key)
        if pattern is None:
            answer = self._built(query, over_tcp)
            if answer is not None and (pattern := _pattern(query, label_end, answer)) is not None:
                if len(self._patterns) >= _MOST_KINDS:
                    self._patterns.clear()
                self._patterns[key] = pattern
            return answer
        wire = bytearray(pattern.answer.wire)
        wire[:2] = query[:2]
        wire[_HEADER_BYTES:label_end] = query[_HEADER_BYTES:label_end]
        if pattern.place:
            wire[pattern.place : pattern.place + 4] = address_bytes(label.lower() + pattern.suffix)
        return _Answer(bytes(wire), pattern.answer.delay_s)

    def _built(self, query: bytes, over_tcp: bool) -> _Answer | None:
        try:
            request = dns.message.from_wire(query)
        except (dns.exception.DNSException, ValueError):
            return None
        if request.flags & dns.flags.QR:  # an answer: to answer it could go on forever
            return None
        response = dns.message.make_response(
            request, recursion_available=True, our_payload=_LARGEST_UDP_LIMIT
        )
        response.flags |= dns.flags.AA
        delay_s = 0.0
        if request.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif request.edns > 0:
            response.set_rcode(dns.rcode.BADVERS)
        elif len(request.question) != 1 or request.question[0].rdclass != dns.rdataclass.IN:
            response.set_rcode(dns.rcode.REFUSED)
        else:
            question = request.question[0]
            name = question.name.to_text().lower()
            behaviour = behaviour_of(name)
            if behaviour is not None and not over_tcp and self._is_lost(name, question.rdtype, behaviour):
                return None
            if behaviour is not None and behaviour.kind == "delay":
                delay_s = behaviour.amount / 1e3
            _fill(response, question, behaviour, over_tcp)
        limit = _LARGEST_TCP if over_tcp else _udp_limit(request)
        return _Answer(response.to_wire(max_size=limit), delay_s)

    def _is_lost(self, name: str, kind: int, behaviour: Behaviour) -> bool:
        if behaviour.kind != "drop":
            return False
        left = self._to_drop.pop((name, kind), behaviour.amount)
        if left == 0:
            return False
        if len(self._to_drop) >= _MOST_DROPPED:
            del self._to_drop[next(iter(self._to_drop))]
        self._to_drop[name, kind] = left - 1
        return True


def _udp_limit(request: dns.message.Message) -> int:
    if request.edns < 0:
        return _SMALLEST_UDP_LIMIT
    return min(max(request.payload, _SMALLEST_UDP_LIMIT), _LARGEST_UDP_LIMIT)


def _fill(
    response: dns.message.Message, question: dns.rrset.RRset, behaviour: Behaviour | None, over_tcp: bool
) -> None:
    """Put into *response* what the zone says about *question*."""
    name = question.name
    if not name.is_subdomain(dns.name.from_text(TOP)):
        response.set_rcode(dns.rcode.REFUSED)
        response.flags &= ~dns.flags.AA
    elif behaviour is None or behaviour.kind == "nx":
        response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(dns.rrset.from_text(f"{TOP}.", 0, "IN", "SOA", _SOA))
    elif behaviour.kind == "tc" and not over_tcp:
        response.flags |= dns.flags.TC
    elif question.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(name, 0, "IN", "A", address_of(name.to_text())))
    else:
        response.authority.append(dns.rrset.from_text(f"{TOP}.", 0, "IN", "SOA", _SOA))


def _pattern(query: bytes, label_end: int, answer: _Answer) -> _Pattern | None:
    """Make *answer* the pattern for the next one of its kind; None where it is not put together as expected."""
    labels, position = [], label_end
    while position < len(query) and 0 < (length := query[position]) < 64:
        labels.append(query[position + 1 : position + 1 + length])
        position += 1 + length
    question_end = position + 5  # root label, type, class
    suffix = b"." + b".".join(labels).lower()
    behaviour = behaviour_of("x" + suffix.decode("ascii", "replace"))
    wire = answer.wire
    if behaviour is None or behaviour.kind == "drop" or wire[:2] != query[:2]:
        return None
    if wire[_HEADER_BYTES:question_end] != query[_HEADER_BYTES:question_end]:
        return None
    if wire[6:8] == b"\0\0":  # no answer records, so no address
        return _Pattern(answer, 0, suffix)
    # A pointer to the question's name, type A, class IN, TTL 0, four bytes of data (RFC 1035, 4.1.3).
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04"
    record += address_bytes(query[_HEADER_BYTES + 1 : label_end].lower() + suffix)
    if not wire.startswith(record, question_end):
        return None
    return _Pattern(answer, question_end + len(record) - 4, suffix)


class _Connection(asyncio.Protocol):
    """One TCP connection: messages with two bytes of length before each (RFC 1035, 4.2.2)."""

    def __init__(self, server: "_Server"):
        self._server = server
        self._arrived = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        connections = self._server.connections
        if len(connections) >= _MOST_CONNECTIONS:
            next(iter(connections)).transport.abort()
        connections[self] = None

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while len(self._arrived) >= 2:
            end = 2 + int.from_bytes(self._arrived[:2], "big")
            if len(self._arrived) < end:
                break
            query = bytes(self._arrived[2:end])
            del self._arrived[:end]
            self._server.answer(query, True, self._send)

    def _send(self, wire: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(len(wire).to_bytes(2, "big") + wire)
            if self.transport.get_write_buffer_size() > _MOST_UNREAD:
                self.transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        del self._server.connections[self]


class _Server:
    """The datagrams, and what both kinds of queries have in common. In a loop that runs."""

    def __init__(self, udp: socket.socket) -> None:
        self.connections: dict[_Connection, None] = {}
        self._udp = udp
        self._answers = Answers()
        self._call_later = asyncio.get_running_loop().call_later

    def answer(self, query: bytes, over_tcp: bool, reply: Reply) -> None:
        answer = self._answers.of(query, over_tcp)
        if answer is None:
            return
        if answer.delay_s:
            self._call_later(answer.delay_s + _CLOCK_STEP_S, reply, answer.wire)
        else:
            reply(answer.wire)

    def on_datagrams(self) -> None:
        for _ in range(_DRAIN):
            try:
                query, client = self._udp.recvfrom(4096)
            except BlockingIOError:
                return
            except OSError:  # Windows reports a client's closed port here (WSAECONNRESET)
                continue
            self.answer(query, False, partial(self._send_datagram, client))

    def _send_datagram(self, client: tuple[str, int], wire: bytes) -> None:
        with contextlib.suppress(OSError):
            self._udp.sendto(wire, client)


def _bind_both(host: str) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a listening TCP one at the same port; the port is free for one by chance only."""
    for attempts_left in reversed(range(50)):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((host, 0))
            tcp.bind((host, udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
            if not attempts_left:
                raise
            continue
        udp.setblocking(False)
        return udp, tcp
    raise AssertionError("the last attempt returns or raises")


def serve(ready: Callable[[str, int], None], stop: socket.socket) -> None:
    """Serve the zone until *stop* is readable; *ready* gets host and port once both sockets listen.

    Raises OSError where no port of the loopback is free for both UDP and TCP.
    """
    # Not the loop that Windows has by default, which cannot watch a socket.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(_serve(ready, stop))


async def _serve(ready: Callable[[str, int], None], stop: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    udp, tcp = _bind_both("127.0.0.1")
    with udp:
        server = _Server(udp)
        loop.add_reader(stop, stopped.set)
        loop.add_reader(udp, server.on_datagrams)
        listening = await loop.create_server(lambda: _Connection(server), sock=tcp, backlog=_MOST_CONNECTIONS)
        ready(*udp.getsockname())
        await stopped.wait()
        loop.remove_reader(udp)
        listening.close()
        for connection in server.connections:
            connection.transport.abort()
