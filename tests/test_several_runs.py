"""Several runs in one report: each has a name of its own, whatever their folders are called."""

import subprocess
import sys
from pathlib import Path

from crossloop.journal import JournalWriter
from tests import journals

LIMIT_S = 120.0


def crossloop(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "crossloop", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def written(folder: Path) -> Path:
    folder.mkdir(parents=True)
    with JournalWriter(folder / "run.jsonl") as journal:
        for record in journals.whole_run():
            journal.write(record, sync=False)
    return folder


def test_runs_whose_folders_have_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [written(tmp_path / place) for place in ("a/linux", "b/linux", "b/macos")]
    done = crossloop("report", *map(str, folders), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    for label in ("a/linux", "b/linux", "macos"):
        assert f"| {label} |" in page, label


def test_journals_in_one_folder_are_told_apart_and_one_named_twice_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "linux")
    other = folder / "before.jsonl"
    other.write_bytes((folder / "run.jsonl").read_bytes())
    done = crossloop("report", str(folder), str(other), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| run.jsonl |" in page
    assert "| before.jsonl |" in page
    twice = crossloop("report", str(folder), str(folder / "run.jsonl"), "--out", str(tmp_path / "out"))
    assert twice.returncode == 2
    assert twice.stderr == f"crossloop: {folder} is named twice; name each run once\n"
