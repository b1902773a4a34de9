"""One run a folder: a second one is refused in words, what is complete stays, and what is taken away ends the run."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from crossloop.journal import JournalError, held

LIMIT_S = 120.0
WORDS = ("--profile", "smoke", "--adapters", "select", "--scenarios", "timers")
BENCH = (*WORDS, "--no-references", "--no-evidence")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "crossloop", *arguments]


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = command("bench", *BENCH, "--out", str(folder), *arguments)
    return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@contextmanager
def begun(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs; it is ended at the latest when the test is."""
    with subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def content(folder: Path) -> dict[str, bytes]:
    """Path below *folder* → content of each file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "complete"
    done = bench(folder)
    assert done.returncode == 0, done.stderr
    assert "run.jsonl.lock" not in content(folder)
    return folder


def test_going_on_with_a_complete_run_changes_nothing(complete: Path) -> None:
    before = content(complete)
    done = bench(complete, "--resume")
    assert done.returncode == 0, done.stderr
    assert "is complete; rendering it again" in done.stderr
    assert content(complete) == before


@pytest.mark.parametrize("arguments", [(), ("--resume",)], ids=["new", "resume"])
def test_a_second_run_in_a_folder_is_refused_and_changes_nothing(
    complete: Path, arguments: tuple[str, ...]
) -> None:
    with held(complete / "run.jsonl"):
        before = content(complete)
        with subprocess.Popen(
            command("bench", *BENCH, "--out", str(complete), *arguments), stderr=subprocess.PIPE, text=True
        ) as second:
            errors = second.communicate(timeout=LIMIT_S)[1]
        after = content(complete)
    assert second.returncode == 2
    (line,) = errors.splitlines()
    assert f"process {psutil.Process().pid} is writing it" in line
    assert after == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("check", "--adapters", "select"), id="check"),
        pytest.param(("selftest", "--adapters", "select", "--comparisons", "1"), id="selftest"),
    ],
)
def test_other_commands_that_write_a_journal_refuse_likewise(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    name = {"check": "checks.jsonl", "selftest": "selftest.jsonl"}[arguments[0]]
    with held(tmp_path / name):
        line = command(*arguments, "--out", str(tmp_path))
        done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2, done.stderr
    assert "is writing it" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_process_that_was_killed_bars_nobody(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.jsonl"
    script = (
        "import sys, pathlib; from crossloop.journal import held\n"
        "with held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(JournalError, match=f"process {holder.pid} is writing it"), held(path):
            raise AssertionError("two hold it")
        holder.kill()
    assert content(path.parent) == {"run.jsonl.lock": b"%d\n" % holder.pid}
    with held(path):
        assert "run.jsonl.lock" in content(path.parent)
    assert not content(path.parent)


def test_a_lock_leaves_a_folder_as_it_was(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "b", tmp_path):
        with held(folder / "run.jsonl"):
            assert folder.is_dir()
        assert not list(tmp_path.iterdir())
    with held(tmp_path / "a" / "run.jsonl"):
        (tmp_path / "a" / "run.jsonl").touch()
    assert list(content(tmp_path / "a")) == ["run.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_a_folder_that_is_removed_ends_the_run_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    with begun("bench", *BENCH, "--profile", "full", "--out", str(folder)) as process:
        journal = folder / "run.jsonl"
        while process.poll() is None and not (journal.exists() and b'"slice"' in journal.read_bytes()):
            pass
        shutil.rmtree(folder)
        output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2, errors
    assert "run.jsonl: removed, moved or replaced while it was being written" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert not output
    assert not folder.exists()


def test_a_renderer_that_is_killed_leaves_the_figures_and_says_so(complete: Path) -> None:
    before = (complete / "run.jsonl").read_bytes()
    with begun("bench", *BENCH, "--out", str(complete), "--resume") as process:
        supervisor = psutil.Process(process.pid)
        while not (renderers := [child for child in supervisor.children() if "report" in _command(child)]):
            assert process.poll() is None
        renderers[0].kill()
        _output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2, errors
    assert f"`crossloop report {complete}` renders them again" in errors.splitlines()[-1]
    assert (complete / "run.jsonl").read_bytes() == before


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it ended between two looks
        return []


def test_a_slice_that_is_there_twice_counts_once(complete: Path, tmp_path: Path) -> None:
    """The run goes on from it: statistics refuse two values of one turn, which ended it in a traceback."""
    lines = (complete / "run.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith((b'{"kind":"end"', b'{"kind":"cell"'))]
    twice = [line for line in kept if line.startswith(b'{"kind":"slice"')][:2]
    (tmp_path / "run.jsonl").write_bytes(b"".join([*kept, *twice]))
    done = bench(tmp_path, "--resume")
    assert done.returncode == 0, done.stderr
    assert b'"resumed":' in (tmp_path / "run.jsonl").read_bytes()
