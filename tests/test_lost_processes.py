"""Processes beside the measured ones that are lost: an outcome of their own, a new one, a run that goes on."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossloop.bench.header import cpus
from crossloop.bench.profiles import Pace
from crossloop.bench.rooms import SliceRoom, open_room
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Rounds, Row, Stage, Step
from crossloop.bench.visits import Taken
from crossloop.outcomes import Failed
from crossloop.supervise.child import ChildError
from tests.own_suite import SUITE
from tests.plans import echo_of

HERE = Path(__file__).parent
LIMIT_S = 120.0
SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "tcp-echo": ("protocol", {"connections": 2, "size": 64}),
    "dns": ("pycares", {"names": 5, "in_flight": 2, "kind": "plain"}),
}
LOAD = "crossloop.load.server"
DIES_AT_START = """
import os, sys
if "crossloop.load.server" in sys.orig_argv:
    os._exit(9)
"""


def staged(scenario: str, *adapters: str) -> Stage:
    suite = SUITE
    style, parameters = SETS[scenario]
    rows = tuple(Row(adapter, style) for adapter in adapters)
    about = suite.scenarios[scenario]
    pace = Pace(generations=1, slice_ms=100, run_in_ms=5)
    exchange = echo_of(64) if scenario == "tcp-echo" else None
    return Rounds((Comparison(about, parameters, rows, 1, exchange=exchange),), pace)


def slices(room: SliceRoom, stage: Stage, number: int = 0) -> list[Taken]:
    (comparison,) = stage.comparisons
    return room.visit(stage.rows[number], comparison, [Step(comparison.main)], 1)


def below(word: str) -> list[psutil.Process]:
    """Processes of this test that run, by a word of their command, oldest first."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended, and nobody has waited for it yet
            processes += [process] if word in process.cmdline() else []
    return processes


def test_a_load_that_was_killed_is_replaced_and_the_slices_are_taken() -> None:
    stage = staged("tcp-echo", "asyncio")
    with Site(SUITE, Conditions(*cpus())) as site, open_room(site, stage) as room:
        for _again in range(2):
            (load,) = below(LOAD)
            load.kill()
            (answer,) = slices(room, stage)
            assert answer.figures.answered > 0
            assert below(LOAD) != [load]
    assert not below(LOAD)


def test_a_companion_that_was_killed_is_replaced_and_the_slices_are_taken() -> None:
    pytest.importorskip("pycares")
    stage = staged("dns", "asyncio", "asyncio-select")
    with Site(SUITE, Conditions(*cpus())) as site, open_room(site, stage) as room:
        (companion,) = below("crossloop.worker")
        for number in (0, 1):
            assert slices(room, stage, number)[0].figures.operations > 0
        companion.kill()
        for number in (0, 1):
            assert slices(room, stage, number)[0].figures.operations > 0


def crossloop(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "crossloop", "--suite", str(HERE / "faulty_suite"), "bench", "--profile", "smoke",
        "--no-evidence", "--no-references", "--out", str(folder), *arguments,
    ]  # fmt: skip
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, **environment},
    )


def cells(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = map(json.loads, (folder / "run.jsonl").read_text().splitlines())
    return {(record["adapter"], record["scenario"]): record for record in lines if record["kind"] == "cell"}


def test_a_load_that_is_lost_again_and_again_says_nothing_of_the_row(tmp_path: Path) -> None:
    done = crossloop(tmp_path, "--adapters", "asyncio-select,kills-load", "--scenarios", "tcp-echo")
    assert done.returncode == 0, done.stderr
    by_row = cells(tmp_path)
    assert by_row["asyncio-select", "tcp-echo"]["outcome"] == "measured"
    lost = by_row["kills-load", "tcp-echo"]
    assert (lost["outcome"], lost["beside"]) == ("failed", "load generator")
    assert lost["reason"] == "the load generator ended by SIGKILL; nothing is known of this row"


def test_a_load_that_dies_at_start_costs_what_needs_a_load(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(DIES_AT_START)
    arguments = ("--adapters", "asyncio-select", "--scenarios", "tcp-echo,timers", "--engine", "python")
    done = crossloop(tmp_path / "out", *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    by_row = cells(tmp_path / "out")
    assert by_row["asyncio-select", "timers"]["outcome"] == "measured"
    lost = by_row["asyncio-select", "tcp-echo"]
    assert (lost["outcome"], lost["beside"]) == ("failed", "load generator")
    assert lost["reason"].startswith("the load generator does not start, exited with status 9")


def test_a_companion_that_does_not_start_has_an_outcome_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Site(SUITE, Conditions(*cpus())) as site, pytest.raises(ChildError) as raised:
        open_room(site, staged("dns", "asyncio"))
    outcome = raised.value.outcome
    assert isinstance(outcome, Failed)
    assert outcome.beside == "companion"
    assert outcome.reason.startswith("the companion does not start, exited with status 9")
