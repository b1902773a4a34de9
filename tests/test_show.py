"""`crossloop show`: tables of a journal by name, whole lines in a pipe, and nothing that a terminal would obey."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from crossloop.journal import JournalWriter, Record
from crossloop.report import Chapters, Section, chapters_of
from tests import journals

LIMIT_S = 60.0


def crossloop(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "FORCE_COLOR"}}
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        env={**known, **environment}, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S, check=False,
    )  # fmt: skip


def written(folder: Path, records: Sequence[Record]) -> Path:
    with JournalWriter(folder / "run.jsonl") as journal:
        for record in records:
            journal.write(record, sync=False)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("run"), journals.whole_run())


def chapters(records: Sequence[Record], baseline: str = "") -> Chapters:
    return chapters_of(records, journals.ABOUT, {}, baseline)


HEADLINE = """\
Adapter          TCP
uvloop        *1.00*
libevent      *1.03*
pyev            1.09
asyncio         1.17
gevent-libev    1.90
tornado         2.45
gevent-libuv    4.91
"""
"""Its first table."""


# The command


def test_without_a_table_the_names_are_listed(folder: Path) -> None:
    done = crossloop("show", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
    assert names[:4] == ["headline", "scenario:tcp-echo", "scenario:timers", "adapter:asyncio"]
    assert {"adapter:uvloop", "behaviours", "doubts", "missing", "run"} <= set(names)


def test_the_headline_has_whole_lines_in_a_pipe(folder: Path) -> None:
    done = crossloop("show", str(folder), "headline")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n\n{HEADLINE}\n" in done.stdout
    assert done.stdout.startswith("crossloop on Linux 6.1 (x86_64)\nExample CPU at 2.4 GHz, 2 CPUs (KVM); ")
    assert "Bold looks like *this* here.\n" in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_tables_stand_in_the_order_in_which_they_were_named_each_once(folder: Path) -> None:
    done = crossloop("show", str(folder), "run", "adapter:uv", "adapter:uvloop")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "What was run"
    assert lines.index("uvloop") > lines.index("The adapters")
    assert lines.count("uvloop") == 1


def test_a_narrow_terminal_gets_narrow_lines(folder: Path) -> None:
    done = crossloop("show", str(folder), "", "headline", COLUMNS="30")
    assert done.returncode == 2
    done = crossloop("show", str(folder), "headline", "scenario:tcp-echo", COLUMNS="70")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 70


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["headlines"], "unknown table 'headlines'; did you mean 'headline'? `crossloop show "),
        (["headline", "adapter:uvlop"], "unknown table 'adapter:uvlop'; did you mean 'adapter:uvloop'?"),
        (["--baseline", "rsloop"], "--baseline rsloop: rsloop has no figure in this run"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(folder: Path, arguments: list[str], said: str) -> None:
    done = crossloop("show", str(folder), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line


def test_a_folder_without_a_journal_is_refused(tmp_path: Path) -> None:
    done = crossloop("show", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path) in done.stderr


# What there is


def test_a_run_without_figures_has_no_headline_and_says_why() -> None:
    records: list[Record] = [
        journals.run_record(),
        journals.adapter_record("asyncio", outcome="not-installed", reason="no wheel"),
    ]
    known = chapters(records)
    assert list(known) == ["doubts", "missing", "run"]
    assert "no wheel" in str(known["missing"].sections())


def test_a_baseline_is_named_in_the_key_and_divides() -> None:
    (_title, first, *_others) = chapters(journals.whole_run(), "asyncio")["headline"].sections()
    assert "asyncio" in first.table.caption
    assert next(row[1] for row in first.table.rows if "asyncio" in row[0]) == "1.00"


def test_behaviours_are_shown_where_they_were_asked_alone() -> None:
    known = chapters(journals.asked_run("CPython 3.13.1"))
    assert "headline" not in known
    (between, *_rest) = known["behaviours"].sections()
    assert len(between.table.rows) == 1
    assert [section.heading for section in known["adapter:uvloop"].sections()] == [
        "uvloop",
        "What asyncio does and it does not",
    ]


@pytest.mark.parametrize("records", [journals.whole_run(), journals.ladder_run()], ids=["whole", "ladder"])
def test_no_section_is_empty(records: list[Record]) -> None:
    for chapter in chapters(records).values():
        assert chapter.title
        assert chapter.sections()
        assert all(chapter.sections())


def test_a_section_holds_something_where_it_has_more_than_a_heading() -> None:
    assert not Section("heading")
    assert Section(points=["one"])


# A stranger's journal


def test_a_terminal_is_told_nothing_by_a_strangers_text(tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07 [red]rich[/red] **bold** \u202egnp.exe `code` <b>"
    records: list[Record] = [
        msgspec.structs.replace(record, reason=evil, stderr_tail=evil)
        if getattr(record, "outcome", "measured") == "failed" and hasattr(record, "stderr_tail")
        else record
        for record in journals.whole_run()
    ]
    folder = written(tmp_path, records)
    done = crossloop(
        "show", str(folder), "missing", "doubts", "adapter:", COLUMNS="300", FORCE_COLOR="1", TERM="xterm"
    )
    assert done.returncode == 0, done.stderr
    assert "\\x1b]0;title\\x07 [red]rich[/red] **bold** \\u202egnp.exe `code` <b>" in done.stdout
    assert "\x1b[1m" in done.stdout, "headings are bold"
    assert not {"\x07", "\u202e"} & set(done.stdout)
    assert "\x1b]" not in done.stdout
