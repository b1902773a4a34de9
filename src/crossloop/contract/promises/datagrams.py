"""Promises of `Datagrams`, run for each style that an adapter offers.

UDP may lose datagrams, and on loopback it does where a queue is full. What is sent here at a time fits any queue, so
that nothing is sent twice: an answer that does not come is the server's doing.
"""

import socket
import sys

from crossloop.contract.peer import Server, ServerPromises, compare, fail, pattern
from crossloop.contract.promise import QUIET_S, WAIT_S, Subject, ViolationError
from crossloop.worker.serving import open_datagrams

DATAGRAMS = ServerPromises("Datagrams", bytes.upper, lambda server, _subject: server, open_datagrams)
_ANSWERED = "every datagram is answered to its sender; an empty answer sends none"
_PEERS = "an error of one peer is no error of the others"
MANY = 200
LARGEST = 9216 if sys.platform == "darwin" else 65507
"""65,535 bytes less the headers of IPv4 and UDP (RFC 768); macOS sends no more than net.inet.udp.maxdgram."""


def connect(server: Server) -> socket.socket:
    """A peer that hears the server alone."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.adopt(peer)
    peer.connect(server.address)
    return peer


def expect(peer: socket.socket, wanted: bytes) -> None:
    try:
        compare(peer.recv(1 << 16), wanted)
    except TimeoutError as error:
        raise ViolationError(f"{len(wanted)} bytes, {wanted[:16]!r}", f"nothing for {WAIT_S:g} s") from error


def expect_nothing(peer: socket.socket) -> None:
    peer.settimeout(QUIET_S)
    try:
        more = peer.recv(1 << 16)
    except TimeoutError:
        peer.settimeout(WAIT_S)
    else:
        raise ViolationError("no more datagrams", f"one of {len(more)} bytes, {more[:16]!r}")


def ask(peer: socket.socket, message: bytes) -> None:
    peer.send(message)
    expect(peer, message.upper())


@DATAGRAMS.client("datagrams-to-sender", "20 peers, each with its own datagrams", _ANSWERED)
def to_the_sender(server: Server) -> None:
    peers = [connect(server) for _ in range(20)]
    for turn in range(3):
        for number, peer in enumerate(peers):
            peer.send(b"from %d, turn %d" % (number, turn))
        for number, peer in reversed(list(enumerate(peers))):
            expect(peer, b"FROM %d, TURN %d" % (number, turn))
    expect_nothing(peers[0])


@DATAGRAMS.client("datagrams-in-pieces", "ten at once from one peer", _ANSWERED)
def in_pieces_as_sent(server: Server) -> None:
    peer = connect(server)
    for number in range(10):
        peer.send(b"%d" % number * (number + 1))
    for number in range(10):
        expect(peer, b"%d" % number * (number + 1))


@DATAGRAMS.client(
    "datagrams-sizes", f"of 0, 1, 1,472 and {LARGEST:,} bytes", _ANSWERED, lambda data: data or b"nothing"
)
def sizes(server: Server) -> None:
    peer = connect(server)
    for size in (0, 1, 1472, LARGEST):
        message = pattern(size)
        peer.send(message)
        expect(peer, message or b"nothing")


@DATAGRAMS.client(
    "datagrams-no-answer",
    "some that the application does not answer",
    _ANSWERED,
    lambda data: b"" if data == b"quiet" else data.upper(),
)
def no_answer(server: Server) -> None:
    peer = connect(server)
    for _ in range(3):
        peer.send(b"quiet")
        ask(peer, b"loud")
    expect_nothing(peer)


@DATAGRAMS.client("datagrams-gone", "peers that close at once, beside one that stays", _PEERS)
def gone(server: Server) -> None:
    steady = connect(server)
    for number in range(20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"I shall not hear the answer", server.address)
        ask(steady, b"still here %d" % number)


@DATAGRAMS.client("datagrams-many-peers", f"{MANY} peers, 100 at a time", _ANSWERED)
def many_peers(server: Server) -> None:
    peers = [connect(server) for _ in range(MANY)]
    for peers_now in (peers[: MANY // 2], peers[MANY // 2 :], peers[: MANY // 2]):
        for peer in peers_now:
            peer.send(b"port %d" % peer.getsockname()[1])
        for peer in peers_now:
            expect(peer, b"PORT %d" % peer.getsockname()[1])


DATAGRAMS.raising("datagrams-raises", fail, connect)


@DATAGRAMS.promise(
    "datagrams-stop",
    "stop before the first datagram and after one",
    "once `stop` is readable, close and return",
)
def stops(subject: Subject) -> None:
    def client(server: Server) -> None:
        ask(connect(server), b"here")
        server.stop_promptly()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            try:
                other.bind(server.address)
            except OSError as error:
                raise ViolationError(f"port {server.address[1]} free after the stop", error) from error

    DATAGRAMS.serve(subject, Server.stop_promptly)
    DATAGRAMS.serve(subject, client)
