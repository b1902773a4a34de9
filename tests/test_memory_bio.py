"""TLS as a sans-I/O application: pieces of any size, records that are none, and the two ends."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from crossloop.api import Receive
from crossloop.idioms.memory_bio import over
from crossloop.supervise.certificates import Certificates, certificates
from crossloop.worker.serving import tls_context

T = TypeVar("T")


class Client:
    """A client whose ciphertext goes to *receive* in pieces of *size* bytes, and whose answers come back from it."""

    def __init__(self, receive: Receive, authority: Path, size: int) -> None:
        self.receive, self.size = receive, size
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(authority))
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.step(self.tls.do_handshake)

    def step(self, do: Callable[[], T]) -> T:
        """Do what may want more of the server, until it has it."""
        while True:
            try:
                return do()
            except ssl.SSLWantReadError:
                assert self.give() > 0, "the server says nothing more"

    def give(self) -> int:
        """Hand over what is to be sent; how many bytes came back."""
        data, came = self.outgoing.read(), 0
        for start in range(0, len(data), self.size):
            came += self.incoming.write(self.receive(data[start : start + self.size]))
        return came


@pytest.fixture(scope="module")
def served() -> Iterator[Certificates]:
    with certificates() as made:
        yield made


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_pieces_of_any_size_are_records_again(size: int, served: Certificates) -> None:
    pieces: list[bytes] = []

    def application() -> Receive:
        def receive(data: bytes) -> bytes:
            pieces.append(data)
            return data.upper()

        return receive

    client = Client(over(tls_context(str(served.server)), application)(), served.ca, size)
    for message in (b"a", b"b" * 16384, b"c" * 40_000):
        client.tls.write(message)
        heard = b""
        while len(heard) < len(message):
            heard += client.step(lambda: client.tls.read(1 << 16))
        assert heard == message.upper()
    assert b"".join(pieces) == b"a" + b"b" * 16384 + b"c" * 40_000
    assert max(map(len, pieces)) == 16384


def test_at_close_notify_the_answer_comes_first_then_close_notify_then_nothing(served: Certificates) -> None:
    receive = over(tls_context(str(served.server)), lambda: bytes.upper)()
    client = Client(receive, served.ca, 1 << 20)
    client.tls.write(b"the last word")
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    client.give()
    assert client.tls.read(100) == b"THE LAST WORD"
    with pytest.raises(ssl.SSLZeroReturnError):
        client.tls.read(100)
    assert receive(b"more") == b""


def test_a_handshake_that_is_none_is_answered_by_an_alert_and_the_rest_is_passed_over(
    served: Certificates,
) -> None:
    receive = over(tls_context(str(served.server)), lambda: bytes.upper)()
    assert receive(b"GET / HTTP/1.1\r\n\r\n")[:1] in (b"\x15", b"")  # an alert (RFC 8446, 5.1), or nothing
    assert receive(b"GET / HTTP/1.1\r\n\r\n") == b""


def test_a_record_that_is_none_ends_what_was_shaken_hands_on(served: Certificates) -> None:
    receive = over(tls_context(str(served.server)), lambda: bytes.upper)()
    client = Client(receive, served.ca, 1 << 20)
    assert receive(b"\x17\x03\x03\x00\x20" + bytes(32))[:1] == b"\x17"  # the alert, encrypted
    client.tls.write(b"unheard")
    assert client.give() == 0


def test_what_the_application_raises_is_raised(served: Certificates) -> None:
    def application() -> Receive:
        answers: dict[bytes, bytes] = {}
        return lambda data: answers[data]

    client = Client(over(tls_context(str(served.server)), application)(), served.ca, 1 << 20)
    client.tls.write(b"key")
    with pytest.raises(KeyError):
        client.give()
