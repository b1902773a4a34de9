"""The web server of scenario `http`: bytes in, bytes out, in any pieces.

Answers are read by the standard library's client, which shares nothing with the server or with the load.
"""

import io
import itertools
from http.client import HTTPResponse
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.api import Receive, StreamApplication, UnsupportedError, fixed_filler

http = pytest.importorskip("scenarios.http", reason="httptools is not installed; `crossloop setup` brings it")

ID = b"0123456789abcdef01234567"
SIZES = {"plaintext": 32, "body-10k": 10240, "pieces": 10240}


class _Wire:
    """What `HTTPResponse` reads from, in place of a socket."""

    def __init__(self, data: bytes):
        self.stream = io.BytesIO(data)
        self.stream.close = lambda: None  # type: ignore[method-assign]  # the next answer is read from it too

    def makefile(self, _mode: str) -> io.BytesIO:
        return self.stream


def application() -> Receive:
    parameters = {"resource": "plaintext", "connections": 1}
    return cast(StreamApplication, http.Scenario(parameters).application())()


def get(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", "")).encode()


def answers(data: bytes, count: int, method: str = "GET") -> list[tuple[int, bytes]]:
    """Status and body of so many answers, after which nothing may follow."""
    wire, responses = _Wire(data), []
    for _ in range(count):
        response = HTTPResponse(wire, method=method)  # type: ignore[arg-type]  # it needs makefile alone
        response.begin()
        responses.append((response.status, response.read()))
    assert wire.stream.read() == b""
    return responses


@pytest.mark.parametrize("resource", list(SIZES))
def test_a_body_begins_with_the_id_that_was_asked_for(resource: str) -> None:
    filler = fixed_filler(SIZES[resource] - len(ID))
    assert answers(application()(get(f"/{resource}/{ID.decode()}")), 1) == [(200, ID + filler)]
    assert answers(application()(get(f"/{resource}")), 1) == [(200, b"0" * len(ID) + filler)]


def test_pieces_are_two_chunks_of_one_size() -> None:
    answer = application()(get("/pieces"))
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert answer.count(b"\r\n1400\r\n") == 2
    assert answer.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("resource", list(SIZES))
def test_the_exchange_is_what_the_application_does(resource: str) -> None:
    exchange = http.Scenario({"resource": resource, "connections": 1}).exchange()
    request = exchange.request.before + ID + exchange.request.after
    body = ID + fixed_filler(exchange.answer.fixed_filler)
    assert answers(application()(request), 1) == [(200, body)]
    assert exchange.answer.size == SIZES[resource]


REQUESTS = (
    get(f"/plaintext/{ID.decode()}"),
    get("/pieces"),
    get("/nowhere"),
    get("/plaintext/0123"),
    get("/plaintext", "Connection: Upgrade", "Upgrade: h2c"),
    get("/body-10k", "Content-Length: 3", method="POST") + b"abc",
)
STATUSES = (200, 200, 404, 404, 200, 405)


@given(
    which=st.lists(st.integers(0, len(REQUESTS) - 1), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 600), max_size=8),
)
def test_requests_are_answered_in_order_however_they_are_cut(which: list[int], cuts: list[int]) -> None:
    data = b"".join(REQUESTS[number] for number in which)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    receive = application()
    answer = b"".join(receive(data[begin:end]) for begin, end in itertools.pairwise(places) if end > begin)
    assert [status for status, _body in answers(answer, len(which))] == [STATUSES[number] for number in which]


@given(st.binary(min_size=1, max_size=200))
def test_whatever_arrives_is_an_answer_or_nothing(data: bytes) -> None:
    answer = application()(data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


def test_after_a_request_that_is_none_nothing_is_answered() -> None:
    receive = application()
    assert answers(receive(get("/plaintext") + b"\0\r\n\r\n" + get("/plaintext")), 2)[1] == (400, b"")
    assert receive(get("/plaintext")) == b""


def test_a_client_that_asks_to_close_is_told_so_and_answered_once() -> None:
    receive = application()
    answer = receive(get("/plaintext", "Connection: close") + get("/plaintext"))
    assert b"\r\nConnection: close\r\n" in answer
    assert [status for status, _body in answers(answer, 1)] == [200]
    assert receive(get("/plaintext")) == b""


def test_head_is_refused_without_a_body() -> None:
    assert answers(application()(get("/plaintext", method="HEAD")), 1, method="HEAD") == [(405, b"")]


def test_a_resource_that_there_is_not() -> None:
    with pytest.raises(UnsupportedError, match="no resource 'page', but plaintext, body-10k, pieces"):
        http.Scenario({"resource": "page", "connections": 1}).exchange()
