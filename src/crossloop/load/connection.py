"""One connection of the load: what it has in flight, and what it says when an answer is wrong.

`take` is what the loops call for each ready connection. The usual case (one answer, whole, in one piece) is one
comparison; everything rare costs only those to whom it happens. A hundred thousand of them may be held at once, so
what an idle one does not need is made when it is needed: 0.7 KB are left of 3.6 KB each.
"""

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter_ns
from typing import TypeAlias

from crossloop.load.errors import ConnectionLostError, VerificationError
from crossloop.load.message import EXCERPT, Compose, Script
from crossloop.load.polling import Poller
from crossloop.load.reading import WrongBytesError, new_reader
from crossloop.load.secure import SecureLink

LARGEST_PIECE = 256 * 1024
"""Most bytes that are read at once."""
LOST_AFTER_NS = 50_000_000
"""A datagram that is not answered by then is lost. Over loopback an answer takes less than a millisecond, and longer
behind a full buffer of some hundred datagrams."""
_NOTHING = memoryview(b"")
_NONE_LATER: deque[tuple[int, int]] = deque(maxlen=0)
"""Shared by the connections that never had two requests in flight; nothing is put into it."""

Link: TypeAlias = socket.socket | SecureLink


class Connection:
    """A stream and its requests in flight. Answers come in order."""

    __slots__ = (
        "_at_once", "_poller", "_room", "_unsent", "answer", "answered", "ask", "before", "composes", "depth",
        "descriptor", "due_ns", "expected", "greedy", "index", "later", "link", "number", "reader", "receive",
        "record", "script", "send", "sender", "sent_ns", "sequence", "sock",
    )  # fmt: skip

    def __init__(self, number: int, script: Script, poller: Poller, depth: int, sender: int | None = None):
        self.number = number
        """Its id."""
        self.sender = number if sender is None else sender
        """The id that its requests and answers are stamped with."""
        self.script = script
        self.ask: Compose
        self.answer: Compose
        self.composes = False
        """Whether it has these two, which make its requests and answers."""
        self.depth = depth
        """Requests that it keeps in flight in the closed loop."""
        self.greedy = False
        self.sequence = 0
        """Of its oldest request in flight, or of the one that was when there was one."""
        self.sent_ns = 0
        """When that was sent; 0: nothing is in flight."""
        self.later = _NONE_LATER
        """Sequence and time of sending of the other requests in flight, the oldest first."""
        self.expected: bytes | bytearray | None = None
        """The answer to the oldest."""
        self.before = 0
        """Sequence of the request before the oldest."""
        self.answered = 0
        self.due_ns = 0
        """When the request in flight was scheduled to be sent (open loop)."""
        self.index = 0
        """Its place among the arrivals (open loop)."""
        self.record: Callable[[int], None]
        """Takes the latency of each of its answers (closed loop)."""
        self.reader = new_reader(script.exchange.framing)
        self._room = room_of(script, depth)
        self._poller = poller

    def attach(self, sock: socket.socket, link: Link) -> None:
        """Speak through *link*, which is *sock* or something over it."""
        self.sock, self.link = sock, link
        self.descriptor = sock.fileno()
        self.receive, self.send = link.recv, link.send
        self._unsent = _NOTHING
        self._settle()

    def _settle(self) -> None:
        """See whether the next answer may come alone and at once, so that one comparison is all that it takes."""
        plain = self.depth == 1 and self.script.exchange.framing != "http"
        self._at_once = plain and not (self._unsent or self.reader.filled)

    @property
    def flights(self) -> list[tuple[int, int]]:
        """Sequence and time of sending of each request that is not answered, the oldest first."""
        return [(self.sequence, self.sent_ns), *self.later] if self.sent_ns else []

    def take_composers(self) -> None:
        """Have what makes its requests and answers."""
        if not self.composes:
            self.ask = self.answer = self.script.request.of(self.sender)
            if self.depth > 1 or self.script.answer is not self.script.request:
                self.answer = self.script.answer.of(self.sender)
            self.composes = True

    def drop_composers(self) -> None:
        """Put that away, until the next request; nothing is in flight."""
        del self.ask, self.answer
        self.composes = False

    def _follow_later(self, flights: Iterable[tuple[int, int]]) -> None:
        if self.later is _NONE_LATER:
            self.later = deque()
        self.later.extend(flights)

    def request(self, now: int, count: int = 1) -> None:
        """Send the target's next request, or the next *count*."""
        if not self.composes:
            self.take_composers()
        self.script.sent = sequence = self.script.sent + 1
        data = self.ask(sequence)
        if self.sent_ns:
            self._follow_later([(sequence, now)])
        else:
            self.sequence, self.sent_ns = sequence, now
            self.expected = data if self.ask is self.answer else self.answer(sequence)
        if count > 1:
            self.script.sent += count - 1
            several = range(sequence, sequence + count)
            self._follow_later((other, now) for other in several[1:])
            self.write(b"".join(bytes(self.ask(other)) for other in several))
        else:
            self.write(data)

    def expect(self, sequence: int, answer: bytes | bytearray, now: int) -> None:
        """Have nothing in flight but the request with *sequence*."""
        self.sequence, self.expected, self.sent_ns = sequence, answer, now

    def write(self, data: bytes | bytearray) -> None:
        """Send *data*, and what the kernel does not take when there is room."""
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        try:
            count = self.send(data)
        except BlockingIOError:
            count = 0
        except OSError as error:
            raise self.lost(error) from error
        if count != len(data):
            self._unsent = memoryview(bytes(memoryview(data)[count:]))
            self._at_once = False
            self._poller.want_write(self.sock, True)

    def flush(self) -> None:
        """Send of what is left as much as there is room for."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise self.lost(error) from error
        if not self._unsent:
            self._unsent = _NOTHING
            self._settle()
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
        if data == self.expected and self._at_once:
            return (self.finish(),)
        return self.digest(data)

    def step(self) -> int:
        """Closed loop: `take`, record the latencies, and send as many requests again; returns the time.

        Raises as `take`.
        """
        return self._follow(self.take())

    def turn(self) -> int:
        """`step`, where what follows an answer is a request, and with the usual case written out: the whole answer to
        the only request in flight came at once. It is what most of a load consists of."""
        if not self._at_once:
            return self.step()
        try:
            data = self.receive(self._room)
        except BlockingIOError:
            return perf_counter_ns()
        except OSError as error:
            raise self.lost(error) from error
        if data != self.expected:
            return self._follow(self.digest(data))
        now = perf_counter_ns()
        self.record(now - self.sent_ns)
        self.answered += 1
        script = self.script
        script.sent = sequence = script.sent + 1
        request = self.ask(sequence)
        self.before, self.sequence, self.sent_ns = self.sequence, sequence, now
        self.expected = request if self.ask is self.answer else self.answer(sequence)
        self.write(request)
        return now

    def _follow(self, answered: Sequence[int]) -> int:
        now = perf_counter_ns()
        if answered:
            for sent_ns in answered:
                self.record(now - sent_ns)
            self.answered += len(answered)
            self.request(now, len(answered))
        return now

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
                answered.append(self.finish())
        self._settle()
        return answered

    def finish(self) -> int:
        """Have done with the oldest request; returns when it was sent."""
        self.before, sent_ns = self.sequence, self.sent_ns
        if self.later:
            self.sequence, self.sent_ns = self.later.popleft()
            self.expected = self.answer(self.sequence)
        else:
            self.sent_ns, self.expected = 0, None
        return sent_ns

    def in_flight(self) -> int:
        """Requests that are not answered."""
        return len(self.later) + (self.sent_ns > 0)

    def _sent(self) -> int:
        """How many of them are all sent."""
        return self.in_flight() - -(-len(self._unsent) // self.script.request.size)

    def _outstanding(self) -> bool:
        """Whether something that was sent, if in part, is not answered."""
        return self.sent_ns > 0 and (self._sent() > 0 or len(self._unsent) % self.script.request.size > 0)

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
        actual, start = wrong.actual, wrong.start
        stamp = self.script.answer.stamp_in(actual) if not start else None
        if stamp and self.sent_ns and stamp != (self.sender, self.sequence):
            return f" (the message of connection {stamp[0]}, sequence {stamp[1]})"
        if start < 0 or not self.before:
            return ""
        assert self.expected is not None
        offset = next(at for at, byte in enumerate(actual) if byte != self.expected[start + at])
        before = self.script.answer(self.sender, self.before)[start + offset : start + len(actual)]
        same = before and actual[offset : offset + len(before)] == before
        return f" (as in the message before it, sequence {self.before})" if same else ""

    def show(self, flights: Sequence[tuple[int, int]], before: int, unsent: int) -> None:
        """Be in the state that another engine has brought the connection to; *unsent* bytes of requests are to go."""
        (self.sequence, self.sent_ns), *later = flights or [(before, 0)]
        self.later = deque(later) if later else _NONE_LATER
        self.before = before
        self.expected = None
        if flights:
            self.take_composers()
            self.expected = self.answer(self.sequence)
        self._unsent = memoryview(bytes(unsent)) if unsent else _NOTHING

    def lost(self, error: OSError) -> ConnectionLostError:
        """The error to raise when the socket failed."""
        return ConnectionLostError(f"{self}: {error.strerror or error}{self._missing()}")

    def _missing(self) -> str:
        missing = self.script.answer.size - self.reader.filled
        return f", with {missing} bytes of the answer missing" if self.sent_ns else ""

    def __str__(self) -> str:
        return f"connection {self.number}, sequence {self.sequence}"


class DatagramConnection(Connection):
    """A connected datagram socket: what is not answered in time is lost, and what comes again is counted."""

    __slots__ = ("duplicates", "lost_count")

    def __init__(self, number: int, script: Script, poller: Poller, depth: int):
        super().__init__(number, script, poller, depth)
        self.lost_count = self.duplicates = 0

    def request(self, now: int, count: int = 1) -> None:
        """As `Connection.request`, each in a datagram of its own."""
        for _number in range(count):
            super().request(now)

    def write(self, data: bytes | bytearray) -> None:
        """As `Connection.write`. A datagram that the kernel does not take is lost like one on its way."""
        try:
            with contextlib.suppress(BlockingIOError):
                self.send(data)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise self.lost(error) from error

    def expire(self, now: int) -> int:
        """Give up what has been in flight for too long; returns how many requests."""
        before = self.lost_count
        while self.sent_ns and self.sent_ns + LOST_AFTER_NS <= now:
            self.finish()
            self.lost_count += 1
        return self.lost_count - before

    def digest(self, data: bytes, at: int = 0) -> list[int]:
        """As `Connection.digest`, of a datagram: at most one answer."""
        for place, (sequence, _sent_ns) in enumerate(self.flights):
            if data == self.script.answer(self.sender, sequence):
                for _lost in range(place):
                    self.finish()
                self.lost_count += place
                return [self.finish()]
        stamp = self.script.answer.stamp_in(data)
        earlier = stamp[1] if stamp else self.before
        if earlier and data == self.script.answer(self.sender, earlier):
            self.duplicates += 1
            return []
        raise self._wrong_datagram(data, at)

    def _wrong_datagram(self, data: bytes, at: int) -> VerificationError:
        self.take_composers()
        self.expected = self.answer(self.sequence)
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
