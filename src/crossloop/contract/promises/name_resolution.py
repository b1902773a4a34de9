"""Promises of `NameResolution`, run for each of an adapter's resolvers.

The server is a thread of this file that answers A records over UDP and remembers what it saw (RFC 1035, 4.1). It is so
small that nothing has to be installed beside the adapter, which the companion of the scenario `dns` would need.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator, Sequence

from crossloop.api import NameResolution
from crossloop.companions.dns_zone import address_of, name_of
from crossloop.contract.promise import Aside, Promises, Subject, require, require_equal
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import tell

NAME_RESOLUTION: Promises[Subject] = Promises(lambda subject: subject)
_RESOLVED = "name → addresses as text, or the error number of its failure"
IN_FLIGHT = 5
HELD_S = 0.05
"""How long an answer is kept back at most, so that others can join it in flight."""
MANY = 300
_HEADER_BYTES = 12
_TYPE_A = b"\x00\x01"
_NO_ERROR, _SERVER_FAILURE, _NO_NAME = 0, 2, 3


class Names:
    """A DNS server on loopback. Labels say what becomes of a name: `nx…`, `fail…`, `lost…`; others have an address."""

    def __init__(self, held: int = 1) -> None:
        """*held*: answers that are kept back, until there are so many or for `HELD_S`; then the last comes first."""
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._udp.getsockname()
        self.most_in_flight = 0
        self._held, self._seen = held, set[bytes]()
        self._waiting: dict[bytes, tuple[bytes, tuple[str, int]]] = {}
        """Question → its answer and who asked; a query that is sent again counts once."""

    def serve(self, stop: socket.socket) -> None:
        """Answer until *stop* is readable."""
        with self._udp, selectors.DefaultSelector() as selector:
            selector.register(self._udp, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            due_s = 0.0
            while True:
                wait_s = max(0.0, due_s - time.monotonic()) if self._waiting else None
                ready = [key.fileobj for key, _events in selector.select(wait_s)]
                if stop in ready:
                    return
                if ready:
                    with contextlib.suppress(ConnectionError):  # Windows tells of a peer that has gone
                        due_s = self._take(*self._udp.recvfrom(4096)) or due_s
                if len(self._waiting) >= self._held or time.monotonic() >= due_s:
                    self._answer()

    def _take(self, query: bytes, peer: tuple[str, int]) -> float:
        """Keep the answer to *query*; returns until when, 0 if it did not begin to wait."""
        labels, place = [], _HEADER_BYTES
        while length := query[place]:
            labels.append(query[place + 1 : place + 1 + length].decode().lower())
            place += 1 + length
        question = query[_HEADER_BYTES : place + 5]
        if labels[0].startswith("lost") and question not in self._seen:
            self._seen.add(question)
            return 0.0
        code = {"nx": _NO_NAME, "fail": _SERVER_FAILURE}.get(labels[0].rstrip("0123456789"), _NO_ERROR)
        has = question[-4:-2] == _TYPE_A and code == _NO_ERROR
        # An answer, authoritative, recursion wanted and available; one question, perhaps one record.
        head = bytes((0x85, 0x80 | code, 0, 1, 0, int(has), 0, 0, 0, 0))
        address = bytes(map(int, address_of(".".join(labels)).split(".")))
        record = b"\xc0\x0c\x00\x01\x00\x01" + bytes(4) + b"\x00\x04" + address if has else b""
        began = not self._waiting
        self._waiting[question] = query[:2] + head + question + record, peer
        self.most_in_flight = max(self.most_in_flight, len(self._waiting))
        return time.monotonic() + HELD_S if began else 0.0

    def _answer(self) -> None:
        for answer, peer in reversed(self._waiting.values()):
            self._udp.sendto(answer, peer)
        self._waiting.clear()


@contextlib.contextmanager
def serving(names: Names) -> Iterator[Names]:
    """*names* at work in a thread of its own."""
    readable, writing = stop_pair()
    with readable, writing:
        aside = Aside(lambda: names.serve(readable), "names")
        aside.start()
        try:
            yield names
        finally:
            tell(writing)
            aside.join()


def resolve(
    subject: Subject, names: Names, wanted: Sequence[str], in_flight: int = IN_FLIGHT
) -> dict[str, Sequence[str] | int]:
    """What the adapter makes of *wanted*. Raises ViolationError unless each name has an answer."""
    assert isinstance(subject.adapter, NameResolution)
    answers = dict(subject.adapter.resolve(subject.style, names.address, wanted, in_flight))
    require_equal(sorted(answers), sorted(wanted), "names that have an answer")
    return answers


def require_addresses(answers: dict[str, Sequence[str] | int], names: Sequence[str]) -> None:
    for name in names:
        given = answers[name]
        require_equal(
            given if isinstance(given, int) else list(given), [address_of(name)], f"address of {name}"
        )


def require_failures(answers: dict[str, Sequence[str] | int], names: Sequence[str]) -> None:
    for name in names:
        given = answers[name]
        require(isinstance(given, int) and given != 0, f"the error number for {name}", repr(given))


def labelled(label: str, count: int) -> list[str]:
    return [name_of(f"{label}{number}", "plain") for number in range(count)]


def promise_addresses(
    promise: str, description: str, label: str, count: int, *, in_flight: int = IN_FLIGHT, held: int = 1
) -> None:
    """Promise that *count* names with *label* have their addresses, from a server that keeps back *held* answers."""

    @NAME_RESOLUTION.promise(promise, description, _RESOLVED)
    def check(subject: Subject) -> None:
        wanted = labelled(label, count)
        with serving(Names(held)) as names:
            require_addresses(resolve(subject, names, wanted, in_flight), wanted)


promise_addresses("names-addresses", "ten names, one after the other", "one", 10, in_flight=1)
promise_addresses(
    "names-order", "answers in the reverse order of the questions", "order", 5 * IN_FLIGHT, held=IN_FLIGHT
)
promise_addresses("names-many", f"{MANY} names, 50 at a time", "many", MANY, in_flight=50)
promise_addresses("names-lost", "the first question for each name is lost", "lost", IN_FLIGHT)


@NAME_RESOLUTION.promise("names-missing", "five that exist, five that do not", _RESOLVED)
def no_such_name(subject: Subject) -> None:
    with serving(Names()) as names:
        there, missing = labelled("there", 5), labelled("nx", 5)
        answers = resolve(
            subject, names, [each for pair in zip(there, missing, strict=True) for each in pair]
        )
    require_addresses(answers, there)
    for name in missing:
        require_equal(answers[name], int(socket.EAI_NONAME), f"error number of {name}, which does not exist")


@NAME_RESOLUTION.promise("names-failing", "three that the server fails on, three that it knows", _RESOLVED)
def failures(subject: Subject) -> None:
    with serving(Names()) as names:
        there, failing = labelled("there", 3), labelled("fail", 3)
        answers = resolve(subject, names, [*failing, *there])
    require_addresses(answers, there)
    require_failures(answers, failing)


@NAME_RESOLUTION.promise(
    "names-in-flight",
    f"{2 * IN_FLIGHT} names, counted at the server",
    "at most *in_flight* at a time, and as many as that",
)
def bound_in_flight(subject: Subject) -> None:
    """The server holds each answer back until one more than allowed is there, or no further one comes."""
    with serving(Names(held=IN_FLIGHT + 1)) as names:
        wanted = labelled("flight", 2 * IN_FLIGHT)
        require_addresses(resolve(subject, names, wanted), wanted)
        require_equal(names.most_in_flight, IN_FLIGHT, "most questions in flight at a time")


@NAME_RESOLUTION.promise("names-no-server", "nobody listens at the server's port", _RESOLVED)
def no_server(subject: Subject) -> None:
    names = Names()
    readable, writing = stop_pair()
    with readable, writing:
        tell(writing)
        names.serve(readable)  # which closes the port at once
    wanted = labelled("nobody", 2)
    require_failures(resolve(subject, names, wanted), wanted)
