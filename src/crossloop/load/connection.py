"""One connection of the load: what it has in flight, and what it says when an answer is wrong.

`take` is what the loops call for each ready connection. The usual case (one answer, whole, in one piece) is one
comparison; everything rare costs only those to whom it happens.
"""

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from crossloop.load.errors import ConnectionLostError, VerificationError
from crossloop.load.message import EXCERPT, Script
from crossloop.load.polling import Poller
from crossloop.load.reading import WrongBytesError, new_reader
from crossloop.load.secure import SecureLink

LARGEST_PIECE = 256 * 1024
"""Most bytes that are read at once."""
LOST_AFTER_NS = 50_000_000
"""A datagram that is not answered by then is lost. Over loopback an answer takes less than a millisecond, and longer
behind a full buffer of some hundred datagrams."""


Link: TypeAlias = socket.socket | SecureLink


class Connection:
    """A stream and its requests in flight. Answers come in order."""

    __slots__ = (
        "_plain", "_poller", "_room", "_unsent", "answered", "before", "depth", "descriptor", "due_ns",
        "expected", "flights", "greedy", "index", "link", "number", "reader", "receive", "script", "sender", "sock",
    )  # fmt: skip

    def __init__(self, number: int, script: Script, poller: Poller, depth: int):
        self.number = self.sender = number
        """Its id, and the id that its requests and answers are stamped with."""
        self.script = script
        self.depth = depth
        """Requests that it keeps in flight in the closed loop."""
        self.greedy = False
        self.flights: deque[tuple[int, int]] = deque()
        """Sequence and time of sending of each request that is not answered, the oldest first."""
        self.expected: bytes | None = None
        """The answer to the oldest."""
        self.before = 0
        """Sequence of the request that was answered last."""
        self.answered = 0
        self.due_ns = 0
        """When the request in flight was scheduled to be sent (open loop)."""
        self.index = 0
        """Its place among the arrivals (open loop)."""
        self.reader = new_reader(script.exchange.framing)
        self._plain = script.exchange.framing != "http"
        self._room = room_of(script, depth)
        self._poller = poller
        self._unsent = memoryview(b"")

    def attach(self, sock: socket.socket, link: Link) -> None:
        """Speak through *link*, which is *sock* or something over it."""
        self.sock, self.link = sock, link
        self.descriptor = sock.fileno()
        self.receive = link.recv
        self._unsent = memoryview(b"")

    def request(self, sequences: Sequence[int], now: int) -> None:
        """Send the requests with *sequences*."""
        parts = [self.script.request(self.sender, sequence) for sequence in sequences]
        if not self.flights:
            same = self.script.answer is self.script.request
            self.expected = parts[0] if same else self.script.answer(self.sender, sequences[0])
        self.flights.extend((sequence, now) for sequence in sequences)
        self.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def request_next(self, sequence: int, now: int) -> None:
        """As `request`, of one where nothing is in flight, on a stream."""
        script = self.script
        self.expected = request = script.request(self.sender, sequence)
        if script.answer is not script.request:
            self.expected = script.answer(self.sender, sequence)
        self.flights.append((sequence, now))
        self.write(request)

    def expect(self, sequence: int, answer: bytes, now: int) -> None:
        """Be sent *answer*, which another connection's request makes the server do."""
        self.flights.append((sequence, now))
        self.expected = answer

    def write(self, data: bytes) -> None:
        """Send *data*, and what the kernel does not take when there is room."""
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        try:
            count = self.link.send(data)
        except BlockingIOError:
            count = 0
        except OSError as error:
            raise self.lost(error) from error
        if count != len(data):
            self._unsent = memoryview(data)[count:]
            self._poller.want_write(self.sock, True)

    def flush(self) -> None:
        """Send of what is left as much as there is room for."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.link.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise self.lost(error) from error
        if not self._unsent:
            self._poller.want_write(self.sock, False)

    @property
    def holding(self) -> bool:
        """Whether something is left to be sent."""
        return bool(self._unsent)

    def take(self) -> Sequence[int]:
        """Read and compare; returns when the requests were sent that are answered now.

        Raises `ConnectionLostError` at the end of the stream and `VerificationError` for a wrong byte, for more
        bytes than expected, and for bytes on a connection that asked for nothing.
        """
        if self._unsent:
            self.flush()
        try:
            data = self.receive(self._room)
        except BlockingIOError:
            return ()
        except OSError as error:
            raise self.lost(error) from error
        if data == self.expected and self._plain and not (self.reader.filled or self._unsent):
            return (self._pop(),)
        return self.digest(data)

    def digest(self, data: bytes, at: int = 0) -> list[int]:
        """As `take`, of what came, from *at* on."""
        if not data:
            raise ConnectionLostError(f"{self}: the server closed the connection{self._missing()}")
        answered = []
        while at < len(data):
            if not self._outstanding():
                raise self._surplus(data, at)
            assert self.expected is not None
            try:
                at, whole = self.reader.take(data, at, self.expected)
            except WrongBytesError as wrong:
                raise VerificationError(f"{self}: {wrong}{self._whose(wrong)}") from wrong
            if whole:
                if not self._sent():
                    raise self.early()
                self.reader.reset()
                answered.append(self._pop())
        return answered

    def _pop(self) -> int:
        self.before, sent_ns = self.flights.popleft()
        flights = self.flights
        self.expected = self.script.answer(self.sender, flights[0][0]) if flights else None
        return sent_ns

    def _sent(self) -> int:
        """How many of its flights are all sent."""
        return len(self.flights) - -(-len(self._unsent) // self.script.request.size)

    def _outstanding(self) -> bool:
        """Whether something that was sent, if in part, is not answered."""
        return bool(self.flights) and (self._sent() > 0 or len(self._unsent) % self.script.request.size > 0)

    def early(self) -> VerificationError:
        """The error of an answer that is whole before its request is."""
        return VerificationError(f"{self}: the answer came before all of its request was sent")

    def _surplus(self, data: bytes, at: int) -> VerificationError:
        shown = data[at : at + EXCERPT].hex(" ")
        if at:
            return VerificationError(
                f"{self}: the answer goes on at offset {self.script.answer.size}: expected nothing more, got {shown}"
            )
        return VerificationError(
            f"{self}: {len(data)} bytes that nothing asked for, at offset 0: expected none, got {shown}"
        )

    def _whose(self, wrong: WrongBytesError) -> str:
        """Whose answer it is, if another's, or that it goes on as the one before did."""
        answer, actual, start = self.script.answer, wrong.actual, wrong.start
        stamp = answer.stamp_in(actual) if not start else None
        if stamp and self.flights and stamp != (self.sender, self.flights[0][0]):
            return f" (the message of connection {stamp[0]}, sequence {stamp[1]})"
        if start < 0 or not self.before:
            return ""
        assert self.expected is not None
        offset = next(at for at, byte in enumerate(actual) if byte != self.expected[start + at])
        before = answer(self.sender, self.before)[start + offset : start + len(actual)]
        same = before and actual[offset : offset + len(before)] == before
        return f" (as in the message before it, sequence {self.before})" if same else ""

    def show(self, flights: Sequence[tuple[int, int]], before: int, unsent: int) -> None:
        """Be in the state that another engine has brought the connection to; *unsent* bytes of requests are to go."""
        self.flights = deque(flights)
        self.before = before
        self.expected = self.script.answer(self.sender, flights[0][0]) if flights else None
        self._unsent = memoryview(bytes(unsent))

    def lost(self, error: OSError) -> ConnectionLostError:
        """The error to raise when the socket failed."""
        return ConnectionLostError(f"{self}: {error.strerror or error}{self._missing()}")

    def _missing(self) -> str:
        missing = self.script.answer.size - self.reader.filled
        return f", with {missing} bytes of the answer missing" if self.flights else ""

    def __str__(self) -> str:
        return f"connection {self.number}, sequence {self.flights[0][0] if self.flights else self.before}"


