"""Adapter files can be read side by side: the same headings in the same order, and the same order of members."""

from pathlib import Path

import pytest

from docs.adapter_files import (
    HEADINGS,
    AdapterFileError,
    adapter_files,
    check_members,
    essay_of,
    first_sentence,
    member_order,
)
from tests.documents import examples_of

FILES = adapter_files()
ESSAY = '"""One line.\n\n' + "\n\n".join(f"**{head}.** It does. Much more." for head in HEADINGS) + '\n"""\n'
IN_ORDER = """
class Adapter(StreamServer, Readiness):
    styles = {"StreamServer": ("one", "two")}
    lacks: ClassVar[Mapping[str, str]] = {}

    def __init__(self): ...
    def facts(self): ...
    def close(self): ...
    def serve_streams(self, listener, application, style, stop): ...
    def most_connections(self): ...
    def call_later(self, delay_s, callback): ...
    def run(self): ...
    def of_its_own(self): ...
    def _private(self): ...
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_adapters_essay_has_the_common_headings(path: Path) -> None:
    assert tuple(essay_of(path.read_text("utf-8"), path.name)) == HEADINGS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_adapters_members_stand_in_the_common_order(path: Path) -> None:
    check_members(path.read_text("utf-8"), path.name)


def test_so_do_those_of_the_examples() -> None:
    for path, source in examples_of("docs/adding.md").items():
        if path.startswith("adapters/") and "class Adapter" in source:
            check_members(source, path)


def test_the_common_order_is_that_of_the_levels() -> None:
    order = member_order()
    assert order[:7] == ["styles", "lacks", "entered_once", "__init__", "facts", "close", "serve_streams"]
    assert order.index("serve_tls") < order.index("watch") < order.index("cancel") < order.index("spawn")


def test_an_essay_that_is_as_expected() -> None:
    assert essay_of(ESSAY, "good.py") == dict.fromkeys(HEADINGS, "It does. Much more.")
    before_and_after = ESSAY.replace("**Waiting.**", "**Why.** Because.\n\n**Waiting.**").replace(
        '\n"""', '\n\n**Sources**: many.\n"""'
    )
    assert essay_of(before_and_after, "good.py") == essay_of(ESSAY, "good.py")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            ESSAY.replace("**Timers.** It does. Much more.\n\n", ""),
            "has the headings Waiting, Reading, Writing, Waking",
        ),
        (
            ESSAY.replace("Reading", "Told").replace("Writing", "Reading"),
            r"expected are, in this order.*\*\*Reading",
        ),
        (ESSAY.replace("**Waking.**", "**Against select.** No.\n\n**Waking.**"), "none between them"),
        (
            ESSAY.replace("**Waiting.**", "**Limits.** No.\n\n**Waiting.**"),
            "has the headings Limits, Waiting",
        ),
        (
            ESSAY.replace("**Timers.** It does.", "**Timers.** " + "x" * 200 + "."),
            "Timers.* has 201 characters",
        ),
        (ESSAY.replace("**Timers.** It does. Much more.", "**Timers.** no end"), "Timers.* has 0 characters"),
        ('"""One line."""\n', "has the headings none"),
        ("", "has the headings none"),
    ],
)
def test_an_essay_that_is_not_is_refused_with_what_is_expected(broken: str, said: str) -> None:
    with pytest.raises(AdapterFileError, match=said) as refused:
        essay_of(broken, "bad.py")
    assert str(refused.value).startswith("bad.py: ")


def test_members_that_stand_as_expected() -> None:
    check_members(IN_ORDER, "good.py")


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ("    def close(self): ...\n", "facts, close, serve_streams"),
        ("    def __init__(self): ...\n", "lacks, __init__, facts"),
        ("    lacks: ClassVar[Mapping[str, str]] = {}\n", "styles, lacks, __init__"),
        ("    def of_its_own(self): ...\n", "run, of_its_own, _private"),
    ],
)
def test_members_that_do_not_are_refused_with_the_order_that_is_expected(moved: str, said: str) -> None:
    with pytest.raises(AdapterFileError, match=rf"bad.py: class Adapter has .* expected, .*{said}"):
        check_members(IN_ORDER.replace(moved, "") + moved, "bad.py")


def test_a_file_without_an_adapter_is_refused() -> None:
    with pytest.raises(AdapterFileError, match="no class Adapter"):
        check_members("class Other: ...\n", "bad.py")


def test_a_sentence_ends_at_a_stop_that_is_no_part_of_a_name() -> None:
    assert first_sentence("`a. b` of glibc 2.36 waits. More.") == "`a. b` of glibc 2.36 waits."
    assert first_sentence("It ends. More\n\nmore.") == "It ends."
    assert first_sentence("without an end") == ""
