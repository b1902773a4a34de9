"""Exports, as whole documents, and as the tools that they are for read them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.export import NothingToExportError, action_document, pyperf_document
from crossloop.journal import (
    SLICES_LEFT_OUT,
    CellRecord,
    EndRecord,
    JournalWriter,
    Record,
    RunRecord,
    SliceRecord,
    read_journal,
    without_slices,
)
from crossloop.report import render
from tests.journals import figures, run_record

PARAMETERS: dict[str, int | float | bool | str] = {"size": 1024, "connections": 50}


def slice_(generation: int, turn: int, cpu_ns: int, phase: str = "capacity") -> SliceRecord:
    return SliceRecord(
        "uvloop", "protocol", "tcp-echo", PARAMETERS, phase, generation, turn,
        operations=1000, elapsed_ns=10**8, cpu_ns=cpu_ns,
    )  # fmt: skip


UNITS = {"tcp-echo": "message"}
RECORDS: list[Record] = [
    run_record(adapters=("uvloop", "pyev"), scenarios=("tcp-echo",)),
    slice_(0, 1, 6_000_000),
    slice_(0, 0, 5_800_000),
    slice_(1, 0, 5_900_000),
    slice_(0, 0, 9_999_999, "rate:common"),
    CellRecord("uvloop", "protocol", "tcp-echo", PARAMETERS, "measured", figures=figures(5.8)),
    CellRecord("pyev", "native", "tcp-echo", PARAMETERS, "crashed", "ended by SIGSEGV"),
    EndRecord(elapsed_s=3, cells={"measured": 1, "crashed": 1}),
]


def test_the_pyperf_document_is_this() -> None:
    assert pyperf_document(RECORDS, UNITS) == {
        "version": "1.0",
        "metadata": {
            "crossloop_version": "0.1.0",
            "crossloop_profile": "quick",
            "crossloop_started": "2026-11-23T17:31:05",
            "cpu_count": 2,
            "cpu_model_name": "Example CPU at 2.4 GHz",
            "platform": "Linux 6.1 x86_64",
            "python": "CPython 3.13.1",
        },
        "benchmarks": [
            {
                "metadata": {
                    "name": "tcp-echo: uvloop (protocol): size 1 KiB, connections 50: CPU seconds per message",
                    "unit": "second",
                    "adapter": "uvloop",
                    "style": "protocol",
                    "scenario": "tcp-echo",
                },
                "runs": [{"values": [5.8e-6, 6.0e-6]}, {"values": [5.9e-6]}],
            }
        ],
    }


def test_the_github_action_benchmark_document_is_this() -> None:
    assert action_document(RECORDS, {}) == [
        {
            "name": "tcp-echo: uvloop (protocol): size 1 KiB, connections 50: CPU ns per operation",
            "unit": "ns/operation",
            "value": 5800.0,
            "range": "± 116",
            "extra": "95 % interval 5,680 to 5,920 ns\n90 slices, 3 sets of processes\n÷ the leanest row: 1.00\n"
            "CPython 3.13.1, Linux 6.1 (x86_64)\ncrossloop 0.1.0, profile quick",
        }
    ]


def test_a_run_without_figures_has_nothing_to_export() -> None:
    without = [record for record in RECORDS if not isinstance(record, SliceRecord)]
    with pytest.raises(NothingToExportError, match="no slices of a measured cell"):
        pyperf_document(without, UNITS)
    with pytest.raises(NothingToExportError, match="no measured cell"):
        action_document([record for record in without if getattr(record, "adapter", "") != "uvloop"], UNITS)


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    with JournalWriter(path) as writer:
        for record in RECORDS:
            writer.write(record, sync=False)
    return path


def pyperf(*arguments: str) -> str:
    command = [sys.executable, "-m", "pyperf", *arguments]
    # pyperf writes boxes and µ; a terminal that cannot is not what is tested.
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done
    return done.stdout


def test_pyperf_reads_what_is_exported(journal: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyperf", reason="pyperf is not installed; it comes with the extra 'test'")
    base, slow = tmp_path / "base.json", tmp_path / "slow.json"
    done = crossloop("export", "pyperf", str(journal), str(base))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{base}\n", "")
    document = json.loads(base.read_text("utf-8"))
    for run in document["benchmarks"][0]["runs"]:
        run["values"] = [2 * value for value in run["values"]]
    slow.write_text(json.dumps(document), "utf-8")
    assert "Mean +- std dev: 5.90 us +- 0.10 us" in pyperf("show", str(base))
    assert "2.00x slower" in pyperf("compare_to", str(base), str(slow))


def test_a_journal_without_slices_gives_the_same_figures(journal: Path, tmp_path: Path) -> None:
    small = tmp_path / "run.jsonl"
    done = crossloop("export", "journal", str(journal), str(small))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{small}\n", "")
    head, *others = read_journal(small)
    assert isinstance(head, RunRecord)
    assert head.settings == {SLICES_LEFT_OUT: 4}
    assert others == [record for record in RECORDS[1:] if not isinstance(record, SliceRecord)]
    assert render([head, *others]) == render([head, *RECORDS[1:]])
    assert without_slices([head, *others]) == [head, *others]
    streamed = crossloop("export", "journal", str(journal))
    assert streamed.stdout == small.read_text("utf-8")


def test_a_journal_may_be_exported_in_place(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run.jsonl"
    copy.write_bytes(journal.read_bytes())
    assert crossloop("export", "journal", str(tmp_path), str(copy)).returncode == 0
    assert [record for record in read_journal(copy) if isinstance(record, SliceRecord)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


def test_what_needs_slices_says_that_they_were_left_out(journal: Path, tmp_path: Path) -> None:
    small = tmp_path / "run.jsonl"
    assert crossloop("export", "journal", str(journal), str(small)).returncode == 0
    for arguments in (
        ("compare", str(journal), str(small)),
        ("compare", str(small), str(journal)),
        ("bench", "--adapters", "asyncio", "--scenarios", "call-soon", "--resume", "--out", str(tmp_path)),
    ):
        done = crossloop(*arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
        assert "left out by `crossloop export journal`" in done.stderr


def test_the_command_refuses_in_one_line(journal: Path, tmp_path: Path) -> None:
    done = crossloop("export", "github-action-benchmark", str(journal.parent))
    assert (done.returncode, json.loads(done.stdout)[0]["unit"]) == (0, "ns/message")
    empty = tmp_path / "run.jsonl"
    with JournalWriter(empty) as writer:
        writer.write(run_record())
    for arguments, status, wanted in (
        (
            ("pyperv", str(journal)),
            2,
            "'pyperv' is not one of 'journal', 'pyperf', 'github-action-benchmark'",
        ),
        (("pyperf", "nowhere"), 2, "nowhere"),
        (("pyperf", str(empty)), 3, "has no slices of a measured cell"),
        (("pyperf", str(journal), str(tmp_path / "no" / "file")), 2, "choose another FILE"),
    ):
        done = crossloop("export", *arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1), done
        assert wanted in done.stderr
