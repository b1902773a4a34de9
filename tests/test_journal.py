"""The journal: what is written is read back, what is torn is dropped, what is foreign is refused in one line."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import msgspec
import pytest

from crossloop.journal import (
    CellRecord,
    JournalError,
    JournalWriter,
    Phase,
    PlainPhase,
    RatePhase,
    Record,
    RunRecord,
    SliceRecord,
    combined,
    files,
    parameters_key,
    phase_of,
    read_journal,
)
from crossloop.journal.schema import journal_schema, schema_text
from tests import journals

DOCS = Path(__file__).parent.parent / "docs"


def a_slice(turn: int = 0) -> SliceRecord:
    return SliceRecord(
        adapter="uvloop",
        style="protocol",
        scenario="tcp-echo",
        parameters={"size": 1024, "pinned": True, "share": 0.5, "kind": "plain"},
        phase="rate:50%",
        generation=0,
        round=turn,
        operations=1000,
        elapsed_ns=100_000_000,
        cpu_ns=98_000_000,
        latency=[(-1000, 3), (2000, 1)],
    )


def write(path: Path, records: list[Record]) -> Path:
    with JournalWriter(path) as journal:
        for record in records:
            journal.write(record)
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write(tmp_path / "run.jsonl", [*journals.whole_run(), a_slice()])


def test_round_trip(journal: Path) -> None:
    assert read_journal(journal) == [*journals.whole_run(), a_slice()]


def test_slices_are_passed_over_on_request(journal: Path) -> None:
    assert read_journal(journal, slices=False) == journals.whole_run()


def test_slices_of_another_writer_are_decoded(tmp_path: Path) -> None:
    """Another order of keys is valid JSON of the same schema; it is only not passed over."""
    spaced = json.dumps(msgspec.to_builtins(a_slice()), sort_keys=True).encode()
    path = write(tmp_path / "run.jsonl", [journals.run_record()])
    with path.open("ab") as file:
        file.write(spaced + b"\n")
    assert read_journal(path, slices=False)[1:] == [a_slice()]


@pytest.mark.parametrize("torn", [b"{", b'{"kind":"cell","adapter":"uv', "ü".encode()[:1]])
def test_torn_last_line_is_dropped(journal: Path, torn: bytes) -> None:
    before = read_journal(journal)
    with journal.open("ab") as file:
        file.write(torn)
    assert read_journal(journal) == before


@pytest.mark.parametrize("length", [1, 100_000, 3_000_000])
def test_appending_cuts_a_torn_line_first(journal: Path, length: int) -> None:
    before = read_journal(journal)
    with journal.open("ab") as file:
        file.write(b"x" * length)
    with JournalWriter(journal, append=True) as writer:
        writer.write(a_slice(1))
    assert read_journal(journal) == [*before, a_slice(1)]


def test_each_record_is_whole_on_disk_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with JournalWriter(path) as writer:
        writer.write(journals.run_record())
        writer.write(a_slice(), sync=False)
        assert read_journal(path) == [journals.run_record(), a_slice()]


def test_a_new_journal_does_not_replace_an_old_one(journal: Path) -> None:
    with pytest.raises(FileExistsError):
        JournalWriter(journal)


RUN_LINE = msgspec.json.encode(journals.run_record())
CELL: dict[str, Any] = {
    "kind": "cell",
    "adapter": "uvloop",
    "style": "",
    "scenario": "timers",
    "parameters": {},
    "outcome": "failed",
}


def changed(**values: Any) -> bytes:
    return json.dumps({**CELL, **values}).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "holds no whole line", id="empty"),
        pytest.param(b"{}", "holds no whole line", id="torn-first-line"),
        pytest.param(b"hello\n", "JSON is malformed", id="no-json"),
        pytest.param(b"\xff\xfe\x00\n", "expected a crossloop journal", id="binary"),
        pytest.param(b"[1, 2]\n", "expected a crossloop journal", id="foreign-json"),
        pytest.param(b"[" * 200_000 + b"\n", "expected a crossloop journal", id="deep-json"),
        pytest.param(b'{"kind":"unheard"}\n', "'unheard'", id="foreign-kind"),
        pytest.param(
            json.dumps(CELL).encode() + b"\n", "is of kind 'cell'; expected kind 'run'", id="no-run"
        ),
        pytest.param(
            b'{"kind":"run","schema":99}\n',
            "schema '99', this crossloop reads 1",
            id="other-schema-other-fields",
        ),
        pytest.param(
            RUN_LINE.replace(b'"schema":1', b'"schema":2') + b"\n",
            "schema '2', this crossloop reads 1",
            id="other-schema",
        ),
        pytest.param(RUN_LINE + b"\n" + RUN_LINE + b"\n", "line 2 is of kind 'run'", id="second-run"),
        pytest.param(RUN_LINE + b"\n\n", "line 2", id="blank-line"),
        pytest.param(
            RUN_LINE + b"\n" + changed(outcome="won") + b"\n", "line 2: Invalid enum value", id="outcome"
        ),
        pytest.param(
            RUN_LINE + b"\n" + changed(outcome="measured") + b"\n",
            "'measured' with no figures",
            id="no-figures",
        ),
        pytest.param(
            RUN_LINE + b"\n" + changed(adapter="../x") + b"\n", "line 2: Expected `str` matching", id="name"
        ),
        pytest.param(
            RUN_LINE + b"\n" + changed(reason="x" * 4001) + b"\n", "line 2: Expected `str`", id="long"
        ),
        pytest.param(
            RUN_LINE + b"\n" + b"x" * (files.MAX_LINE_BYTES + 1) + b"\n",
            "line 2 is longer than",
            id="long-line",
        ),
    ],
)
def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        read_journal(path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < len(str(path)) + 500


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(JournalError, match="expected a journal that `crossloop bench"):
            read_journal(path)


def test_oversized_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES + 1)  # sparse: takes no space
    with pytest.raises(JournalError, match="larger than 536,870,912 bytes"):
        read_journal(path)


def test_unknown_keys_of_newer_journals_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(RUN_LINE + b"\n" + changed(colour="red") + b"\n")
    assert isinstance(read_journal(path)[1], CellRecord)


def test_schema_file_is_up_to_date() -> None:
    """Regenerate with: python -m crossloop.journal.schema > docs/journal.schema.json."""
    assert (DOCS / "journal.schema.json").read_text(encoding="utf-8") == schema_text()


def test_journals_validate_against_the_schema(journal: Path) -> None:
    validator = jsonschema.Draft202012Validator(journal_schema())
    validator.check_schema(journal_schema())
    for line in journal.read_bytes().splitlines():
        validator.validate(json.loads(line))


@pytest.mark.parametrize(
    "wrong",
    [
        {**CELL, "outcome": "measured"},
        {**CELL, "figures": {}},
        {**CELL, "adapter": ""},
        {**CELL, "kind": "cells"},
        {**json.loads(RUN_LINE), "schema": 2},
        {key: value for key, value in CELL.items() if key != "scenario"},
    ],
)
def test_schema_refuses_what_the_reader_refuses(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "run.jsonl"
    is_run = wrong["kind"] == "run"
    path.write_bytes((b"" if is_run else RUN_LINE + b"\n") + json.dumps(wrong).encode() + b"\n")
    with pytest.raises(JournalError):
        read_journal(path)
    assert not jsonschema.Draft202012Validator(journal_schema()).is_valid(wrong)


def test_first_record_is_the_run(journal: Path) -> None:
    assert isinstance(read_journal(journal)[0], RunRecord)


def test_counters_are_summed_unless_they_are_known_to_be_no_sums() -> None:
    slices = [{"lost": 1.0, "jain": jain, "rss_peak_bytes": peak, "sockets": 2.0}
              for jain, peak in ((0.5, 10.0), (0.9, 30.0), (0.8, 20.0))]  # fmt: skip
    assert combined([*slices, {"late": 1.0}]) == {
        "lost": 3.0,
        "jain": 0.8,
        "rss_peak_bytes": 30.0,
        "sockets": 6.0,
        "late": 1.0,
    }


@pytest.mark.parametrize("phase", [*PlainPhase, RatePhase("50%"), RatePhase("common")])
def test_a_phase_is_what_its_text_says(phase: Phase) -> None:
    assert phase_of(str(phase)) == phase


def test_a_phase_that_is_not_known_is_none() -> None:
    assert phase_of("warm-up") is None


def test_parameters_have_one_key_whatever_their_order() -> None:
    assert parameters_key({"a": 1, "b": "x"}) == parameters_key({"b": "x", "a": 1})
    assert len({parameters_key({"a": value}) for value in (1, 1.0, True, "1")}) == 4
