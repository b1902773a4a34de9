"""docs/adapters.md says what the files in adapters/ and benchmarks/controls say."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.adapter_tax import CONTROLS
from crossloop.api import styles_of
from docs.adapter_files import HEADINGS, adapter_files, essay_of, first_sentence
from docs.make_adapters import (
    PAGE,
    SIDE_BY_SIDE,
    controls_of,
    in_order,
    levels_of,
    page,
    server_in,
    table,
)
from tests.documents import ROOT
from tests.own_suite import SUITE

ADAPTERS = SUITE.adapters
SHOWN = PAGE.read_text("utf-8")
OF_THE_STANDARD_LIBRARY = (
    ("asyncio_", "select_", "spin", "threads")
    if sys.platform == "win32"
    else ("asyncio_", "poll_", "processes", "select_", "spin", "threads")
)


def test_the_page_is_the_one_that_is_made() -> None:
    assert page() == SHOWN, "python docs/make_adapters.py writes it"


def test_the_command_says_whether_it_is(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs" / "make_adapters.py"), "--check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_adapter_has_a_row_in_each_table_and_a_sentence_of_each_heading_in_one() -> None:
    assert {head for heads in SIDE_BY_SIDE for head in heads} | {"Waiting"} == set(HEADINGS)
    for path in adapter_files():
        rows = [
            line
            for line in SHOWN.splitlines()
            if line.startswith("| [") and f"(../adapters/{path.name})" in line
        ]
        assert len(rows) == 1 + len(SIDE_BY_SIDE), path.name
        for head, body in essay_of(path.read_text("utf-8"), path.name).items():
            sentence = first_sentence(body).replace("|", "\\|")
            assert any(f"| {sentence} |" in row for row in rows), (path.name, head)


def test_what_is_as_in_another_adapter_names_one() -> None:
    named = {
        (path.name, name)
        for path in adapter_files()
        for body in essay_of(path.read_text("utf-8"), path.name).values()
        for name in re.findall(r"^As `([\w-]+)`", first_sentence(body))
    }
    assert len({name for _path, name in named}) > 1
    assert {name for _path, name in named} <= set(ADAPTERS), sorted(named)


@pytest.mark.parametrize("module", OF_THE_STANDARD_LIBRARY)
def test_the_levels_are_those_of_the_class(module: str) -> None:
    adapter = importlib.import_module(f"adapters.{module}").Adapter
    assert levels_of(ROOT / "adapters" / f"{module}.py") == list(styles_of(adapter))


@pytest.mark.parametrize(("module", "lacked"), [("rloop_", "TlsServer"), ("veloxloop_", "Datagrams")])
def test_a_level_that_is_lacked_is_left_out(module: str, lacked: str) -> None:
    path = ROOT / "adapters" / f"{module}.py"
    assert lacked not in levels_of(path)
    assert "StreamServer" in levels_of(path)


def test_every_hand_written_server_is_shown_as_it_stands() -> None:
    assert set(controls_of(in_order(ADAPTERS.values()))) == {path.name for path in CONTROLS.glob("*.py")}
    for path in CONTROLS.glob("*.py"):
        source = path.read_text("utf-8")
        code = server_in(source)
        assert code in source
        assert f"```python\n{code}```\n" in SHOWN
        defined = [
            node for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
        ]
        assert {node.name for node in defined} <= {getattr(node, "name", "") for node in ast.parse(code).body}


def test_a_server_goes_from_its_first_definition_to_the_command_line() -> None:
    head, body = (
        "import a\nSIZE = 1\n\n\n",
        "@a.b\ndef f() -> None:\n    pass\n\n\ndef g() -> None:\n    pass\n",
    )
    assert server_in(f"{head}{body}\n\nif __name__ == '__main__':\n    f()\n") == body
    assert server_in(head + body) == body


def test_families_stand_together_in_their_order() -> None:
    families = [adapter.about.family for adapter in in_order(ADAPTERS.values())]
    assert list(dict.fromkeys(families))[:2] == ["model", "asyncio"]
    assert len(list(dict.fromkeys(families))) == sum(
        a != b for a, b in zip(["", *families], families, strict=False)
    )


def test_a_bar_within_a_cell_is_no_border() -> None:
    assert table(("a", "b"), [("x | y", "z")]) == "| a | b |\n| :--- | :--- |\n| x \\| y | z |\n"
