"""Promises of `StreamServer` that show only after a while, or in many connections and messages.

A fault of one in some thousand answers is invisible in a dozen of them, and so is one that costs a little each second.
What these take is bounded: a few seconds for each style.
"""

import selectors
import socket
import time

from crossloop.api import Echo
from crossloop.contract.observing import BusyTime, descriptors
from crossloop.contract.peer import (
    MIB,
    Server,
    ServerPromises,
    compare,
    echo,
    expect_end,
    reset,
    send_until_blocked,
)
from crossloop.contract.promise import QUIET_S, WAIT_S, ViolationError, require
from crossloop.contract.stalls import PAUSE_S, WINDOW_S, StallWatch, require_no_stalls

STREAM_ENDURANCE = ServerPromises("StreamServer", Echo, lambda server, _subject: server)
MANY_MESSAGES = 20_000
"""One answer in 5,000 that is lost or doubled shows in these; a server that is slow to give them is left in peace after
`LONGEST_S`, for no speed is judged here."""
LONGEST_S = 8.0
SPARE_DESCRIPTORS = 4
"""A library may keep a few for the next connection."""
IDLE_S = 0.2
IDLE_SHARE = 0.1
"""Share of an idle time that a server may want a CPU. One that spins wants it all the time, on any machine."""
IDLE_WINDOWS = 5
"""A server that has just worked may have a rest to do: one quiet window of these is enough."""


# Descriptors --------------------------------------------------------------------------------------


@STREAM_ENDURANCE.client(
    "stream-released",
    "40 connections end in four ways; look at the descriptors",
    "at a peer's end of file what came before is answered, then the connection is closed",
)
def released(server: Server) -> None:
    _come_and_go(server)  # what a library opens once in a process is open now
    before = descriptors()
    for _ in range(10):
        _come_and_go(server)
    deadline = time.monotonic() + WAIT_S
    while before is not None and len(left := descriptors() or []) > len(before) + SPARE_DESCRIPTORS:
        require(
            time.monotonic() < deadline,
            f"{len(before)} descriptors open, as before 40 connections came and went",
            f"{len(left)}: {', '.join(sorted(set(left) - set(before)))[:400]}",
        )
        time.sleep(QUIET_S)


def _come_and_go(server: Server) -> None:
    """Four connections that end in four ways: closed, half-closed first, reset, and with an answer unread."""
    closed, halved, broken, unread = (server.connect() for _ in range(4))
    for peer in (closed, halved, broken):
        echo(peer, b"here")
    closed.close()
    halved.shutdown(socket.SHUT_WR)
    expect_end(halved)
    halved.close()
    reset(broken)
    unread.sendall(b"unread")
    unread.close()


# Idling -------------------------------------------------------------------------------------------


@STREAM_ENDURANCE.client(
    "stream-idle",
    "one connection is silent, one closed, one half closed, one does not read",
    "serving waits: a server with nothing to do uses no CPU",
)
def idle(server: Server) -> None:
    """Idle are a connection that says nothing, one that ended, one that is half closed and one that does not read."""
    quiet, gone, halved, full = (server.connect(), server.connect(), server.connect(), server.connect())
    for peer in (quiet, gone, halved):
        echo(peer, b"here")
    gone.close()
    halved.shutdown(socket.SHUT_WR)
    expect_end(halved)
    send_until_blocked(full, 64 * MIB, quiet_s=0.1)
    busy = BusyTime()
    shares = []
    for _ in range(IDLE_WINDOWS):
        begun, used = time.monotonic(), busy.read_s()
        time.sleep(IDLE_S)
        shares.append((busy.read_s() - used) / (time.monotonic() - begun))
        if shares[-1] <= IDLE_SHARE:
            return
    raise ViolationError(
        f"at most {IDLE_SHARE:.0%} of an idle time on a CPU, or waiting for one",
        ", ".join(f"{share:.0%}" for share in shares),
    )


# Many messages ------------------------------------------------------------------------------------


@STREAM_ENDURANCE.client(
    "stream-steady",
    f"{MANY_MESSAGES:,} messages on 8 connections, for {WINDOW_S:g} s",
    "every message is answered once and at once, also after thousands",
    limit_s=40.0,
)
def steady(server: Server) -> None:
    conversation = _Conversation(server, connections=8)
    require_no_stalls(conversation.go_on)


class _Conversation:
    """Some connections, each with one message on its way; every message is another, and so is its answer."""

    def __init__(self, server: Server, connections: int):
        self._peers = [server.connect() for _ in range(connections)]
        self._expected = [b""] * connections
        self._received = [b""] * connections
        self._asked_s = [0.0] * connections
        self._count = 0

    def go_on(self, watch: StallWatch) -> None:
        """Converse for a while, and until there were enough messages. Raises ViolationError for a wrong answer."""
        least = self._count + MANY_MESSAGES
        with selectors.DefaultSelector() as selector:
            for number, peer in enumerate(self._peers):
                selector.register(peer, selectors.EVENT_READ, number)
                self._ask(number)
            waiting = set(range(len(self._peers)))
            while waiting:
                if self._count >= least:
                    time.sleep(PAUSE_S)
                ready = selector.select(WAIT_S)
                now_s = time.perf_counter()
                running_s = now_s - watch.begun_s
                more = watch.goes_on(now_s) or (self._count < least and running_s < LONGEST_S)
                self._require_answers(bool(ready), waiting)
                for key, _events in ready:
                    if self._answered(key.data):
                        watch.note(self._asked_s[key.data], now_s)
                        waiting.discard(key.data)
                        if more:
                            waiting.add(key.data)
                            self._ask(key.data)
            require(not selector.select(QUIET_S), "one answer to each message", "more bytes after the last")

    def _ask(self, number: int) -> None:
        self._count += 1
        self._expected[number] = b"message %09d of connection %02d;" % (self._count, number)
        self._asked_s[number] = time.perf_counter()
        self._peers[number].sendall(self._expected[number])

    def _answered(self, number: int) -> bool:
        """Read what is there; whether it is the whole answer."""
        piece = self._peers[number].recv(4096)
        require(bool(piece), "an answer", "end of file")
        self._received[number] += piece
        if len(self._received[number]) < len(self._expected[number]):
            return False
        compare(self._received[number], self._expected[number])
        self._received[number] = b""
        return True

    def _require_answers(self, some: bool, waiting: set[int]) -> None:
        lost = next(iter(waiting))
        require(
            some,
            f"an answer to each of {self._count} messages",
            f"nothing for {WAIT_S:g} s after {self._expected[lost]!r}",
        )
