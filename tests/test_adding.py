"""The examples of docs/adding.md, taken from the page as a reader would take them, checked and measured.

The other files of the folder that the page speaks of are those of `crossloop new`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossloop.drafts import adapter_draft, scenario_draft
from tests.documents import ROOT, write_examples

PAGE = "docs/adding.md"
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    assert write_examples(PAGE, folder) == ["adapters/asyncio_busy.py", "adapters/_expectations.py"]
    (folder / "scenarios").mkdir()
    for draft in (
        adapter_draft("selectors"),
        adapter_draft("my-loop", ("asyncio", "new_event_loop")),
        scenario_draft("turns", "work"),
        scenario_draft("ping", "exchange"),
    ):
        (folder / draft.content).write_text(draft.files[draft.content], "utf-8")
    return folder


def crossloop(suite: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossloop", "--suite", str(suite), *arguments]
    return subprocess.run(
        command, cwd=suite, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S, check=False
    )


def test_the_page_shows_whole_files_only() -> None:
    shown = (ROOT / PAGE).read_text("utf-8").count("```python\n")
    assert shown == (ROOT / PAGE).read_text("utf-8").count("<!-- example: ")


def test_the_examples_are_listed_with_their_facts(suite: Path) -> None:
    done = crossloop(suite, "list", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    adapters = {adapter["id"]: adapter for adapter in document["adapters"]}
    assert (adapters["selectors"]["levels"], adapters["selectors"]["styles"]) == (
        ["StreamServer", "TlsServer"],
        ["native"],
    )
    assert "never sleeping" in adapters["asyncio-busy"]["facts"]["mechanism"]
    assert {scenario["id"]: scenario["unit"] for scenario in document["scenarios"]}["turns"] == "turn"


@pytest.mark.campaign
def test_the_check_of_the_busy_loop_says_what_the_page_says(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    shutil.copy(suite / "adapters" / "asyncio_busy.py", tmp_path / "adapters")
    surprised = crossloop(tmp_path, "check", "--only", "contract", "--adapters", "asyncio-busy")
    assert surprised.returncode == 1, surprised.stderr
    assert "timers-idle: failed\n    expected: at most 30 ms of the waiting spent" in surprised.stdout

    expected = crossloop(suite, "check", "--only", "contract", "--adapters", "asyncio-busy")
    assert expected.returncode == 0, expected.stdout + expected.stderr


def test_the_examples_are_measured_beside_asyncio(suite: Path, tmp_path: Path) -> None:
    done = crossloop(
        suite, "bench", "--profile", "smoke", "--adapters", "asyncio,asyncio-busy,my-loop,selectors",
        "--scenarios", "tcp-echo,turns,ping", "--no-evidence", "--no-references", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page, *shown = done.stdout.splitlines()
    assert page == str(tmp_path / "README.md")
    assert {"Messages on connections that stay", "The loop's own work"} <= set(shown)
    assert {line.split("  ")[0] for line in shown} >= {"asyncio", "asyncio-busy", "my-loop", "selectors"}
    assert f"`crossloop show {tmp_path}` lists every table" in done.stderr.splitlines()[-1]
    lines = map(json.loads, (tmp_path / "run.jsonl").read_text("utf-8").splitlines())
    cells: dict[tuple[str, str, str], dict[str, Any]] = {
        (record["adapter"], record["style"], record["scenario"]): record
        for record in lines
        if record["kind"] == "cell"
    }
    assert {key: cell["outcome"] for key, cell in cells.items()} == {
        **{
            (adapter, style, scenario): "measured"
            for adapter in ("asyncio", "asyncio-busy", "my-loop")
            for style in ("protocol", "streams", "sockets")
            for scenario in ("tcp-echo", "ping")
        },
        ("selectors", "native", "tcp-echo"): "measured",
        ("selectors", "native", "ping"): "measured",
        ("asyncio", "native", "turns"): "measured",
        ("asyncio-busy", "native", "turns"): "measured",
        ("my-loop", "native", "turns"): "measured",
        ("selectors", "", "turns"): "unsupported",
    }
    assert cells["selectors", "", "turns"]["reason"] == (
        "selectors offers StreamServer, TlsServer; this needs Readiness"
    )
    assert "Turns" in (tmp_path / "README.md").read_text("utf-8")