class DatagramConnection(Connection):
    """A connected datagram socket: what is not answered in time is lost, and what comes again is counted."""

    __slots__ = ("duplicates", "lost_count")

    def __init__(self, number: int, script: Script, poller: Poller, depth: int):
        super().__init__(number, script, poller, depth)
        self.lost_count = self.duplicates = 0

    def request(self, sequences: Sequence[int], now: int) -> None:
        """As `Connection.request`. A datagram that the kernel does not take is lost like one on its way."""
        for sequence in sequences:
            self.flights.append((sequence, now))
            try:
                with contextlib.suppress(BlockingIOError):
                    self.link.send(self.script.request(self.sender, sequence))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise self.lost(error) from error

    def expire(self, now: int) -> bool:
        """Give up what has been in flight for too long; returns whether something was."""
        before = self.lost_count
        while self.flights and self.flights[0][1] + LOST_AFTER_NS <= now:
            self.flights.popleft()
            self.lost_count += 1
        return self.lost_count > before

    def take(self) -> Sequence[int]:
        """As `Connection.take`: at most one answer."""
        try:
            data = self.receive(self._room)
        except BlockingIOError:
            return ()
        except OSError as error:
            raise self.lost(error) from error
        return self.digest(data)

    def digest(self, data: bytes, at: int = 0) -> list[int]:
        """As `Connection.digest`, of a datagram."""
        answer = self.script.answer
        for place, (sequence, sent_ns) in enumerate(self.flights):
            if data == answer(self.sender, sequence):
                for _lost in range(place):
                    self.flights.popleft()
                self.lost_count += place
                self.flights.popleft()
                self.before = sequence
                return [sent_ns]
        stamp = answer.stamp_in(data)
        earlier = stamp[1] if stamp else self.before
        if earlier and data == answer(self.sender, earlier):
            self.duplicates += 1
            return []
        raise self._wrong_datagram(data, at)

    def _wrong_datagram(self, data: bytes, at: int) -> VerificationError:
        sequence = self.flights[0][0] if self.flights else self.before
        self.expected = self.script.answer(self.sender, sequence)
        shared = min(len(data), len(self.expected))
        try:
            self.reader.take(data[:shared], at, self.expected)
        except WrongBytesError as wrong:
            return VerificationError(f"{self}: {wrong}{self._whose(wrong)}")
        return VerificationError(
            f"{self}: an answer of {len(data)} bytes, of which the first {shared} are right:"
            f" expected {len(self.expected)}"
        )


def room_of(script: Script, depth: int) -> int:
    """Bytes to read at once: one more than all that can be on its way, so that a longer answer is seen."""
    head = 4096 if script.exchange.framing == "http" else 0
    return min(depth * (script.answer.size + head) + 1, LARGEST_PIECE)
