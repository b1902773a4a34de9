"""The application of scenario `fan-out`: a room whose members get every line."""

from hypothesis import given
from hypothesis import strategies as st

from crossloop.api import Receive
from scenarios.fan_out import Room, Scenario


class _Member:
    """A connection of the room, and what it was sent."""

    def __init__(self, room: Room):
        self.got = b""
        self.receive: Receive = room.join(self._send)

    def _send(self, data: bytes) -> None:
        self.got += data


def lines_of(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


@given(st.lists(st.text("ab\n", min_size=1).map(str.encode), max_size=30))
def test_all_get_each_whole_line_however_it_is_cut(pieces: list[bytes]) -> None:
    room = Room()
    members = [_Member(room) for _ in range(3)]
    came = b""
    for piece in pieces:
        assert members[1].receive(piece) == b""
        came += piece
        assert [member.got for member in members] == [lines_of(came)] * 3


def test_lines_of_two_senders_are_not_mixed() -> None:
    room = Room()
    first, second = _Member(room), _Member(room)
    first.receive(b"from the fi")
    second.receive(b"from the second\n")
    first.receive(b"rst\n")
    assert first.got == second.got == b"from the second\nfrom the first\n"


def test_who_has_left_gets_nothing_more() -> None:
    room = Room()
    stays, leaves = _Member(room), _Member(room)
    assert leaves.receive(b"") == b""
    stays.receive(b"line\n")
    assert (stays.got, leaves.got) == (b"line\n", b"")


def test_one_who_leaves_while_a_line_goes_round() -> None:
    room = Room()
    first = _Member(room)
    receive = room.join(lambda _data: receive(b""))
    last = _Member(room)
    first.receive(b"line\n")
    assert first.got == last.got == b"line\n"


def test_each_server_has_a_room_of_its_own() -> None:
    scenario = Scenario({"connections": 2})
    got: list[bytes] = []
    scenario.application()(got.append)
    scenario.application()(lambda _data: None)(b"line\n")
    assert got == []
