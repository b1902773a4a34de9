"""What workers answer is input: each wrong type and size is refused on arrival, by its place and its value."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.plain_text import shown
from crossloop.supervise.answers import (
    Answer,
    AnswerError,
    Described,
    LoadFaultError,
    PromiseAnswer,
    RefusedError,
    RowsGiven,
    Serving,
    SliceAnswer,
    outcome_of,
    read_answer,
)

FACTS = {
    "binding": "b", "binding_version": "1", "library": "none", "library_version": "", "mechanism": "epoll",
    "io_uring": None, "gil": True, "loaded_from": "b.py",
}  # fmt: skip
DESCRIBED: dict[str, Any] = {
    "ready": True, "facts": FACTS, "levels": {"StreamServer": ["a", "b"], "Readiness": ["native"]},
}  # fmt: skip
SERVING = {"ready": True, "host": "127.0.0.1", "port": 7, "pid": 7}
UNIX = {"ready": True, "pid": 7, "path": "/tmp/s"}
SLICE = {
    "operations": 3,
    "elapsed_ns": 9,
    "cpu_ns": 9,
    "latency": [[-1, 2], [1, 2]],
    "counters": {"late": 1.5},
}


def styles(given: object) -> dict[str, Any]:
    return {**DESCRIBED, "levels": {"Tasks": given}}


def line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_what_is_as_it_should_be_is_typed() -> None:
    assert read_answer(line(DESCRIBED), Described).facts.mechanism == "epoll"
    assert read_answer(line(UNIX), Serving).path == "/tmp/s"
    assert read_answer(line({**SERVING, "most_connections": [3, "why"]}), Serving).most_connections == (
        3,
        "why",
    )
    taken = read_answer(line({**SLICE, "more": 1}), SliceAnswer)
    assert (taken.operations, taken.latency, taken.counters) == (3, [(-1, 2), (1, 2)], {"late": 1.5})


REFUSED: dict[str, tuple[type[Answer], Mapping[str, Any], str]] = {
    "style-with-a-bar": (Described, styles(["a", "my | style"]), "levels['Tasks'] = ['a', 'my | style']"),
    "style-no-text": (Described, styles(["a", 3]), "levels['Tasks'] = ['a', 3]: expected `str`, got `int`"),
    "style-twice": (Described, styles(["a", "a"]), "styles of Tasks = ['a', 'a']: expected each style once"),
    "style-empty": (Described, styles([""]), "levels['Tasks'] = ['']"),
    "styles-none": (Described, styles(None), "levels['Tasks'] = None: expected `array`, got `null`"),
    "lacks-no-text": (Described, {**DESCRIBED, "lacks": {"Tasks": 1}}, "lacks['Tasks'] = 1: expected `str`"),
    "level-with-a-bar": (Described, {**DESCRIBED, "levels": {"a | b": ["a"]}}, "levels['a | b'] = ['a']"),
    "fact-a-number": (Described, {**DESCRIBED, "facts": {**FACTS, "mechanism": 1.5}}, "facts.mechanism = 1.5"),
    "fact-a-list": (Described, {**DESCRIBED, "facts": {**FACTS, "gil": [1]}}, "facts.gil = [1]"),
    "fact-long": (Described, {**DESCRIBED, "facts": {**FACTS, "binding": "x" * 5000}}, "facts.binding = 'xxx"),
    "fact-missing": (Described, {**DESCRIBED, "facts": {}}, "answered facts: object missing required field"),
    "facts-none": (Described, {**DESCRIBED, "facts": None}, "facts = None"),
    "row-twice": (RowsGiven, {"styles": ["a", "a"]}, "'a' is there twice"),
    "bound-no-pair": (Serving, {**SERVING, "most_connections": 5}, "most_connections = 5"),
    "bound-negative": (Serving, {**SERVING, "most_connections": [-1, "x"]}, "most_connections = [-1, 'x']"),
    "no-place": (Serving, {**UNIX, "path": ""}, "expected host and port, or path"),
    "port": (Serving, {**SERVING, "port": 70_000}, "port = 70000"),
    "nan": (SliceAnswer, {**SLICE, "counters": {"late": float("nan")}}, "counters['late'] = nan"),
    "infinite": (SliceAnswer, {**SLICE, "counters": {"late": float("inf")}}, "counters['late'] = inf"),
    "counter-name": (SliceAnswer, {**SLICE, "counters": {"a b": 1}}, "counters['a b'] = 1"),
    "negative": (SliceAnswer, {**SLICE, "operations": -1}, "operations = -1: expected `int` >= 0"),
    "fraction": (SliceAnswer, {**SLICE, "operations": 1.5}, "operations = 1.5: expected `int`, got `float`"),
    "huge": (SliceAnswer, {**SLICE, "operations": 10**30}, "operations = 10000"),
    "no-time": (SliceAnswer, {**SLICE, "elapsed_ns": 0}, "elapsed_ns = 0: expected `int` >= 1"),
    "pairs": (SliceAnswer, {**SLICE, "latency": [[1, 2], [1]]}, "latency[1] = [1]"),
    "not-json": (SliceAnswer, {**SLICE, "cpu_ns": {"not JSON": "b'x'"}}, "cpu_ns = b'x'"),
    "outcome": (PromiseAnswer, {"outcome": "fine", "expected": "", "actual": "", "reason": ""}, "outcome = 'fine'"),
    "refusal": (Described, {"outcome": "fine", "reason": ""}, "outcome = 'fine'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_is_refused_by_place_and_value(name: str) -> None:
    kind, document, wanted = REFUSED[name]
    with pytest.raises(AnswerError) as caught:
        read_answer(line(document), kind)
    assert wanted in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"a":' * 5000, b"9" * 5000, b'"x"'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(AnswerError, match="expected a JSON object"):
        read_answer(raw, SliceAnswer)


def test_half_a_pair_and_what_a_terminal_obeys_are_written_out() -> None:
    """A Latin-1 byte in a path is a lone surrogate, which no journal can hold."""
    said = {"outcome": "failed", "reason": "no file 'caf\udce9'\x1b[2J\nline two"}
    with pytest.raises(RefusedError) as caught:
        read_answer(line(said), Described)
    assert caught.value.refusal.reason == "no file 'caf\\udce9'\\x1b[2J\nline two"
    assert "setup x" not in str(outcome_of(caught.value.refusal, "x"))


def test_an_error_of_the_load_is_none_of_the_answer() -> None:
    with pytest.raises(LoadFaultError, match="lost it"):
        read_answer(b'{"error": "lost it", "kind": "lost"}', SliceAnswer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(SLICE)), JSON)
def test_any_value_of_any_field_is_taken_or_refused(field: str, value: Any) -> None:
    with contextlib.suppress(AnswerError):
        assert isinstance(read_answer(line({**SLICE, field: value}), SliceAnswer), SliceAnswer)


@given(JSON)
def test_any_value_is_shown_on_one_short_line(value: Any) -> None:
    assert len(shown(value)) <= 121
    assert "\n" not in shown(value)
