"""Promises of `PushServer`, run for each style that an adapter offers.

The applications are rooms: what one connection says goes to all. A peer that does not read is where servers differ:
one that waits for it keeps everybody waiting.
"""

import socket
from collections.abc import Callable

from crossloop.api import PushApplication, Receive, Send
from crossloop.contract.peer import (
    Server,
    compare,
    echo,
    expect_answer,
    expect_end,
    expect_failure,
    fail,
    pattern,
    receive_exactly,
    reset,
    serve_by,
)
from crossloop.contract.promise import WAIT_S, Level, Promise, Subject, require_equal
from crossloop.worker.serving import entry, open_listener

KIB = 1024
PIECE = 64 * KIB
PIECES = 100
"""More than the kernel holds for a peer that does not read."""


class Room:
    """An application that sends what it receives to every connection, also to those that have ended."""

    def __init__(self, answer: Callable[[bytes], bytes] = lambda data: data) -> None:
        self._answer = answer
        self.sends: list[Send] = []
        self.ends: list[int] = []
        """Of each connection: how many times its end was said."""
        self.after: list[bytes] = []
        """What was received on a connection after its end."""

    def __call__(self, send: Send) -> Receive:
        number = len(self.sends)
        self.sends.append(send)
        self.ends.append(0)

        def receive(data: bytes) -> bytes:
            if not data:
                self.ends[number] += 1
                send(b"after the end")
            elif self.ends[number]:
                self.after.append(data)
            else:
                said = self._answer(bytes(data))
                for each in self.sends:
                    each(said)
            return b""

        return receive

    def require_ends(self, connections: int) -> None:
        """Each of so many connections was told its end once, and received nothing after it."""
        require_equal(self.ends, [1] * connections, "times that each connection was told its end")
        require_equal(self.after, [], "received after the end")


def serve(subject: Subject, client: Callable[[Server], None], application: PushApplication) -> None:
    """Have the subject serve *application* and *client* use it; see `crossloop.contract.peer.serve_by`."""
    enter = entry(subject.adapter, "PushServer", application, subject.style)
    serve_by(enter, open_listener("127.0.0.1", 0), client)


def joined(server: Server, room: Room, count: int, receive_buffer: int = 0) -> list[socket.socket]:
    """So many connections that the application knows of: each has heard itself, and those before it have heard it."""
    peers: list[socket.socket] = []
    for _ in range(count):
        peers.append(server.connect(receive_buffer=receive_buffer))
        peers[-1].sendall(b"joined")
        for peer in peers:
            expect_answer(peer, b"joined")
    require_equal(len(room.sends), count, "connections that the application was called for")
    return peers


def to_all_in_order(subject: Subject) -> None:
    room = Room()

    def client(server: Server) -> None:
        peers = joined(server, room, 10)
        for turn in range(5):
            for number, peer in enumerate(peers):
                peer.sendall(b"%d says %d;" % (number, turn))
        size = sum(len(b"%d says %d;" % (number, turn)) for number in range(10) for turn in range(5))
        heard = [receive_exactly(peer, size) for peer in peers]
        for said in heard[1:]:
            compare(said, heard[0])
        for number in range(10):
            wanted = [b"%d says %d" % (number, turn) for turn in range(5)]
            require_equal(
                [each for each in heard[0].split(b";") if each.startswith(b"%d says" % number)],
                wanted,
                f"what {number} said, in order",
            )

    serve(subject, client, room)
    room.require_ends(10)


def answers_in_order(subject: Subject) -> None:
    def application(send: Send) -> Receive:
        def receive(data: bytes) -> bytes:
            for _ in bytes(data):
                send(b"first ")
                send(pattern(300 * KIB))
            return b"last" if data else b""

        return receive

    def client(server: Server) -> None:
        peer = server.connect()
        for _ in range(3):
            peer.sendall(b"x")
            expect_answer(peer, b"first " + pattern(300 * KIB) + b"last")

    serve(subject, client, application)


