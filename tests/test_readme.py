"""README.md and docs/commands.md say what is so: the excerpt, the lists of adapters and scenarios, the commands."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from crossloop.cli.reporting import records_of
from docs.update_excerpt import FOLDER, ExcerptError, excerpt, shown_in, with_excerpt
from tests.documents import ROOT
from tests.journals import whole_run
from tests.own_suite import SUITE

README = (ROOT / "README.md").read_text("utf-8")
LIMIT_S = 120.0


# The excerpt


def measured_here_since() -> bool:
    """Whether the journal that lies under reports/standard is another than the committed one."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", FOLDER]
    if not shutil.which("git") or not (ROOT / ".git").exists():
        return False
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return "run.jsonl" in done.stdout


def test_the_excerpt_is_what_the_committed_journal_says() -> None:
    if measured_here_since():
        pytest.skip("reports/standard was measured again and is not committed")
    assert shown_in(README) == excerpt(records_of(ROOT / FOLDER))


GOLDEN_EXCERPT = """\
CPU time per operation ÷ that of the leanest of 7 adapters. Bold: the leanest, and what is tied with it. \
From [reports/standard](reports/standard/README.md), which says what each figure means and how sure it is: \
Linux 6.1 (x86_64), \
Example CPU at 2.4 GHz, 2 CPUs (KVM); CPython 3.13.1; profile quick, started 2026-11-23T17:31:05 (UTC).

| Adapter | TCP | Timers |
| :--- | ---: | ---: |
| uvloop | **1.00** | **1.00** |
| asyncio | 1.17 | 2.11 |
| gevent-libev | 1.90 | no |
| tornado | 2.45 | failed |

no: the library or its adapter does not offer it; failed: an error, or a wrong answer.

![Heat map of every ratio of this run, adapters by questions](reports/standard/headline.svg)"""


def test_an_excerpt_has_the_cells_of_the_headline() -> None:
    assert excerpt(whole_run()) == GOLDEN_EXCERPT


def test_a_run_without_the_adapters_of_the_excerpt_is_refused() -> None:
    with pytest.raises(ExcerptError, match="no figure of asyncio, uvloop"):
        excerpt(whole_run()[:1])


def test_an_excerpt_is_put_between_the_markers_and_nowhere_else() -> None:
    page = "before\n<!-- excerpt:begin -->\nold\n<!-- excerpt:end -->\nafter\n"
    new = with_excerpt(page, "new\n\n| a |")
    assert new == "before\n<!-- excerpt:begin -->\nnew\n\n| a |\n<!-- excerpt:end -->\nafter\n"
    assert shown_in(new) == "new\n\n| a |"


# Adapters and scenarios


def table_of_commands() -> dict[str, list[str]]:
    """First column without its backquotes → the other columns, of the first table of docs/commands.md."""
    lines = (ROOT / "docs/commands.md").read_text("utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    rows: dict[str, list[str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first.strip("`")] = rest
    return rows


@pytest.mark.parametrize(
    ("heading", "known"),
    [("Scenarios", SUITE.scenarios), ("Adapters", SUITE.adapters)],
    ids=["scenarios", "adapters"],
)
def test_the_lists_name_each_once_and_nothing_else(heading: str, known: Mapping[str, object]) -> None:
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    items = re.findall(r"^- .*(?:\n  .*)*", section, re.MULTILINE)
    named = re.findall(r"`([\w-]+)`", " ".join(items))
    assert sorted(named) == sorted(known)


# The commands


def test_the_table_of_commands_is_that_of_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crossloop", "--help"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    commands = re.findall(r"^  (\w+)  ", done.stdout.split("Commands:")[1], re.MULTILINE)
    assert {name.split()[1] for name in table_of_commands()} == set(commands)
