"""Every bound of the journal holds when writing: what a writer takes can be read, and says what was measured."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossloop.journal import (
    AdapterRecord,
    CellRecord,
    JournalError,
    JournalWriter,
    Record,
    RunRecord,
    SliceRecord,
    UnfitRecordError,
    begin_journal,
    files,
    fitted,
    read_journal,
)
from tests import journals

SLICE = SliceRecord(
    adapter="uvloop",
    style="protocol",
    scenario="tcp-echo",
    parameters={"size": 1024, "share": 0.5, "kind": "plain"},
    phase="rate:50%",
    generation=0,
    round=1,
    operations=1000,
    elapsed_ns=100_000_000,
    cpu_ns=98_000_000,
    latency=[(1000, 3), (2000, 1)],
    counters={"late": 1.5},
)
RECORDS: list[Record] = [*journals.whole_run(), *journals.ladder_run(), SLICE]

TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
ODD = st.one_of(
    TEXT,
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(70, 4200)),
    st.sampled_from(["", "a\n", "../x", "\udc80", "x" * 81, "x" * 201, "x" * 4001, "ü" * 4000]),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e61, -1e300, 5e-324, 2**63, -(2**64), 10**400, -1, 0]),
    st.integers(),
    st.floats(),
    st.sampled_from([None, True, [], {}, [[]], b"", object, {1: 2}, {"a": [1]}]),
    st.dictionaries(TEXT, TEXT, max_size=3),
)


@st.composite
def odd_records(draw: st.DrawFn) -> Any:
    """A record that is right but for a value or two, of any type, at any depth."""
    record: Any = draw(st.sampled_from(RECORDS))
    for _time in range(draw(st.integers(0, 2))):
        record = _with_an_odd_part(draw, record)
    return record


def _with_an_odd_part(draw: st.DrawFn, value: Any) -> Any:
    match value:
        case msgspec.Struct() if value.__struct_fields__:
            name = draw(st.sampled_from(value.__struct_fields__))
            part = getattr(value, name)
            return msgspec.structs.replace(value, **{name: _deeper(draw, part)})
        case dict() if value and draw(st.sampled_from([False, True])):
            name = draw(st.sampled_from(sorted(value)))
            return {**value, name: _deeper(draw, value[name])}
        case dict():
            return {**value, draw(TEXT): draw(ODD)}
        case list() if value:
            index = draw(st.integers(0, len(value) - 1))
            return [*value[:index], _deeper(draw, value[index]), *value[index + 1 :]]
        case _:
            return draw(ODD)


def _deeper(draw: st.DrawFn, part: Any) -> Any:
    return _with_an_odd_part(draw, part) if draw(st.booleans()) else draw(ODD)


@given(records=st.lists(odd_records(), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_writer_takes_can_be_read(tmp_path: Path, records: list[Any]) -> None:
    path = tmp_path / "run.jsonl"
    path.unlink(missing_ok=True)
    taken: list[Any] = [journals.run_record()]
    with JournalWriter(path) as journal:
        journal.write(journals.run_record())
        for record in records:
            before = path.stat().st_size
            refused = _refused(journal, record)
            if refused is None:
                taken.append(record)
            else:
                assert "\n" not in refused
                assert len(refused) < 700
                assert path.stat().st_size == before
    read = read_journal(path)
    assert read == [fitted(record) for record in taken]
    for read_record, was in zip(read, taken, strict=True):
        _assert_only_texts_differ(msgspec.to_builtins(read_record), msgspec.to_builtins(was))


def _refused(journal: JournalWriter, record: Any) -> str | None:
    try:
        journal.write(record, sync=False)
    except UnfitRecordError as error:
        return str(error)
    return None


def _assert_only_texts_differ(read: Any, was: Any) -> None:
    match read, was:
        case dict(), dict():
            assert len(read) == len(was)
            for part, other in zip(read.items(), was.items(), strict=True):
                _assert_only_texts_differ(list(part), list(other))
        case list(), list() | tuple():
            for part, other in zip(read, was, strict=True):
                _assert_only_texts_differ(part, other)
        case str(), str():
            shown = was.encode("utf-8", "backslashreplace").decode()
            kept = read.strip("…")
            assert read == shown or (kept in shown and len(kept) >= 199)
        case _:
            assert read == was


LONG = "x" * 5000


def test_what_is_only_shown_is_cut_where_it_says_least(tmp_path: Path) -> None:
    """`installed` of more than 200 characters made a run of three minutes unreadable."""
    adapter = msgspec.structs.replace(journals.adapter_record("uvloop"), installed=LONG, reason=LONG)
    cell = CellRecord("uvloop", "", "timers", {}, "failed", f"begin {LONG} end", f"begin {LONG} end")
    with JournalWriter(tmp_path / "run.jsonl") as journal:
        for record in (journals.run_record(), adapter, cell):
            journal.write(record)
    _run, about, read_cell = read_journal(tmp_path / "run.jsonl")
    assert isinstance(about, AdapterRecord)
    assert isinstance(read_cell, CellRecord)
    assert about.installed == "x" * 199 + "…"
    assert len(read_cell.reason) == len(read_cell.stderr_tail) == 4000
    assert read_cell.reason.startswith("begin ")
    assert read_cell.reason.endswith("x…")
    assert read_cell.stderr_tail.startswith("…x")
    assert read_cell.stderr_tail.endswith(" end")


def test_what_utf_8_cannot_hold_is_escaped_where_it_is_only_shown() -> None:
    reason = fitted(CellRecord("uvloop", "", "timers", {}, "failed", "no /tmp/f\udce9")).reason
    assert reason == "no /tmp/f\\udce9"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"adapter": "x" * 201}, id="long-name"),
        pytest.param({"adapter": "uvloop\n"}, id="name-with-newline"),
        pytest.param({"phase": "rate:" + "9" * 80}, id="long-phase"),
        pytest.param({"parameters": {"kind": "x" * 201}}, id="long-parameter"),
        pytest.param({"parameters": {"kind": "\udce9"}}, id="parameter-not-utf-8"),
        pytest.param({"parameters": {"kind": [1]}}, id="parameter-list"),
        pytest.param({"counters": {"late": math.nan}}, id="nan"),
        pytest.param({"counters": {"late": -math.inf}}, id="infinite"),
        pytest.param({"counters": {"late": 1e61}}, id="beyond"),
        pytest.param({"operations": 2**63}, id="beyond-64-bits"),
        pytest.param({"operations": 1.5}, id="half-an-operation"),
        pytest.param({"elapsed_ns": 0}, id="no-time"),
        pytest.param({"latency": [(1, 1)] * 300_000}, id="long-line"),
    ],
)
def test_what_would_say_something_else_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "run.jsonl"
    with JournalWriter(path) as journal:
        journal.write(journals.run_record())
        with pytest.raises(UnfitRecordError):
            journal.write(msgspec.structs.replace(SLICE, **changes))
        journal.write(SLICE)
    assert read_journal(path)[1:] == [SLICE]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(SLICE, None, id="slice-first"),
        pytest.param(journals.run_record(), journals.run_record(), id="two-runs"),
        pytest.param(msgspec.structs.replace(journals.run_record(), schema=2), None, id="other-schema"),
        pytest.param(
            journals.run_record(), CellRecord("uvloop", "", "timers", {}, "measured"), id="no-figures"
        ),
    ],
)
def test_a_writer_keeps_the_order_and_what_goes_together(
    tmp_path: Path, first: Record, then: Record | None
) -> None:
    with JournalWriter(tmp_path / "run.jsonl") as journal:
        if then is not None:
            journal.write(first)
        with pytest.raises(UnfitRecordError):
            journal.write(then or first)


def test_a_journal_that_is_full_says_so_and_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with begin_journal(path, journals.run_record()):
        pass
    with path.open("rb+") as file:  # sparse: takes no space
        file.seek(files.MAX_BYTES - 10)
        file.write(b"\n")
    with JournalWriter(path, append=True) as journal, pytest.raises(JournalError, match="full"):
        journal.write(SLICE)
    assert path.stat().st_size < files.MAX_BYTES


def test_an_old_journal_goes_when_the_new_one_has_its_first_record(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    old = journals.run_record()
    with begin_journal(path, old) as journal:
        journal.write(SLICE)
    unfit: RunRecord = msgspec.structs.replace(old, profile="")
    with pytest.raises(UnfitRecordError):
        begin_journal(path, unfit)
    assert read_journal(path) == [old, SLICE]
    new: RunRecord = msgspec.structs.replace(old, seed=8)
    with begin_journal(path, new):
        pass
    assert read_journal(path) == [new]
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_journal_that_was_taken_away_is_not_written_on(tmp_path: Path, *, replaced: bool) -> None:
    path = tmp_path / "run.jsonl"
    with begin_journal(path, journals.run_record()) as journal:
        path.unlink()
        if replaced:
            with begin_journal(path, journals.run_record()):
                pass
        with pytest.raises(JournalError, match="removed, moved or replaced"):
            journal.write(SLICE)
