"""`crossloop new`: what it writes is checked, linted and typed as it stands; what is there is kept.

`tests/test_adding.py` measures what it writes.
"""

import asyncio
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from crossloop.api import CheckFailedError
from crossloop.declarations import MAX_ID
from crossloop.drafts import Draft, adapter_draft, is_name, scenario_draft
from crossloop.idioms.asyncio_ import StandardLoop
from docs.adapter_files import HEADINGS, check_members, essay_of
from tests.documents import ROOT
from tests.test_names import that_say_nothing

LIMIT_S = 290.0
LINT = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mypy", "ruff"))),
    reason="mypy and ruff are not installed; `tox -e types` runs this",
)
LONGEST = "a" + "-b" * (MAX_ID // 2 - 1) + "c"
DRAFTS = (
    adapter_draft("selectors"),
    adapter_draft("mine", ("asyncio", "new_event_loop")),
    adapter_draft("mine-select", ("asyncio.selector_events", "BaseSelectorEventLoop")),
    adapter_draft(LONGEST),
    scenario_draft("ping", "exchange"),
    scenario_draft("turns", "work"),
    scenario_draft(f"x{LONGEST[1:]}", "exchange"),
    scenario_draft(f"y{LONGEST[1:]}", "work"),
)


def crossloop(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("crossloop", *arguments, cwd=cwd)


def run(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S, check=False,
    )  # fmt: skip


def write(draft: Draft, folder: Path) -> None:
    for name, text in draft.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafts")
    for draft in DRAFTS:
        write(draft, folder)
    return folder


# The command


def test_an_adapter_keeps_its_contract_as_it_stands(tmp_path: Path) -> None:
    done = crossloop("new", "adapter", "selectors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(Path("mine", "adapters", "selectors_.py")),
        str(Path("mine", "tests", "test_selectors.py")),
    ]
    assert done.stderr.splitlines() == [
        "crossloop: next: crossloop --suite mine check --adapters selectors",
        "crossloop: next: crossloop --suite mine bench --profile smoke --adapters asyncio,selectors "
        f"--scenarios tcp-echo --out {shlex.quote(str(Path(tempfile.gettempdir(), 'crossloop-selectors')))}",
    ]
    tested = run("pytest", "-q", "-p", "no:cacheprovider", "-k", "promise", "mine", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "1 passed" in tested.stdout


@pytest.mark.campaign
def test_what_the_command_writes_passes_its_tests(tmp_path: Path) -> None:
    for draft in (
        ["adapter", "selectors"],
        ["adapter", "mine", "--loop", "asyncio:SelectorEventLoop"],
        ["scenario", "ping"],
        ["scenario", "turns", "--drive", "work"],
    ):
        done = crossloop("new", *draft, "--out", "here", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    tested = run("pytest", "-q", "-p", "no:cacheprovider", "here", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "6 passed" in tested.stdout


def test_what_is_there_is_not_overwritten_and_nothing_else_is_written(tmp_path: Path) -> None:
    test = tmp_path / "mine" / "tests" / "test_selectors.py"
    test.parent.mkdir(parents=True)
    test.write_text("mine\n", "utf-8")
    done = crossloop("new", "adapter", "selectors", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"{Path('mine', 'tests', 'test_selectors.py')} is there already and is not overwritten" in done.stderr
    )
    assert test.read_text("utf-8") == "mine\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [test]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need a privilege elsewhere")
def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "ping.py").symlink_to(tmp_path / "elsewhere.py")
    done = crossloop("new", "scenario", "ping", "--out", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "ping.py is there already and is not overwritten" in done.stderr
    assert not (tmp_path / "elsewhere.py").exists()


def test_the_folder_of_suite_takes_the_files_and_knows_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "own" / "scenarios").mkdir(parents=True)
    (tmp_path / "own" / "scenarios" / "ping_.py").write_text(DRAFTS[4].files["scenarios/ping.py"], "utf-8")
    taken = crossloop("--suite", "own", "new", "scenario", "ping", cwd=tmp_path)
    assert taken.returncode == 2
    assert "there is a scenario 'ping' already" in taken.stderr
    assert "ping_.py; choose another name" in taken.stderr
    done = crossloop("--suite", "own", "new", "scenario", "pong", cwd=tmp_path)
    assert done.stdout.splitlines()[0] == str(Path("own", "scenarios", "pong.py"))


# Names


@pytest.mark.parametrize("name", ["a", "my-loop", "x2", "a-1", LONGEST])
def test_a_name_that_can_be_one(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "-", "-a", "a-", "a--b", "1a", "A", "a_b", "a.b", ".", "..", "../a", "a/b", "a\\b", "c:a", "a\n", "é",
        LONGEST + "d",
    ],
)  # fmt: skip
def test_a_name_that_cannot(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("draft", "content"),
    [
        (adapter_draft("selectors"), "adapters/selectors_.py"),
        (adapter_draft("my-loop"), "adapters/my_loop.py"),
        (adapter_draft("my-loop", ("my_loop.core", "new")), "adapters/my_loop_.py"),
        (scenario_draft("ping", "exchange"), "scenarios/ping.py"),
        (scenario_draft("yield", "work"), "scenarios/yield_.py"),
        (scenario_draft("aux", "work"), "scenarios/aux_.py"),
    ],
)
def test_the_module_has_the_name_of_nothing_else(draft: Draft, content: str) -> None:
    assert draft.content == content
    assert list(draft.files) == [content, f"tests/test_{draft.id.replace('-', '_')}.py"]


# What is in the files


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.id[:20])
def test_an_adapter_has_the_common_headings_and_order(draft: Draft) -> None:
    if draft.content.startswith("adapters/"):
        source = draft.files[draft.content]
        assert tuple(essay_of(source, draft.content)) == HEADINGS
        check_members(source, draft.content)


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.id[:20])
def test_a_name_in_it_says_what_it_holds(draft: Draft) -> None:
    assert [name for text in draft.files.values() for name in that_say_nothing(text)] == []


@LINT
def test_lint_finds_nothing(drafts: Path) -> None:
    settings = ("--config", str(ROOT / "pyproject.toml"), "--no-cache", str(drafts))
    for lint in (("check",), ("format", "--check", "--diff")):
        done = run("ruff", *lint, *settings, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


@LINT
def test_types_are_strict(drafts: Path) -> None:
    done = run("mypy", "--config-file", str(ROOT / "pyproject.toml"), str(drafts), cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def loaded(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"drafted_{name}", folder / "scenarios" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_work_is_verified(drafts: Path) -> None:
    adapter = StandardLoop(asyncio.new_event_loop())
    workload = loaded(drafts, "turns").Scenario(adapter, "native", {"turns": 10}, None)
    workload.prepare()
    with pytest.raises(CheckFailedError, match="10 of 10 turns were not made"):
        workload.verify()
    assert workload.run() == 10
    workload.verify()
    workload.close()
    adapter.close()


def test_the_server_of_lines_takes_pieces(drafts: Path) -> None:
    lines = loaded(drafts, "ping").Lines()
    assert [lines(piece) for piece in (b"PI", b"NG a\nPING b\nP", b"ING c\n", b"x" * 70000, b"PING d\n")] == [
        b"", b"PONG a\nPONG b\n", b"PONG c\n", b"", b"PONG d\n",
    ]  # fmt: skip
