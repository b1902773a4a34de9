"""Several runs in one report: each has a name of its own, whatever their folders are called."""

import subprocess
import sys
from pathlib import Path

from crossloop.journal import JournalWriter
from tests import journals
from tests.documents import ROOT
from tests.pages import broken_links, unfolded

LIMIT_S = 120.0
LONGEST = 300
"""Lines of a page that a reader sees before opening anything."""
SCREEN = 60


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "crossloop", *arguments]
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


def test_the_joined_pages_of_the_committed_runs_are_short_and_their_links_lead_somewhere(
    tmp_path: Path,
) -> None:
    folders = sorted(path.parent for path in (ROOT / "reports").glob("*/behaviours.jsonl"))
    assert len(folders) > 1
    done = crossloop("report", *map(str, folders), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    files = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    pages = {name: path.read_text("utf-8") for name, path in files.items() if name.endswith(".md")}
    reports = {f"{folder.name}/README.md" for folder in folders}
    assert broken_links(pages, {*files, *reports}) == []
    longest = max(pages, key=lambda name: len(unfolded(pages[name])))
    assert len(unfolded(pages[longest])) <= LONGEST, longest
    assert "## What differs between the runs" in "\n".join(pages["README.md"].splitlines()[:SCREEN])


def test_a_baseline_is_an_adapter_with_a_figure_of_one_run(tmp_path: Path) -> None:
    folder, other = written(tmp_path / "a"), written(tmp_path / "b")
    refused = crossloop("report", str(folder), "--baseline", "rsloop")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--baseline rsloop: rsloop has no figure in this run" in refused.stderr
    assert not (folder / "README.md").exists()
    both = crossloop("report", str(folder), str(other), "--baseline", "uvloop")
    assert both.returncode == 2
    assert "--baseline is for the report of one run" in both.stderr
