"""README.md and docs/commands.md say what is so: the excerpt, the lists of adapters and scenarios, the commands."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from crossloop.suite import load_suite
from docs.update_excerpt import (
    REPORT,
    ExcerptError,
    excerpt,
    shown_in,
    with_excerpt,
)
from tests.documents import ROOT

README = (ROOT / "README.md").read_text("utf-8")
SUITE = load_suite()
LIMIT_S = 120.0


# The excerpt


def reports() -> list[str]:
    """The report as committed, and as it lies there: a bench that somebody ran here replaces the latter."""
    path = REPORT.relative_to(ROOT).as_posix()
    command = ["git", "-C", str(ROOT), "show", f"HEAD:./{path}"]
    committed = (
        subprocess.run(command, capture_output=True, encoding="utf-8", timeout=LIMIT_S, check=False)
        if shutil.which("git") and (ROOT / ".git").exists()
        else None
    )
    found = [committed.stdout] if committed is not None and committed.returncode == 0 else []
    return [*found, REPORT.read_text("utf-8")] if REPORT.is_file() else found


def test_the_excerpt_is_what_the_committed_report_says() -> None:
    pages = reports()
    if not pages:
        pytest.skip("no report is committed under reports/linux")
    assert shown_in(README) in [excerpt(page) for page in pages]


GOLDEN_EXCERPT = """\
TCP echo, size 1 KiB, connections 50, the leanest style of some adapters, from [reports/linux](reports/linux/README.md),
which has the others, more columns, and the other scenarios. Linux 6.1 (x86_64), glibc 2.36; \
Example CPU at 2.4 GHz, 2 CPUs, 8.0 GiB of memory; CPython 3.13.1; crossloop 0.1.0, profile quick, seed 7.

| Tier | Adapter (style) | CPU µs per message | ÷ leanest | messages/s | regime (server / load CPU) |
| ---: | :--- | ---: | ---: | ---: | :--- |
| 1 | uvloop (protocol) | 5.80 (5.68–5.92) | 1.00 | 164,000 ‡ | server-bound (0.98 / 0.61) |
| 1 | libevent | 6.00 (5.88–6.12) | 1.03 (1.03–1.04) | 158,000 ‡ | server-bound (0.98 / 0.61) |
| 2 | pyev | 6.30 (6.17–6.43) | 1.09 (1.08–1.09) | 151,000 ‡ | server-bound (0.98 / 0.61) |
| 3 | asyncio (protocol) | 6.80 (6.66–6.94) | 1.17 (1.17–1.18) | 140,000 ‡ | server-bound (0.98 / 0.61) |
| 4 | gevent-libev | 11.0 (10.8–11.2) | 1.90 (1.89–1.91) | 86,400 | server-bound (0.98 / 0.61) |
| 5 | tornado | 14.2 (13.9–14.5) | 2.45 (2.44–2.46) | 66,900 | server-bound (0.98 / 0.61) |

![CPU time per message of every row, with intervals, one panel a parameter set]\
(reports/linux/tcp-echo-cpu.svg)"""


def test_an_excerpt_has_the_words_and_figures_of_the_report() -> None:
    assert excerpt((ROOT / "tests/golden/run.md").read_text("utf-8")) == GOLDEN_EXCERPT


def test_an_excerpt_is_put_between_the_markers_and_nowhere_else() -> None:
    page = "before\n<!-- excerpt:begin -->\nold\n<!-- excerpt:end -->\nafter\n"
    new = with_excerpt(page, "new\n\n| a |")
    assert new == "before\n<!-- excerpt:begin -->\nnew\n\n| a |\n<!-- excerpt:end -->\nafter\n"
    assert shown_in(new) == "new\n\n| a |"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("### TCP echo", "### Echo", "no heading '### TCP echo'"),
        ("CPU µs per message", "CPU", "lacks CPU µs per message"),
        ("| Processor |", "| CPU |", "lacks Processor"),
        ("![CPU time per message", "[CPU time per message", None),
        ("tcp-echo-", "../../", "has no plot"),
    ],
)
def test_a_report_with_other_words_is_refused(old: str, new: str, message: str | None) -> None:
    page = (ROOT / "tests/golden/run.md").read_text("utf-8").replace(old, new)
    if message is None:  # the next plot of the scenario is taken
        assert "tcp-echo-latency.svg" in excerpt(page)
        return
    with pytest.raises(ExcerptError, match=re.escape(message)):
        excerpt(page)


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
