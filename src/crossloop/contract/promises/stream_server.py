"""Promises of `StreamServer`, run for each style that an adapter offers.

Half-close is where libraries differ, so the requirement is stated here: what arrived before the peer's
end of file is answered, and then the server ends the connection. A server that drops the answer
breaks every client that says `shutdown(SHUT_WR)`; one that stays open leaks connections.
"""

import socket

from crossloop.api import Echo, Receive, StreamServer, UnsupportedError
from crossloop.contract.peer import (
    KIB,
    MIB,
    Server,
    ServerPromises,
    compare,
    echo,
    exchange,
    expect_answer,
    expect_end,
    one_for_many,
    pattern,
    receive_exactly,
    reset,
    send_until_blocked,
)
from crossloop.contract.promise import Subject, require

STREAM_SERVER = ServerPromises("StreamServer", Echo, lambda server, _subject: server)
MANY = 1000
_ECHOED = "every piece that arrives goes to the application in order, and what it gives back is sent"
_HALF = "what arrived before the peer's end of file is answered; then the server ends the connection"
_STOP = "once `stop` is readable, close all and return"


def lines() -> Receive:
    """A stateful application: answers each whole line with its number on this connection."""
    pending = b""
    count = 0

    def receive(data: bytes) -> bytes:
        nonlocal pending, count
        *whole, pending = (pending + bytes(data)).split(b"\n")
        answers = []
        for line in whole:
            count += 1
            answers.append(b"%d %s\n" % (count, line))
        return b"".join(answers)

    return receive


# Answers ------------------------------------------------------------------------------------------


@STREAM_SERVER.client("stream-one-byte", "messages of one byte", _ECHOED)
def one_byte(server: Server) -> None:
    peer = server.connect()
    echo(peer, b"x")
    echo(peer, b"y")


@STREAM_SERVER.client("stream-100-kib", "messages larger than one read", _ECHOED)
def hundred_kib(server: Server) -> None:
    peer = server.connect()
    data = pattern(100 * KIB)
    for _ in range(3):
        compare(exchange(peer, data, len(data)), data)


@STREAM_SERVER.client("stream-byte-by-byte", "messages that arrive in single bytes", _ECHOED, lines)
def byte_by_byte(server: Server) -> None:
    peer = server.connect()
    message = b"in single bytes, with care\n" * 10
    for index in range(len(message)):
        peer.send(message[index : index + 1])
    wanted = b"".join(b"%d in single bytes, with care\n" % number for number in range(1, 11))
    expect_answer(peer, wanted)


@STREAM_SERVER.client("stream-pipelined", "two messages and a half in one piece", _ECHOED, lines)
def pipelined(server: Server) -> None:
    peer = server.connect()
    peer.sendall(b"first\nsecond\nthi")
    expect_answer(peer, b"1 first\n2 second\n")
    peer.sendall(b"rd\n")
    expect_answer(peer, b"3 third\n")


@STREAM_SERVER.client(
    "stream-state-per-connection",
    "two connections to an application that counts",
    "the application's factory is called once per connection",
    lines,
)
def state_per_connection(server: Server) -> None:
    first, second = server.connect(), server.connect()
    for number in range(1, 4):
        first.sendall(b"a\n")
        expect_answer(first, b"%d a\n" % number)
    second.sendall(b"b\n")
    expect_answer(second, b"1 b\n")


@STREAM_SERVER.client("stream-large-answer", "answers of a MiB to a byte", _ECHOED, one_for_many)
def large_answer(server: Server) -> None:
    peer = server.connect()
    peer.sendall(b"ab")
    expect_answer(peer, pattern(MIB) * 2)
    peer.sendall(b"c")
    expect_answer(peer, pattern(MIB))


@STREAM_SERVER.client("stream-100-interleaved", "100 connections, each its own data", _ECHOED)
def hundred_interleaved(server: Server) -> None:
    peers = [server.connect() for _ in range(100)]
    for turn in range(3):
        messages = [b"%03d/%d " % (number, turn) * 64 for number in range(len(peers))]
        for peer, message in zip(peers, messages, strict=True):
            peer.sendall(message)
        for peer, message in reversed(list(zip(peers, messages, strict=True))):
            expect_answer(peer, message)


