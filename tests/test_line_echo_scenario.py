"""The application of scenario `line-echo`: lines out of pieces."""

from hypothesis import given
from hypothesis import strategies as st

from scenarios import line_echo

PARAMETERS = {"in_flight": 16, "connections": 1}


@given(st.lists(st.text("ab\n").map(str.encode), max_size=30))
def test_whole_lines_come_back_and_the_rest_is_kept(pieces: list[bytes]) -> None:
    receive = line_echo.LineEcho()
    came = answered = b""
    for piece in pieces:
        came += piece
        answered += receive(piece)
        assert answered == came[: came.rfind(b"\n") + 1]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    receive = line_echo.LineEcho()
    assert receive(b"a" * 60_000) == b""
    assert receive(b"b" * 60_000) == b""
    assert receive(b"after\n") == b"after\n"


def test_a_line_has_a_hundred_bytes_and_ends_in_one_newline() -> None:
    exchange = line_echo.Scenario(PARAMETERS).exchange()
    assert exchange.request == exchange.answer
    assert exchange.request.size == 100
    assert exchange.request.size - 24 - exchange.request.own_filler == 1
    assert (exchange.framing, exchange.letters, exchange.in_flight) == ("line", True, 16)
