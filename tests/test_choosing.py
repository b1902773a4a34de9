"""What is typed for a loop without an adapter: `--loop NAME=module:factory`."""

import pytest

from crossloop.cli.choosing import NamedLoop, parse_loop
from crossloop.cli.exits import BAD_INPUT, StopError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mine=uvloop:new_event_loop", NamedLoop("mine", "uvloop", "new_event_loop")),
        ("my-2=a.b.c:Loops.fast", NamedLoop("my-2", "a.b.c", "Loops.fast")),
    ],
)
def test_a_loop_has_a_name_a_module_and_a_factory(text: str, expected: NamedLoop) -> None:
    assert parse_loop(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "mine",
        "mine=",
        "mine=uvloop",
        "mine=uvloop:",
        "mine=:factory",
        "mine=uvloop:a b",
        "mine=uvloop:import",
        "mine=../loop.py:new",
        "=uvloop:new_event_loop",
        "my loop=uvloop:new_event_loop",
        "-m=uvloop:new_event_loop",
        f"{'m' * 61}=uvloop:new_event_loop",
    ],
)
def test_what_names_no_loop_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(StopError) as refused:
        parse_loop(text)
    assert refused.value.status == BAD_INPUT
    assert "expected" in str(refused.value)
    assert "\n" not in str(refused.value)
