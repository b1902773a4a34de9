"""Adapter files can be read side by side: the same headings in the same order, and the same order of members."""

import ast
import re
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
from tests.documents import ROOT, examples_of

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


POLICY = {"accepting.py", "sizes.py"}
"""Where accept burst, accept pause, what counts as out of descriptors, and read size stand, in src/crossloop/idioms."""
OF_POLICY = re.compile(r"(READ|RECEIVE|RECV|CHUNK|UNSENT\w*)_BYTES$|^ACCEPTS|ACCEPT\w*_PAUSE|PAUSE_S$")
OUT_OF_DESCRIPTORS = {"EMFILE", "ENFILE", "WSAEMFILE"}


def policy_in(source: str) -> list[str]:
    """What a file decides by itself that stands once: constants with a number, errors of having no descriptor."""
    decided = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant | ast.BinOp):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            computed = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
            decided += [name for name in names if OF_POLICY.search(name) and not computed]
        elif isinstance(node, ast.Compare):
            decided += [
                each.attr
                for each in ast.walk(node)
                if isinstance(each, ast.Attribute) and each.attr in OUT_OF_DESCRIPTORS
            ]
    return decided


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_adapters_essay_has_the_common_headings(path: Path) -> None:
    assert tuple(essay_of(path.read_text("utf-8"), path.name)) == HEADINGS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_adapters_members_stand_in_the_common_order(path: Path) -> None:
    check_members(path.read_text("utf-8"), path.name)


def test_what_all_servers_do_alike_stands_once() -> None:
    idioms = ROOT / "src" / "crossloop" / "idioms"
    by_file = {
        path.name: policy_in(path.read_text("utf-8")) for path in (*FILES, *sorted(idioms.glob("*.py")))
    }
    assert {name: what for name, what in by_file.items() if what and name not in POLICY} == {}, (
        "expected from crossloop.idioms.accepting (ACCEPTS_PER_WAKE, ACCEPT_PAUSE_S, must_rest) and "
        "crossloop.idioms.sizes (READ_BYTES)"
    )
    assert all(by_file[name] for name in POLICY)


@pytest.mark.parametrize(
    ("source", "decided"),
    [
        ("READ_BYTES = 65536", ["READ_BYTES"]),
        ("CHUNK_BYTES: int = 64 * 1024", ["CHUNK_BYTES"]),
        ("ACCEPT_PAUSE_MS = int(ACCEPT_PAUSE_S * 1000)", []),
        ("BUFFER_BYTES = READ_BYTES", []),
        ("def f(error):\n    return error.errno in (errno.EMFILE, errno.ENFILE)", ["EMFILE", "ENFILE"]),
        ("def f(error):\n    return error.errno == errno.EBADF", []),
    ],
)
def test_a_policy_of_a_files_own_is_seen(source: str, decided: list[str]) -> None:
    assert policy_in(source) == decided


def test_the_examples_members_stand_in_the_common_order() -> None:
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
