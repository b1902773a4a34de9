"""The pages of the committed run, as a reader uses them: what the first screen answers, links, lengths."""

import re
from functools import cache
from pathlib import Path

import pytest

from crossloop.cli.reporting import behaviour_texts, records_of, scenario_texts
from crossloop.report import Rendered, render
from tests.own_suite import SUITE
from tests.pages import broken_links, pages_of, unfolded

FOLDER = Path(__file__).parents[1] / "reports" / "linux"
SCREEN = 60
"""Lines of a page that are read without scrolling far."""
LONGEST = 300
GITHUB_SHOWS_BYTES = 512 * 1024


@cache
def rendered() -> Rendered:
    return render(records_of(FOLDER), scenario_texts(SUITE), behaviour_texts(), pictures=False)


@cache
def pages() -> dict[str, str]:
    return pages_of(rendered())


def screen(page: str) -> str:
    return "\n".join(unfolded(pages()[page])[:SCREEN])


def test_every_link_and_picture_leads_somewhere() -> None:
    """Pictures are looked for among the committed ones: drawing them takes longer than all else."""
    pictures = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.svg")}
    assert broken_links(pages(), set(rendered().files) | pictures) == []


def test_no_page_is_long_before_anything_is_unfolded() -> None:
    assert {
        name: len(unfolded(page)) for name, page in pages().items() if len(unfolded(page)) > LONGEST
    } == {}


def test_github_shows_every_page_whole() -> None:
    sizes = {name: len(page.encode()) for name, page in pages().items()}
    assert {name: size for name, size in sizes.items() if size > GITHUB_SHOWS_BYTES} == {}


# A question, what of the first page leads to its answer, and the page with the answer within its first screen.
QUESTIONS = {
    "Which echo is the cheapest?": (
        r"\[TCP echo\]\(scenarios/tcp-echo\.md\)",
        "scenarios/tcp-echo.md",
        r"\*\*Least CPU time per message:\*\* \w+",
    ),
    "Does uvloop help uvicorn?": (  # the first page says it in a sentence
        r"under `uvicorn`[^\n]*\[uvloop\]\(adapters/uvloop\.md\)",
        "adapters/uvloop.md",
        r"\| \[HTTP, web servers\]\(\.\./scenarios/http\.md\) \| uvicorn \|.*\d\.\d\d \(",
    ),
    "What does this platform not have?": (
        r"\]\(missing\.md\)",
        "missing.md",
        r"This platform does not have:\*\* .*`kqueue`.*`winloop`",
    ),
    "Which web server is the leanest?": (
        r"\[HTTP, web servers\]\(scenarios/http\.md\)",
        "scenarios/http.md",
        r"\*\*Among web servers, least CPU time per request:\*\* \w+",
    ),
    "Which loop has UDP?": (
        r"\[UDP\]\(scenarios/udp-echo\.md\)",
        "scenarios/udp-echo.md",
        r"\| \d+ \| uvloop \(protocol\) \|",
    ),
    "How sure is it?": (r"\]\(doubts\.md\)", "doubts.md", r"Noise floor: [\d.]+ %"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_readers_question_is_answered_within_a_screen_and_a_click(question: str) -> None:
    link, page, answer = QUESTIONS[question]
    assert re.search(link, screen("README.md")), screen("README.md")
    assert re.search(answer, screen(page)), screen(page)


def test_what_the_platform_does_not_have_takes_no_row_in_any_table() -> None:
    rows = [
        f"{name}: {line}"
        for name, page in pages().items()
        if name != "missing.md"
        for line in page.splitlines()
        if re.match(r"\| \[?(?:kqueue|iocp|winloop|asyncio-proactor)\b", line)
    ]
    assert rows == []


def test_every_adapter_with_a_figure_and_every_scenario_has_a_page() -> None:
    columns = re.findall(r"\]\((scenarios/[\w-]+\.md)\)", pages()["README.md"])
    adapters = re.findall(r"\]\((adapters/[\w-]+\.md)\)", pages()["README.md"])
    assert set(columns) == {name for name, page in pages().items() if "\n[All scenarios](" in page}
    assert set(adapters) == {name for name in pages() if name.startswith("adapters/")}


def test_tiers_are_counted_within_each_question() -> None:
    tiers: dict[str, set[int]] = {}
    for name, page in pages().items():
        if name.startswith("adapters/"):
            for title, tier in re.findall(
                r"^\| \[([^]]+)\]\(\.\./scenarios/.* \| (\d+) of \d+ \|", page, re.MULTILINE
            ):
                tiers.setdefault(title, set()).add(int(tier))
    assert "HTTP, web servers" in tiers
    assert {title for title, seen in tiers.items() if min(seen) != 1} == set()
