"""A name says what it holds: a cell, a record, a row. Some names say nothing of it, and are given to nothing here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LONGEST_FIRST

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "adapters", "scenarios", "tests", "benchmarks", "docs")
SAY_NOTHING = frozenset({"one", "found", "own", "told", "asked", "words"})


def given(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of all that *source* gives a name to: variables, arguments, attributes, functions, classes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield node.lineno, name


def that_say_nothing(source: str) -> list[str]:
    """`line 3: found` for each name in *source* that says nothing; `_found` and `found_` are the same name."""
    return [f"line {line}: {name}" for line, name in given(source) if name.strip("_") in SAY_NOTHING]


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "found: int = 1",
        "x = [1 for found in ()]",
        "for a, (b, found) in ():\n    pass",
        "def f(*, found):\n    pass",
        "f = lambda *found: 1",
        "def found():\n    pass",
        "class a:\n    _found = 1",
        "self.found = 1",
        "import os as found",
        "if (found := 1):\n    pass",
        "with f() as found:\n    pass",
        "try:\n    pass\nexcept OSError as found:\n    pass",
        "match x:\n    case [1, *found]:\n        pass",
        "match x:\n    case {1: 2, **found}:\n        pass",
        "match x:\n    case int() as found:\n        pass",
    ],
)
def test_wherever_a_name_is_given_it_is_seen(source: str) -> None:
    assert [seen.partition(": ")[2].strip("_") for seen in that_say_nothing(source)] == ["found"]


def test_what_is_only_read_or_only_holds_the_letters_is_no_such_name() -> None:
    assert that_say_nothing("x.found(found, found=1)\nfound_by = the_own = 'asked'") == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_says_what_it_holds(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    seen = [
        f"{path.relative_to(ROOT).as_posix()}, {name}"
        for path in files
        for name in that_say_nothing(path.read_text("utf-8"))
    ]
    assert seen == [], "expected the name of what it holds, such as cell, record, row"


def test_the_files_that_are_begun_first_are_there() -> None:
    missing = [name for name in LONGEST_FIRST if not (ROOT / "tests" / f"test_{name}.py").is_file()]
    assert missing == []
