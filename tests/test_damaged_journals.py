"""Damaged and hostile journals through the command line: one line and a status of the contract, or a page."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from crossloop.journal import JournalWriter, Record, SliceRecord
from tests import journals
from tests.hostile.campaign import run_part
from tests.hostile.journals import PART

LIMIT_S = 120.0


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "crossloop", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def written(folder: Path, records: Sequence[Record]) -> Path:
    folder.mkdir(parents=True)
    with JournalWriter(folder / "run.jsonl") as journal:
        for record in records:
            journal.write(record, sync=False)
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="the trials are forks of one process")
def test_a_few_trials_of_the_campaign(tmp_path: Path) -> None:
    tally = run_part(PART, seed=1, count=14, folder=tmp_path)
    assert tally.tried == 14
    assert not tally.faults


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"memory_bytes":8589934592', f'"memory_bytes":1{"0" * 400}', id="memory"),
        pytest.param('"elapsed_ns":100000000', '"elapsed_ns":0', id="no-time"),
        pytest.param('"ratio_to_best":{"value":1', '"ratio_to_best":{"value":0', id="ratio-over-zero"),
        pytest.param('"operations":1000', f'"operations":{2**63}', id="operations"),
        pytest.param('"noise_floor":0.008', '"noise_floor":1e400', id="infinite"),
    ],
)
def test_numbers_that_no_run_has_are_refused_in_one_line(tmp_path: Path, old: str, new: str) -> None:
    a_slice = SliceRecord(
        "uvloop",
        "protocol",
        "tcp-echo",
        {"size": 1024, "connections": 50},
        "capacity",
        0,
        0,
        1000,
        10**8,
        10**8,
    )
    folder = written(tmp_path / "bad", [*journals.whole_run(), a_slice])
    text = (folder / "run.jsonl").read_text("utf-8")
    assert old in text
    (folder / "run.jsonl").write_text(text.replace(old, new), "utf-8")
    done = crossloop("compare", str(folder), str(folder), "--anyway")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{folder / 'run.jsonl'}: " in done.stderr
