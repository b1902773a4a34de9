"""Promises of `PushServer`, run for each style that an adapter offers.

The applications are rooms: what one connection says goes to all. A peer that does not read is where servers differ:
one that waits for it keeps everybody waiting.
"""

import socket
from collections.abc import Callable

from crossloop.api import Echo, Receive, Send
from crossloop.contract.peer import (
    KIB,
    MIB,
    Server,
    ServerPromises,
    compare,
    echo,
    expect_answer,
    expect_end,
    expect_failure,
    fail,
    pattern,
    receive_exactly,
    reset,
)
from crossloop.contract.promise import Check, Subject, require_equal

PUSH_SERVER = ServerPromises("PushServer", lambda _send: Echo(), lambda server, _subject: server)
_ORDER = "what is sent on a connection goes out in order, answers included"
_SLOW = "a peer that does not read does not keep the others waiting"
_END = "at its end a connection receives no bytes, once; what is sent on it afterwards is dropped"
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


def in_room(
    connections: int, answer: Callable[[bytes], bytes] = lambda data: data
) -> Callable[[Callable[[Server, Room], None]], Check[Subject]]:
    """Have the function below be the client of a new room, each of whose *connections* is told its end once."""

    def check_of(client: Callable[[Server, Room], None]) -> Check[Subject]:
        def check(subject: Subject) -> None:
            room = Room(answer)
            PUSH_SERVER.serve(subject, lambda server: client(server, room), room)
            require_equal(room.ends, [1] * connections, "times that each connection was told its end")
            require_equal(room.after, [], "received after the end")

        return check

    return check_of


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


@PUSH_SERVER.promise("push-to-all", "10 connections, each of them speaks to all", _ORDER)
@in_room(10)
def to_all_in_order(server: Server, room: Room) -> None:
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


def said_and_answered(send: Send) -> Receive:
    """An application that says two things to each byte, and answers."""

    def receive(data: bytes) -> bytes:
        for _ in bytes(data):
            send(b"first ")
            send(pattern(300 * KIB))
        return b"last" if data else b""

    return receive


@PUSH_SERVER.client("push-and-answer", "two pushes and an answer to a byte", _ORDER, said_and_answered)
def answers_in_order(server: Server) -> None:
    peer = server.connect()
    for _ in range(3):
        peer.sendall(b"x")
        expect_answer(peer, b"first " + pattern(300 * KIB) + b"last")


@PUSH_SERVER.promise("push-slow-peer", "a peer leaves 6 MiB unread, then reads them", _SLOW)
@in_room(2, lambda data: pattern(PIECE) if data == b"x" else data)
def slow_peer(server: Server, room: Room) -> None:
    slow, steady = joined(server, room, 2, receive_buffer=64 * KIB)
    for _ in range(PIECES):
        steady.sendall(b"x")
        expect_answer(steady, pattern(PIECE))
    for _ in range(PIECES):
        expect_answer(slow, pattern(PIECE))


@PUSH_SERVER.promise("push-ended", "connections closed, half closed, reset; pushes go on", _END)
@in_room(4)
def ended_ones(server: Server, room: Room) -> None:
    """Closed, half-closed and reset connections: the room goes on sending to all of them."""
    steady, closed, halved, broken = joined(server, room, 4)
    closed.close()
    halved.shutdown(socket.SHUT_WR)
    expect_end(halved)
    reset(broken)
    for number in range(20):
        steady.sendall(b"still here %02d" % number)
        expect_answer(steady, b"still here %02d" % number)


@PUSH_SERVER.promise("push-half-close", "SHUT_WR while an answer of 2 MiB waits", _END)
@in_room(1, lambda _data: pattern(2 * MIB))
def half_close(server: Server, room: Room) -> None:
    peer = server.connect(receive_buffer=64 * KIB)
    peer.sendall(b"the last word")
    peer.shutdown(socket.SHUT_WR)
    expect_answer(peer, pattern(2 * MIB))
    expect_end(peer)


PUSH_SERVER.raising("push-raises", lambda _send: lambda data: fail() if data else b"", Server.connect)


@PUSH_SERVER.promise(
    "push-raises-at-end",
    "an application that raises when it is told of an end",
    "an exception of the application is raised, and all is closed",
)
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

    expect_failure(lambda: PUSH_SERVER.serve(subject, client, lambda _send: receive))
    require_equal(len(ended), 3, "connections that were told their end")


@PUSH_SERVER.promise(
    "push-stop", "stop when idle, and with 6 MiB unread", "once `stop` is readable, close all and return"
)
def stops(subject: Subject) -> None:
    PUSH_SERVER.serve(subject, Server.stop_promptly)
    stops_unread(subject)


@in_room(5, lambda data: pattern(PIECE * PIECES) if data == b"x" else data)
def stops_unread(server: Server, room: Room) -> None:
    """With connections that are idle, and one that leaves more unread than the kernel holds."""
    peers = joined(server, room, 5, receive_buffer=64 * KIB)
    peers[0].sendall(b"x")
    receive_exactly(peers[0], 1)
    server.stop_promptly()