@STREAM_SERVER.promise(
    "stream-1000-connections",
    f"{MANY} connections at once",
    _ECHOED,
    limit_s=40.0,  # a thousand processes, on a machine that does other things
)
def thousand_connections(subject: Subject) -> None:
    assert isinstance(subject.adapter, StreamServer)
    bound = subject.adapter.most_connections()
    if bound is not None and bound[0] < MANY:
        raise UnsupportedError(f"{MANY} connections are more than the {bound[0]} it can hold: {bound[1]}")

    def client(server: Server) -> None:
        peers = [server.connect(high=True) for _ in range(MANY)]
        for number, peer in enumerate(peers):
            peer.sendall(b"%04d" % number)
        for number, peer in enumerate(peers):
            expect_answer(peer, b"%04d" % number)

    STREAM_SERVER.serve(subject, client)


@STREAM_SERVER.client("stream-coming-and-going", "200 connections one after another", _ECHOED)
def coming_and_going(server: Server) -> None:
    for number in range(200):
        peer = server.connect()
        echo(peer, b"%d" % number)
        peer.close()


# Ends ---------------------------------------------------------------------------------------------


@STREAM_SERVER.client("stream-half-close", "the peer says SHUT_WR after its message", _HALF)
def half_close(server: Server) -> None:
    peer = server.connect()
    message = pattern(20 * KIB)
    peer.sendall(message)
    peer.shutdown(socket.SHUT_WR)
    expect_answer(peer, message)
    expect_end(peer)


@STREAM_SERVER.client("stream-half-close-queue", "SHUT_WR while 8 MiB of answers wait", _HALF, one_for_many)
def half_close_with_a_queue(server: Server) -> None:
    peer = server.connect(receive_buffer=8 * KIB)
    peer.sendall(b"abcdefgh")
    peer.shutdown(socket.SHUT_WR)
    expect_answer(peer, pattern(MIB) * 8)
    expect_end(peer)


@STREAM_SERVER.client("stream-end-without-a-word", "the peer says SHUT_WR at once", _HALF)
def end_without_a_word(server: Server) -> None:
    silent = server.connect()
    silent.shutdown(socket.SHUT_WR)
    expect_end(silent)
    echo(server.connect(), b"still here")


@STREAM_SERVER.client(
    "stream-resets",
    "peers reset at once, after sending, and with answers unread",
    "a peer's reset ends its connection and nothing else; nothing is written to stderr",
    one_for_many,
)
def resets(server: Server) -> None:
    steady = server.connect()
    for number in range(30):
        at_once, after_data, unread = (server.connect() for _ in range(3))
        reset(at_once)
        after_data.sendall(b"unanswered")
        reset(after_data)
        unread.sendall(b"ab")
        receive_exactly(unread, 1)
        reset(unread)
        steady.sendall(b"%d" % (number % 10))
        expect_answer(steady, pattern(MIB))


@STREAM_SERVER.client(
    "stream-slow-reader",
    "a peer sends without reading until its sending blocks, then reads it all",
    "backpressure: when a peer does not read, its connection is not read from either",
)
def slow_reader(server: Server) -> None:
    peer, other = server.connect(receive_buffer=64 * KIB), server.connect()
    sent = send_until_blocked(peer, 64 * MIB, quiet_s=0.5)
    echo(other, b"others are served meanwhile")
    compare(receive_exactly(peer, sent), pattern(sent))
    echo(peer, b"and so is this one afterwards")


# Stopping -----------------------------------------------------------------------------------------


STREAM_SERVER.client("stream-stop-idle", "stop without any client", _STOP)(Server.stop_promptly)


@STREAM_SERVER.client("stream-stop-connected", "stop with 20 clients connected", _STOP)
def stop_with_clients(server: Server) -> None:
    peers = [server.connect() for _ in range(20)]
    for peer in peers:
        echo(peer, b"here")
    server.stop_promptly()
    for peer in peers:
        expect_end(peer, reset_allowed=True)


@STREAM_SERVER.client("stream-stop-queue", "stop while a peer leaves 64 MiB unread", _STOP, one_for_many)
def stop_with_a_queue(server: Server) -> None:
    peer = server.connect(receive_buffer=8 * KIB)
    peer.sendall(b"a" * 64)
    receive_exactly(peer, 1)
    server.stop_promptly()


@STREAM_SERVER.client("stream-refuses-after-stop", "connect after the stop", _STOP)
def refuses_after_stop(server: Server) -> None:
    echo(server.connect(), b"here")
    server.stop()
    server.await_return()
    try:
        late = server.connect()
    except ConnectionRefusedError:
        return
    require(False, f"connecting to port {server.address[1]} refused", f"connected as {late!r}")