def slow_peer(subject: Subject) -> None:
    room = Room(lambda data: pattern(PIECE) if data == b"x" else data)

    def client(server: Server) -> None:
        slow, steady = joined(server, room, 2, receive_buffer=64 * KIB)
        for _ in range(PIECES):
            steady.sendall(b"x")
            expect_answer(steady, pattern(PIECE))
        for _ in range(PIECES):
            expect_answer(slow, pattern(PIECE))

    serve(subject, client, room)


def ended_ones(subject: Subject) -> None:
    """Closed, half-closed and reset connections: the room goes on sending to all of them."""
    room = Room()

    def client(server: Server) -> None:
        steady, closed, halved, broken = joined(server, room, 4)
        closed.close()
        halved.shutdown(socket.SHUT_WR)
        expect_end(halved)
        reset(broken)
        for number in range(20):
            steady.sendall(b"still here %02d" % number)
            expect_answer(steady, b"still here %02d" % number)

    serve(subject, client, room)
    room.require_ends(4)


def half_close(subject: Subject) -> None:
    room = Room(lambda _data: pattern(2 << 20))

    def client(server: Server) -> None:
        peer = server.connect(receive_buffer=64 * KIB)
        peer.sendall(b"the last word")
        peer.shutdown(socket.SHUT_WR)
        expect_answer(peer, pattern(2 << 20))
        expect_end(peer)

    serve(subject, client, room)
    room.require_ends(1)


def raises(subject: Subject) -> None:
    def client(server: Server) -> None:
        server.connect().sendall(b"raise")
        server.returned.wait(WAIT_S)

    expect_failure(lambda: serve(subject, client, lambda _send: lambda data: fail() if data else b""))


def raises_at_an_end(subject: Subject) -> None:
    """At the stop, of three connections: the others are closed, and told so, all the same."""
    ended: list[bytes] = []

    def receive(data: bytes) -> bytes:
        if data:
            return data
        ended.append(data)
        return fail()

    def client(server: Server) -> None:
        for _ in range(3):
            echo(server.connect(), b"here")
        server.stop_promptly()

    expect_failure(lambda: serve(subject, client, lambda _send: receive))
    require_equal(len(ended), 3, "connections that were told their end")


def stops(subject: Subject) -> None:
    """With connections that are idle, and one that leaves more unread than the kernel holds."""
    room = Room(lambda data: pattern(PIECE * PIECES) if data == b"x" else data)

    def client(server: Server) -> None:
        peers = joined(server, room, 5, receive_buffer=64 * KIB)
        peers[0].sendall(b"x")
        receive_exactly(peers[0], 1)
        server.stop_promptly()

    serve(subject, Server.stop_promptly, room)
    serve(subject, client, room)
    room.require_ends(5)


_ORDER = "what is sent on a connection goes out in order, answers included"
_SLOW = "a peer that does not read does not keep the others waiting"
_END = "at its end a connection receives no bytes, once; what is sent on it afterwards is dropped"

PUSH_SERVER = Level(
    "PushServer",
    (
        Promise("push-to-all", to_all_in_order, "10 connections, each of them speaks to all", _ORDER),
        Promise("push-and-answer", answers_in_order, "two pushes and an answer to a byte", _ORDER),
        Promise("push-slow-peer", slow_peer, "a peer leaves 6 MiB unread, then reads them", _SLOW),
        Promise("push-ended", ended_ones, "connections closed, half closed, reset; pushes go on", _END),
        Promise("push-half-close", half_close, "SHUT_WR while an answer of 2 MiB waits", _END),
        Promise(
            "push-raises", raises, "an application that raises", "an exception of the application is raised"
        ),
        Promise(
            "push-raises-at-end", raises_at_an_end, "an application that raises when it is told of an end",
            "an exception of the application is raised, and all is closed",
        ),
        Promise(
            "push-stop", stops, "stop when idle, and with 6 MiB unread", "once `stop` is readable, close all and return"
        ),
    ),
    per_style=True,
)  # fmt: skip
