"""What the libraries do, as reports show it: differences first, and nothing that is the same."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossloop.journal import DropinOutcome, DropinRecord, JournalWriter, Record, behaviours_path
from crossloop.report import BehaviourTexts, render_matrix
from tests import journals

TEXTS = {
    "never-early": BehaviourTexts(
        "Is a timer never early?",
        "It fires at its time or later.",
        "https://docs.python.org/3/",
        ("https://example.org/report",),
        "Timers",
        {"asyncio": "def on_asyncio(new_loop):\n    return yes()\n"},
    ),
}


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank."""
    return page.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def written(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True)
    with JournalWriter(behaviours_path(folder)) as journal:
        for record in records:
            journal.write(record, sync=False)
    return folder


def crossloop(*arguments: object) -> str:
    line = [sys.executable, "-m", "crossloop", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout


def test_what_differs_between_runs_comes_first_and_what_is_the_same_is_not_there() -> None:
    runs = [
        ("3.11", journals.asked_run("3.11")),
        ("3.13", journals.asked_run("3.13")),
        ("old", journals.asked_run("3.11", uvloop="uvloop@0.21.0", answers=("yes", "yes"))),
    ]
    rendered = render_matrix(runs, questions=TEXTS)
    changes = section(rendered.markdown, "What differs between the runs")
    rows = [line for line in changes.splitlines() if line.startswith(("| [", "| `"))]
    assert rows == [
        "| [Is a timer never early?](behaviours/never-early.md) | uvloop "
        "| no: up to 2 ms early | no: up to 2 ms early | yes (0.21.0) |"
    ]
    assert "far-future" not in changes
    headings = re.findall(r"^## (.+)$", rendered.markdown, re.MULTILINE)
    assert headings == ["What differs between the runs", "The runs"]
    everything = rendered.files["behaviours.md"].decode()
    assert rows[0] in section(everything, "What differs between the runs")
    assert "In the run 3.11." in section(everything, "What differs between the libraries")
    group = rendered.files["behaviours/group-timers.md"].decode()
    assert "| [Is a timer never early?](../behaviours/never-early.md) | yes | no |" in group


def test_runs_that_agree_say_so() -> None:
    rendered = render_matrix([(label, journals.asked_run("3.11")) for label in ("a", "b")], questions=TEXTS)
    assert "Nothing: each library answers" in section(rendered.markdown, "What differs between the runs")


def test_evidence_is_shown_and_never_compared() -> None:
    runs = [("a", journals.asked_run("3.11")), ("b", journals.asked_run("3.13"))]
    rendered = render_matrix(runs, questions=TEXTS)
    page = rendered.files["behaviours/never-early.md"].decode()
    assert "3.11 saw" in page
    assert "3.13 saw" in page
    assert "https://example.org/report" in page
    assert "def on_asyncio(new_loop):" in page


def test_a_librarys_page_says_what_one_gives_up_and_gains() -> None:
    records = journals.asked_run("3.11", answers=("no", "yes"))
    rendered = render_matrix([("a", records)], questions=TEXTS)
    page = rendered.files["adapters/uvloop.md"].decode()
    assert "up to 2 ms early" in section(page, "What you give up, against asyncio")
    assert "Nothing that was asked about" in section(page, "What you gain, against asyncio")
    assert "far-future" in page.partition("Rules that it keeps: 1")[2]


@pytest.mark.parametrize("single", [True, False])
def test_what_changed_since_an_earlier_run(tmp_path: Path, single: bool) -> None:
    before = written(tmp_path / "before", journals.asked_run("3.11"))
    now = [written(tmp_path / "now", journals.asked_run("3.11", answers=("yes", "yes")))]
    if not single:
        now.append(written(tmp_path / "other", journals.asked_run("3.11")))
    crossloop("report", *now, "--since", before, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    changed = page.partition("What changed since")[2].partition("\n## ")[0]
    assert "| uvloop | no: up to 2 ms early | yes |" in changed
    assert (tmp_path / "out" / "behaviours" / "never-early.md").is_file()


def test_what_loops_do_with_cpythons_tests_is_a_line_each() -> None:
    def tested(loop: str, test: str, outcome: DropinOutcome, **more: Any) -> DropinRecord:
        return DropinRecord(loop, "1.0", "CPython 3.11.7", test, "tls", outcome, **more)

    records = [
        *journals.asked_run("3.11"),
        tested("uvloop", "one", "passed"),
        tested("uvloop", "two", "crashed"),
        tested("uvloop", "three", "hung"),
        tested("uvloop", "four", "failed", private=True),
        tested("asyncio", "one", "passed", control=True),
    ]
    page = render_matrix([("a", records)], questions=TEXTS).files["contract.md"].decode()
    lines = section(page, "CPython's own tests on each loop").splitlines()
    assert "| uvloop 1.0 | 1 | 1 | 1 | 0 | tls 2 of 3 |" in lines
    assert "| asyncio 1.0 | 1 | 0 | 0 | 0 | nothing |" in lines
