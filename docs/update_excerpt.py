"""Copies figures of a committed report into README.md, so that what is shown there was measured.

    python docs/update_excerpt.py            write them between README.md's excerpt markers
    python docs/update_excerpt.py --check    exit 1 when what stands there is something else

Taken are, from `reports/linux/README.md`: the first table of the scenario `TCP echo` with some of its columns and rows,
word for word, its plot, and from "What was run" the machine. Nothing is computed. The report is found by its own
words; when one of them is missing the script says which and changes nothing (exit 2).
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FOLDER = "reports/linux"
REPORT = ROOT / FOLDER / "README.md"

BEGIN, END = "<!-- excerpt:begin -->", "<!-- excerpt:end -->"
SCENARIO = "TCP echo"
COLUMNS = (
    "Tier",
    "Adapter (style)",
    "CPU µs per message",
    "÷ leanest",
    "messages/s",
    "regime (server / load CPU)",
)
ADAPTERS = (
    *("asyncio", "uvloop", "rloop", "gevent-libev", "tornado", "trio", "twisted", "eventlet"),
    *("pyev", "libevent", "epoll", "threads"),
)
"""Whose leanest style is shown, beside the leanest row of all."""
FIRST_ROW = 2
"""Of a table: after its head and its rule."""
MACHINE = ("System", "Processor", "Python", "Run")


class ExcerptError(Exception):
    """A page lacks what the excerpt is made of; the message says what."""


def excerpt(report: str, folder: str = FOLDER) -> str:
    """Markdown for README.md from the page of a report in *folder*. Pure. Raises `ExcerptError`."""
    facts = dict(_rows(_first_table(_section(report, "## What was run"))))
    scenario = _section(report, f"### {SCENARIO}")
    headline = re.search(r"^\*\*(.+)\*\*$", scenario, re.MULTILINE)
    plot = re.search(r"^!\[(.*)\]\(([\w.-]+\.svg)\)$", scenario, re.MULTILINE)
    if headline is None or plot is None:
        raise ExcerptError(f"{SCENARIO!r} of the report has no {'plot' if headline else 'parameters'}")
    missing = [name for name in MACHINE if name not in facts]
    if missing:
        raise ExcerptError(f"'What was run' of the report lacks {', '.join(missing)}")
    return "\n".join(
        (
            f"{SCENARIO}, {headline[1]}, the leanest style of some adapters, from [{folder}]({folder}/README.md),",
            "which has the others, more columns, and the other scenarios. "
            f"{'; '.join(facts[name] for name in MACHINE)}.",
            "",
            *_narrowed(_first_table(scenario)),
            "",
            f"![{plot[1]}]({folder}/{plot[2]})",
        )
    )


def _section(page: str, heading: str) -> str:
    """What stands below *heading*, up to the next one that is not deeper."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", page, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ExcerptError(f"the report has no heading {heading!r}")
    return found[1]


def _first_table(text: str) -> list[list[str]]:
    """Cells of the first table, its rule in the second row."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith("|")), len(lines))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    if len(table) < 3:
        raise ExcerptError("a section of the report has no table with rows")
    return table


def _rows(table: list[list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value, *_more in table[2:]]


def _narrowed(table: list[list[str]]) -> list[str]:
    missing = [name for name in COLUMNS if name not in table[0]]
    if missing:
        raise ExcerptError(f"the table of {SCENARIO!r} lacks {', '.join(missing)}; it has {table[0]}")
    wanted = [table[0].index(name) for name in COLUMNS]
    names = [re.sub(r" \(.*", "", row[table[0].index("Adapter (style)")]) for row in table]
    shown = [
        row
        for at, row in enumerate(table)
        if at <= FIRST_ROW or (names[at] in ADAPTERS and names[at] not in names[:at])
    ]
    return [f"| {' | '.join(row[at] for at in wanted)} |" for row in shown]


def shown_in(readme: str) -> str:
    """What stands between the markers of README.md now. Raises `ExcerptError`."""
    return _parts(readme)[1]


def with_excerpt(readme: str, text: str) -> str:
    """README.md with *text* between its markers. Raises `ExcerptError`."""
    before, _old, after = _parts(readme)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _parts(readme: str) -> tuple[str, str, str]:
    before, begin, rest = readme.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ExcerptError(f"README.md has no {BEGIN} … {END}")
    return before, old.strip("\n"), after


def main() -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when it would change")
    check: bool = parser.parse_args().check
    try:
        report = REPORT.read_text("utf-8")
        readme = README.read_text("utf-8")
        new = with_excerpt(readme, excerpt(report))
        if new != readme and not check:
            README.write_text(new, "utf-8", newline="\n")
    except (OSError, ExcerptError) as error:
        print(f"update_excerpt: {error}", file=sys.stderr)
        return 2
    if check and new != readme:
        print("update_excerpt: README.md shows another; run python docs/update_excerpt.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
