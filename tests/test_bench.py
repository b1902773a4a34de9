"""The bench from the command line to the report: every outcome provoked, interruption, resumption."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from crossloop.cli.measuring import warnings_of
from crossloop.references import REFERENCES
from crossloop.supervise.references import probe_references
from tests import journals
from tests.misbehaving import SEGFAULT

HERE = Path(__file__).parent
LIMIT_S = 120.0


def crossloop(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossloop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, **options)


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "run.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def cells(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The first style's cell of each adapter and scenario."""
    first_cells: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in records(folder, "cell"):
        first_cells.setdefault((cell["adapter"], cell["scenario"]), cell)
    return first_cells


@pytest.fixture
def none_left() -> Iterator[None]:
    """No process that was started in the test is there after it."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [process for process in _workers() if process.pid not in before]
        if not left:
            return
        psutil.wait_procs(left, timeout=0.2)
    assert not left, left


def _workers() -> list[psutil.Process]:
    workers = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = process.info["cmdline"] or []
        environment = process.info["environ"] or {}
        if environment.get("CROSSLOOP_TEST") == str(os.getpid()) and any(
            "crossloop" in argument for argument in command
        ):
            workers.append(process)
    return workers


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of this test run can be told from anybody else's."""
    monkeypatch.setenv("CROSSLOOP_TEST", str(os.getpid()))


FAULTS = {
    ("asyncio", "tcp-echo"): ("measured", ""),
    ("eats", "tcp-echo"): ("over-limit", "MiB of memory"),
    ("exits", "tcp-echo"): ("crashed", "exited with status 7"),
    ("floods", "tcp-echo"): ("over-limit", "MiB to its output"),
    ("hangs", "tcp-echo"): ("timed-out", "stopped answering"),
    ("lies", "tcp-echo"): ("failed", "wrong answer at offset 1023"),
    ("misses", "tcp-echo"): ("not-installed", "nosuchbinding"),
    ("narrows", "tcp-echo"): (
        "unsupported",
        "10 connections are more than the 1 it can hold: a door for one",
    ),
    ("raises", "tcp-echo"): ("failed", "ZeroDivisionError: on purpose"),
    ("refuses", "tcp-echo"): ("unsupported", "this kernel lacks what it takes"),
    ("segfaults", "tcp-echo"): ("crashed", SEGFAULT),
    ("asyncio", "timers"): ("measured", ""),
    ("eats", "timers"): ("over-limit", "MiB of memory"),
    ("exits", "timers"): ("crashed", "exited with status 7"),
    ("floods", "timers"): ("over-limit", "MiB to its output"),
    ("hangs", "timers"): ("timed-out", "no answer within 15 s"),
    ("misses", "timers"): ("not-installed", "nosuchbinding"),
    ("narrows", "timers"): ("measured", ""),
    ("raises", "timers"): ("failed", "ZeroDivisionError: on purpose"),
    ("refuses", "timers"): ("unsupported", "this kernel lacks what it takes"),
    ("segfaults", "timers"): ("crashed", SEGFAULT),
}


@pytest.fixture(scope="module")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("faulty")
    names = ",".join(sorted({adapter for adapter, _scenario in FAULTS}))
    done = crossloop(
        "--suite", str(HERE / "faulty_suite"), "bench", "--profile", "smoke", "--adapters", names,
        "--scenarios", "tcp-echo,timers", "--limit", "15", "--memory", "300", "--no-evidence", "--out", str(out),
    )  # fmt: skip
    return out, done


@pytest.mark.parametrize(("adapter", "scenario"), FAULTS)
def test_each_fault_becomes_its_outcome(
    faulty_run: tuple[Path, subprocess.CompletedProcess[str]], adapter: str, scenario: str
) -> None:
    out, _done = faulty_run
    outcome, reason = FAULTS[adapter, scenario]
    cell = cells(out)[adapter, scenario]
    assert (cell["outcome"], reason in cell["reason"]) == (outcome, True), cell
    assert (cell["figures"] is not None) == (outcome == "measured")


