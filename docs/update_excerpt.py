"""Writes the table of README.md from a committed journal, so that what is shown there was measured.

    python docs/update_excerpt.py            write it between README.md's excerpt markers
    python docs/update_excerpt.py --check    exit 1 when what stands there is something else

It is the headline of `reports/standard` and its heat map: the same cells as on that report's first page.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crossloop.cli.reporting import records_of, scenario_texts
from crossloop.journal import Record, Run
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import markdown_table
from crossloop.report import headline_of, short_headline_table
from crossloop.report.run_facts import machine_sentence
from crossloop.suite import load_suite

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FOLDER = "reports/standard"

BEGIN, END = "<!-- excerpt:begin -->", "<!-- excerpt:end -->"
ADAPTERS = ("asyncio", "uvloop", "rloop", "gevent-libev", "tornado", "trio", "twisted", "epoll")
"""Whose rows are shown: what most programs would choose between, and the kernel's own interface."""


class ExcerptError(Exception):
    """README.md or the journal lacks what the excerpt needs; the message says what."""


def excerpt(records: Sequence[Record], folder: str = FOLDER) -> str:
    """Markdown for README.md from the records of a run whose report lies in *folder*. Raises `ExcerptError`."""
    run = Run.of(records)
    texts = scenario_texts(load_suite())
    headline = headline_of(run, texts)
    shown = short_headline_table(headline, ADAPTERS)
    if not shown:
        raise ExcerptError(f"the run in {folder} has no figure of {', '.join(ADAPTERS)}")
    paragraph = (
        f"CPU time per operation ÷ that of the leanest of {len(headline.adapters)} adapters. Bold: the leanest, and "
        f"what is tied with it. From [{folder}]({folder}/README.md), which says what each figure means and "
        "how sure it is: "
        f"{inline(run.place)}, {inline(machine_sentence(run))}"
    )
    picture = f"![Heat map of every ratio of this run, adapters by questions]({folder}/headline.svg)"
    return Markdown(f"{paragraph}\n\n{markdown_table(shown)}\n\n{picture}")


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
        readme = README.read_text("utf-8")
        new = with_excerpt(readme, excerpt(records_of(ROOT / FOLDER)))
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
