"""Promises of `Datagrams`, run for each style that an adapter offers.

UDP may lose datagrams, and on loopback it does where a queue is full. What is sent here at a time fits any queue, so
that nothing is sent twice: an answer that does not come is the server's doing.
"""

import socket
import sys
from collections.abc import Callable

from crossloop.api import DatagramApplication
from crossloop.contract.peer import Server, compare, expect_failure, fail, pattern, serve_by
from crossloop.contract.promise import (
    QUIET_S,
    WAIT_S,
    Level,
    Promise,
    Subject,
    ViolationError,
)
from crossloop.worker.serving import entry, open_datagrams

MANY = 200
LARGEST = 9216 if sys.platform == "darwin" else 65507
"""65,535 bytes less the headers of IPv4 and UDP (RFC 768); macOS sends no more than net.inet.udp.maxdgram."""


def serve(
    subject: Subject, client: Callable[[Server], None], application: DatagramApplication = bytes.upper
) -> None:
    """Have the subject serve *application* and *client* use it; see `crossloop.contract.peer.serve_by`."""
    enter = entry(subject.adapter, "Datagrams", application, subject.style)
    serve_by(enter, open_datagrams("127.0.0.1", 0), client)


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


def to_the_sender(subject: Subject) -> None:
    def client(server: Server) -> None:
        peers = [connect(server) for _ in range(20)]
        for turn in range(3):
            for number, peer in enumerate(peers):
                peer.send(b"from %d, turn %d" % (number, turn))
            for number, peer in reversed(list(enumerate(peers))):
                expect(peer, b"FROM %d, TURN %d" % (number, turn))
        expect_nothing(peers[0])

    serve(subject, client)


def in_pieces_as_sent(subject: Subject) -> None:
    def client(server: Server) -> None:
        peer = connect(server)
        for number in range(10):
            peer.send(b"%d" % number * (number + 1))
        for number in range(10):
            expect(peer, b"%d" % number * (number + 1))

    serve(subject, client)


def sizes(subject: Subject) -> None:
    def client(server: Server) -> None:
        peer = connect(server)
        for size in (0, 1, 1472, LARGEST):
            message = pattern(size)
            peer.send(message)
            expect(peer, message or b"nothing")

    serve(subject, client, lambda data: data or b"nothing")


def no_answer(subject: Subject) -> None:
    def client(server: Server) -> None:
        peer = connect(server)
        for _ in range(3):
            peer.send(b"quiet")
            ask(peer, b"loud")
        expect_nothing(peer)

    serve(subject, client, lambda data: b"" if data == b"quiet" else data.upper())


def gone(subject: Subject) -> None:
    def client(server: Server) -> None:
        steady = connect(server)
        for number in range(20):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(b"I shall not hear the answer", server.address)
            ask(steady, b"still here %d" % number)

    serve(subject, client)


def many_peers(subject: Subject) -> None:
    def client(server: Server) -> None:
        peers = [connect(server) for _ in range(MANY)]
        for peers_now in (peers[: MANY // 2], peers[MANY // 2 :], peers[: MANY // 2]):
            for peer in peers_now:
                peer.send(b"port %d" % peer.getsockname()[1])
            for peer in peers_now:
                expect(peer, b"PORT %d" % peer.getsockname()[1])

    serve(subject, client)


def raises(subject: Subject) -> None:
    def client(server: Server) -> None:
        connect(server).send(b"raise")
        server.returned.wait(WAIT_S)

    expect_failure(lambda: serve(subject, client, fail))


def stops(subject: Subject) -> None:
    def client(server: Server) -> None:
        ask(connect(server), b"here")
        server.stop_promptly()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            try:
                other.bind(server.address)
            except OSError as error:
                raise ViolationError(f"port {server.address[1]} free after the stop", error) from error

    serve(subject, Server.stop_promptly)
    serve(subject, client)


_ANSWERED = "every datagram is answered to its sender; an empty answer sends none"
_PEERS = "an error of one peer is no error of the others"

DATAGRAMS = Level(
    "Datagrams",
    (
        Promise("datagrams-to-sender", to_the_sender, "20 peers, each with its own datagrams", _ANSWERED),
        Promise("datagrams-in-pieces", in_pieces_as_sent, "ten at once from one peer", _ANSWERED),
        Promise("datagrams-sizes", sizes, f"of 0, 1, 1,472 and {LARGEST:,} bytes", _ANSWERED),
        Promise("datagrams-no-answer", no_answer, "some that the application does not answer", _ANSWERED),
        Promise("datagrams-gone", gone, "peers that close at once, beside one that stays", _PEERS),
        Promise("datagrams-many-peers", many_peers, f"{MANY} peers, 100 at a time", _ANSWERED),
        Promise(
            "datagrams-raises", raises, "an application that raises", "an exception of the application is raised"
        ),
        Promise(
            "datagrams-stop", stops, "stop before the first datagram and after one",
            "once `stop` is readable, close and return",
        ),
    ),
    per_style=True,
)  # fmt: skip