def test_faults_cost_only_their_own_cells(
    faulty_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = faulty_run
    assert done.returncode == 0, done.stderr
    assert "this must never run" not in done.stdout + done.stderr
    assert "unreadable.py: line 6: family of ABOUT must be a literal" in done.stderr
    (end,) = records(out, "end")
    assert end["cells"]["measured"] >= 3
    page = (out / "missing.md").read_text()
    assert f"ended by {SEGFAULT}" in page
    assert "/faulty_suite/" not in page, "a report names no folder of a machine"


def _built() -> list[str]:
    """Native references that can run here, in their order."""
    return [probed.reference.id for probed in probe_references(REFERENCES, {}) if probed.usable]


def test_references_run_beside_and_are_counted_with_nobody(
    faulty_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, _done = faulty_run
    built = _built()
    if not built:
        pytest.skip("no native reference is built here: `crossloop setup references`")
    (run,) = records(out, "run")
    assert run["settings"]["references"] == ", ".join(built)
    stated = {
        record["adapter"]: record for record in records(out, "adapter") if record["family"] == "reference"
    }
    assert set(stated) == set(REFERENCES)
    assert [name for name in stated if stated[name]["usable"]] == built
    reference_cells = [cell for cell in records(out, "cell") if cell["adapter"] in REFERENCES]
    assert [(cell["adapter"], cell["scenario"], cell["outcome"]) for cell in reference_cells] == [
        (name, "tcp-echo", "measured") for name in built
    ]
    (end,) = records(out, "end")
    assert sum(end["cells"].values()) == len(records(out, "cell")) - len(reference_cells)
    phases = {record["phase"] for record in records(out, "slice") if record["adapter"] in built}
    assert phases == {"capacity"}
    asyncio_cell = cells(out)["asyncio", "tcp-echo"]
    assert asyncio_cell["figures"]["of_native"]["value"] > 0
    assert cells(out)["asyncio", "timers"]["figures"]["of_native"] is None
    assert "**Headroom certificate**" in (out / "doubts.md").read_text()
    assert "Native references: the same server in C" in (out / "scenarios" / "tcp-echo.md").read_text()


def test_references_can_be_left_out() -> None:
    bench = ("bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "tcp-echo", "--dry-run")
    beside = f" and {len(_built())} references" if _built() else ""
    assert f"tcp-echo size=1024 connections=10: 3 rows{beside} × 2 rounds" in crossloop(*bench).stdout
    assert "connections=10: 3 rows × 2 rounds" in crossloop(*bench, "--no-references").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_killed_supervisor_takes_its_workers_along_and_resumes(tmp_path: Path, none_left: None) -> None:
    arguments = [
        "bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "tcp-echo,timers",
        "--no-evidence", "--out", str(tmp_path),
    ]  # fmt: skip
    whole = crossloop(*arguments)
    assert whole.returncode == 0, whole.stderr
    expected = set(cells(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-m", "crossloop", *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as supervisor:
        _until_slices(tmp_path, 5, supervisor)
        supervisor.kill()
    assert supervisor.returncode == -9
    assert not records(tmp_path, "end")
    kept = len(records(tmp_path, "slice"))
    psutil.wait_procs(_workers(), timeout=10)
    assert not _workers()
    with (tmp_path / "run.jsonl").open("a") as journal:
        journal.write('{"kind":"slice","adap')  # as a power cut leaves it

    resumed = crossloop(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert set(cells(tmp_path)) == expected
    (end,) = records(tmp_path, "end")
    assert end["resumed"] == kept >= 5
    _assert_controlled(tmp_path, end)
    assert "incomplete" not in (tmp_path / "README.md").read_text().lower()


def _assert_controlled(folder: Path, end: dict[str, Any]) -> None:
    """Each scenario's row ran twice, under two names, and its twin is neither a cell nor lost by resuming."""
    assert {record["adapter"] for record in records(folder, "slice")} - set(REFERENCES) == {
        "asyncio",
        "asyncio@twin",
    }
    assert {record["adapter"] for record in records(folder, "cell")} - set(REFERENCES) == {"asyncio"}
    controls = {record["scenario"]: record["control"] for record in records(folder, "comparison")}
    assert set(controls) == {"tcp-echo", "timers"}
    assert all(control["ratio"]["slices"] >= 1 for control in controls.values())
    assert end["noise_floor"] in [control["ratio"] for control in controls.values()]


def _until_slices(folder: Path, wanted: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a bench that began anew has written *wanted* slices."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        journal = folder / "run.jsonl"
        if len(_slices(journal)) >= wanted:
            return
        psutil.wait_procs([], timeout=0)
    raise AssertionError("the bench ended or wrote nothing")


def _slices(journal: Path) -> list[str]:
    try:
        lines = journal.read_text().splitlines()
    except FileNotFoundError:  # just replaced by the journal of the new run
        return []
    if any('"kind":"end"' in line for line in lines):
        return []  # still the journal of the run before
    return [line for line in lines if '"kind":"slice"' in line]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers neither signal to another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_bench_keeps_its_journal(
    tmp_path: Path, number: signal.Signals, none_left: None
) -> None:
    command = [
        sys.executable, "-m", "crossloop", "bench", "--profile", "smoke", "--adapters", "asyncio",
        "--scenarios", "timers", "--out", str(tmp_path),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as supervisor:
        _until_slices(tmp_path, 1, supervisor)  # type: ignore[arg-type]  # text or not is no matter here
        supervisor.send_signal(number)
        _out, errors = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 130, errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert records(tmp_path, "run")


def test_resume_refuses_another_question(tmp_path: Path) -> None:
    arguments = ["bench", "--profile", "smoke", "--adapters", "asyncio", "--out", str(tmp_path)]
    first = crossloop(*arguments, "--scenarios", "timers")
    assert first.returncode == 0, first.stderr
    other = crossloop(*arguments, "--scenarios", "wakeups", "--resume")
    assert other.returncode == 2
    assert "scenarios ['timers'], this is ['wakeups']" in other.stderr


def test_nothing_measured_is_status_3_with_a_page(tmp_path: Path) -> None:
    done = crossloop(
        "--suite", str(HERE / "faulty_suite"), "bench", "--profile", "smoke", "--adapters", "misses,refuses",
        "--scenarios", "timers", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 3
    assert "nothing could be measured" in done.stderr
    assert "this kernel lacks what it takes" in (tmp_path / "missing.md").read_text()


@pytest.mark.parametrize("errors", ["without a reader", "full", "closed"])
def test_what_becomes_of_stderr_costs_the_progress_alone(errors: str, tmp_path: Path) -> None:
    if errors == "full" and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = [
        sys.executable, "-m", "crossloop", "bench", "--profile", "smoke", "--adapters", "asyncio-select",
        "--scenarios", "wakeups,timers", "--no-evidence", "--out", str(tmp_path),
    ]  # fmt: skip
    reading, writing = os.pipe()
    target = os.open("/dev/full", os.O_WRONLY) if errors == "full" else writing
    if errors == "closed" and os.name == "posix":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    try:
        with subprocess.Popen(command, stderr=target, stdout=subprocess.DEVNULL) as bench:
            os.close(reading)
            assert bench.wait(LIMIT_S) == 0
    finally:
        for descriptor in {target, writing}:
            os.close(descriptor)
    measured = [cell["scenario"] for cell in records(tmp_path, "cell") if cell["outcome"] == "measured"]
    assert set(measured) == {"wakeups", "timers"}
    assert records(tmp_path, "end")
    assert (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("platform", "architecture", "said"),
    [("darwin", "arm64", True), ("darwin", "x86_64", False), ("linux", "arm64", False)],
)
def test_a_mac_with_two_kinds_of_cores_says_so(platform: str, architecture: str, said: bool) -> None:
    machine = msgspec.structs.replace(journals.LINUX, platform=platform, architecture=architecture)
    names = [warning.name for warning in warnings_of(journals.run_record(machine), None, {})]
    assert ("cores-differ" in names) == said
