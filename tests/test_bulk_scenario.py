"""The applications of scenario `bulk`: bytes in, bytes out, in any pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.api import Echo, Receive, UnsupportedError, fixed_filler
from scenarios import bulk

STAMPS = (b"0123456789abcdef", b"fedcba9876543210", b"----------------")
LARGE = 1 << 20
FILLER = fixed_filler(LARGE - 16)


def begun(direction: str) -> Receive:
    application = bulk.Scenario({"direction": direction, "connections": 1}).application()
    receive = application()
    assert callable(receive)
    return receive


def fed(receive: Receive, data: bytes, cuts: list[int]) -> bytes:
    """All answers to *data*, which comes cut at these places."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return b"".join(receive(data[begin:end]) for begin, end in itertools.pairwise(places) if end > begin)


@given(cuts=st.lists(st.integers(0, 48), max_size=6))
def test_each_stamp_is_answered_by_a_megabyte(cuts: list[int]) -> None:
    assert fed(begun("down"), b"".join(STAMPS), cuts) == b"".join(stamp + FILLER for stamp in STAMPS)


@given(
    cuts=st.lists(
        st.integers(0, 3 * LARGE) | st.sampled_from([15, 16, LARGE, LARGE + 1, 2 * LARGE]), max_size=6
    )
)
def test_a_megabyte_is_acknowledged_by_its_stamp(cuts: list[int]) -> None:
    assert fed(begun("up"), b"".join(stamp + FILLER for stamp in STAMPS), cuts) == b"".join(STAMPS)


@pytest.mark.parametrize("place", [16, 17, LARGE // 2, LARGE - 1])
def test_one_wrong_byte_of_an_upload_is_not_acknowledged(place: int) -> None:
    harmed = bytearray(STAMPS[0] + FILLER)
    harmed[place] ^= 1
    data = bytes(harmed) + STAMPS[1] + FILLER
    assert fed(begun("up"), data, [LARGE // 3]) == b"bytes are wrong!" + STAMPS[1]


def test_a_slow_reader_has_an_echo() -> None:
    scenario = bulk.Scenario({"direction": "slow", "connections": 1})
    assert scenario.application() is Echo
    exchange = scenario.exchange()
    assert exchange.in_flight * exchange.answer.size == 32 << 20
    assert exchange.stall_ms > 0


def test_the_exchanges_are_a_megabyte_one_way() -> None:
    down = bulk.Scenario({"direction": "down", "connections": 1}).exchange()
    up = bulk.Scenario({"direction": "up", "connections": 1}).exchange()
    assert (down.request.size, down.answer.size) == (16, LARGE)
    assert (up.request.size, up.answer.size) == (LARGE, 16)


def test_a_direction_that_there_is_not() -> None:
    for wanted in (bulk.Scenario.application, bulk.Scenario.exchange):
        with pytest.raises(UnsupportedError, match="no direction 'across', but down, up, slow"):
            wanted(bulk.Scenario({"direction": "across", "connections": 1}))
